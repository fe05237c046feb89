"""What must stop a worker: loudly, with an exit code, and with nothing committed past it."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.structs import OffsetAndMetadata

from conftest import Kafka
from engine_app.counting import Tally
from engine_app.job import Job, exit_code, numbers
from engine_app.log import final_state

pytestmark = [pytest.mark.broker, pytest.mark.timeout(300)]


async def configure(bootstrap: str, topic: str, config: Mapping[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, dict(config))])
    finally:
        await admin.close()


async def finish(job: Job) -> list[str]:
    """The job's mistakes, after a healthy worker has finished it."""
    with job.workers() as healthy:
        await job.caught_up(healthy)
        assert await asyncio.to_thread(healthy.stop) == [0], healthy.logs()
    return await job.mistakes()


async def test_state_that_cannot_be_written(kafka: Kafka, tmp_path: Path) -> None:
    """Breaks when a send error is only logged, as stock Faust does: offsets would advance over unwritten state."""
    job = await Job.create(kafka.bootstrap, tmp_path, changelog={"max.message.bytes": "100"})
    await job.produce(numbers(500))
    with job.workers() as fleet:
        assert await exit_code(fleet) not in {0, None}
        assert "commit barrier failed (3 of 3)" in fleet.logs(1_000_000)
    assert await job.behind() == 500
    await configure(kafka.bootstrap, job.changelog, {"cleanup.policy": "compact"})
    assert await finish(job) == []


async def test_an_output_that_the_broker_rejects(kafka: Kafka, tmp_path: Path) -> None:
    """Breaks when a failed output is forgotten: the tenth record's would be lost for ever."""
    job = await Job.create(kafka.bootstrap, tmp_path, partitions=1, out={"max.message.bytes": "30"})
    await job.produce([(b"key", b"1")] * 9)
    with job.workers() as fleet:
        await job.caught_up(fleet)
        await job.produce([(b"key", b"1")] * 5)
        assert await exit_code(fleet) not in {0, None}
        assert "MessageSizeTooLargeError" in fleet.logs(1_000_000)
    assert await job.committed() == {0: 9}
    await configure(kafka.bootstrap, job.out, {"cleanup.policy": "delete"})
    assert await finish(job) == []


async def test_an_agent_that_raises(kafka: Kafka, tmp_path: Path) -> None:
    """Breaks when Faust's way is left in place: it acks the batch, skips it, and starts the agent again.

    The batch is applied in part when it raises; breaks, too, when the last barrier writes that.
    """
    job = await Job.create(kafka.bootstrap, tmp_path, partitions=1)
    await job.produce([(b"key", b"1")] * 50 + [(b"key", b"not a number")] + [(b"key", b"1")] * 50)
    for _ in range(2):
        with job.workers() as fleet:
            assert await exit_code(fleet) not in {0, None}
            assert "failed, nothing more is written or committed: ValueError" in fleet.logs(1_000_000)
        assert (await job.committed())[0] in {None, *range(51)}
        for value in (await final_state(kafka.bootstrap, job.changelog))[0].values():
            assert Tally.unpack(value).offset < 50


async def test_a_timer_that_raises(kafka: Kafka, tmp_path: Path) -> None:
    """Breaks where only agents halt the barrier: the last one, as the worker ends, would write what a rule changed in part."""
    job = await Job.create(kafka.bootstrap, tmp_path, partitions=1)
    await job.produce(numbers(100))
    with job.workers(faults="timer-raises") as fleet:
        assert await exit_code(fleet) not in {0, None}
        assert "half way" in fleet.logs(1_000_000)
    assert await finish(job) == []


async def test_a_state_that_cannot_be_read(kafka: Kafka, tmp_path: Path) -> None:
    """Breaks when recovery is Faust's: it logs and hangs. One line names the record."""
    job = await Job.create(kafka.bootstrap, tmp_path, partitions=1)
    await job.produce(numbers(20))
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        await producer.send_and_wait(job.changelog, b"\xff from a newer release", key=b"key-1", partition=0)
    with job.workers() as fleet:
        assert await exit_code(fleet) not in {0, None}
        assert f"recovery failed: {job.changelog}[0]@0" in fleet.logs(1_000_000)
    assert await job.behind() == 20


async def test_a_changelog_that_was_cut(kafka: Kafka, tmp_path: Path) -> None:
    """Breaks when what is left of it passes for all there was: what it knew of the other keys would be lost, silently."""
    job = await Job.create(kafka.bootstrap, tmp_path, partitions=1)
    await job.produce(numbers(50))
    with job.workers() as fleet:
        await job.caught_up(fleet)
        assert await asyncio.to_thread(fleet.stop) == [0]
    await configure(
        kafka.bootstrap, job.changelog, {"cleanup.policy": "compact,delete"}
    )  # or Kafka refuses it
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(job.changelog, 0): RecordsToDelete(before_offset=3)})
    finally:
        await admin.close()
    await job.produce(numbers(20))
    with job.workers() as fleet:
        assert await exit_code(fleet) not in {0, None}
        assert f"recovery failed: {job.changelog}[0]: what was before offset 3 is gone" in fleet.logs(
            1_000_000
        )
    assert await job.behind() == 20


async def test_a_committed_offset_beyond_the_end_of_the_log(kafka: Kafka, tmp_path: Path) -> None:
    """The topic was made anew. Breaks when the worker waits there: it would skip what is produced until then."""
    job = await Job.create(kafka.bootstrap, tmp_path, partitions=1)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap, group_id=job.name, enable_auto_commit=False
    )
    await consumer.start()
    try:
        tp = TopicPartition(job.source, 0)
        consumer.assign([tp])
        await consumer.commit({tp: OffsetAndMetadata(100, "")})
    finally:
        await consumer.stop()
    with job.workers() as fleet:
        assert await exit_code(fleet) not in {0, None}
        assert "committed offset 100 is beyond the log's end 0" in fleet.logs(1_000_000)


@pytest.mark.parametrize("running", [True, False])
async def test_a_source_topic_that_was_made_anew(kafka: Kafka, tmp_path: Path, running: bool) -> None:
    """Kafka forgets its committed offsets with it. Breaks when new records pass for known ones: their offsets are low again."""
    job = await Job.create(kafka.bootstrap, tmp_path, partitions=1)
    await job.produce(numbers(50))
    with job.workers() as fleet:
        await job.caught_up(fleet)
        if not running:
            assert await asyncio.to_thread(fleet.stop) == [0]
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        try:
            await admin.delete_topics([job.source])
            await asyncio.sleep(1)
            await admin.create_topics([NewTopic(job.source, 1, 1)])
        finally:
            await admin.close()
        await job.produce(numbers(20))
        with fleet if running else job.workers() as knowing:
            assert await exit_code(knowing, seconds=90) not in {0, None}
            assert "is beyond the log's end" in knowing.logs(1_000_000)


@pytest.mark.slow
async def test_a_changelog_that_was_deleted(kafka: Kafka, tmp_path: Path) -> None:
    """Breaks without a deadline for acknowledgements: the idempotent producer retries for ever, and nothing is said."""
    job = await Job.create(kafka.bootstrap, tmp_path, partitions=1)
    await job.produce(numbers(20))
    with job.workers() as fleet:
        await job.caught_up(fleet)
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        try:
            await admin.delete_topics([job.changelog])
        finally:
            await admin.close()
        await job.produce(numbers(20))
        assert await exit_code(fleet, seconds=180) not in {0, None}
    assert await job.behind() == 20
