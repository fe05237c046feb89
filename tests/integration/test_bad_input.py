"""Whatever arrives on an input topic, the worker goes on: bad input is in dead-letter with its reason, the state untouched."""

import asyncio
import json
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from engine_app.log import read_all
from fleawatch.settings import Settings
from fleawatch_schemas.dead_letter import MAX_ORIGINAL_BYTES, DeadLetterHeaders
from fleawatch_schemas.partition import partition_for
from fleawatch_schemas.reasons import Reason
from hostile_records import event, hostile, send_unreadable
from running import workers

AGENT = b"momentum-1"
HOSTILE = hostile(AGENT)


@pytest.mark.broker
async def test_hostile_input_is_dead_lettered_and_changes_nothing(topics: Settings, tmp_path: Path) -> None:
    """Breaks when a record can stop the worker, is dropped without a trace, or is taken for another one's event."""
    source = topics.topic("equity")
    producer = AIOKafkaProducer(
        bootstrap_servers=topics.bootstrap_servers, compression_type="gzip", max_request_size=8_000_000
    )
    await producer.start()
    with workers(topics, 1, tmp_path) as fleet:
        try:
            await producer.send_and_wait(source, event(AGENT, 1), key=AGENT)
            for key, value, _ in HOSTILE:
                await producer.send_and_wait(source, value, key=key)
            await producer.send_and_wait(
                source, event(AGENT, 2, "50.0"), key=AGENT
            )  # a drop of half: it must be seen
        finally:
            await producer.stop()
        try:
            async with asyncio.timeout(60):
                while not (alerts := await values(topics, "alerts")):  # noqa: ASYNC110 -- another process answers
                    await asyncio.sleep(0.5)
        except TimeoutError:
            pytest.fail(fleet.logs())
        assert fleet.stop() == [0], fleet.logs()
    assert {alert["rule"] for alert in alerts} == {"drawdown_exceeded"}  # no gap, no second agent

    dead = await read_all(topics.bootstrap_servers, topics.topic("dead-letter"))
    letters = [
        (record, DeadLetterHeaders.decode(tuple(record.headers)))
        for records in dead.values()
        for record in records
    ]
    expected = sorted((reason, (value or b"")[:MAX_ORIGINAL_BYTES]) for _, value, reason in HOSTILE)
    assert sorted((headers.reason, record.value or b"") for record, headers in letters) == expected
    assert [headers.truncated_from for _, headers in letters if headers.truncated_from] == [
        len(HOSTILE[-1][1] or b"")
    ]


@pytest.mark.broker
async def test_a_header_that_is_no_text_ends_no_worker(topics: Settings, tmp_path: Path) -> None:
    """Kafka takes any bytes for the name of a header. Breaks where the parser's error ends each worker, one after the other,
    also of answers to commands, which agents may write as well.
    """
    partition = partition_for(AGENT, topics.partitions)
    source, acks = topics.topic("equity"), topics.topic("command-acks")
    async with AIOKafkaProducer(bootstrap_servers=topics.bootstrap_servers) as producer:
        await send_unreadable(producer, acks, partition, [(AGENT, b"{}")] * 3)
        with workers(topics, 1, tmp_path) as fleet:
            spoilt = [(AGENT, event(AGENT, 1)), (AGENT, event(AGENT, 2)), (AGENT, event(AGENT, 3))]
            await send_unreadable(producer, source, partition, spoilt)
            await producer.send_and_wait(source, event(AGENT, 4, "50.0"), key=AGENT, partition=partition)
            async with asyncio.timeout(60):
                while len(told := await values(topics, "alerts")) < 2:
                    assert fleet.workers[0].poll() is None, fleet.logs()
                    await asyncio.sleep(0.5)
            assert fleet.stop() == [0], fleet.logs()
    assert {alert["rule"] for alert in told} == {"drawdown_exceeded", "sequence_gap"}
    dead = await read_all(topics.bootstrap_servers, topics.topic("dead-letter"))
    letters = [record for records in dead.values() for record in records]
    assert sorted(DeadLetterHeaders.decode(tuple(one.headers)).source_offset for one in letters) == [1, 2]
    assert {DeadLetterHeaders.decode(tuple(one.headers)).reason for one in letters} == {Reason.NOT_JSON}
    assert all(b"record 1 before it in its batch, cannot be parsed" in (one.value or b"") for one in letters)


async def values(settings: Settings, topic: str) -> list[dict[str, object]]:
    found = await read_all(settings.bootstrap_servers, settings.topic(topic))
    told = [json.loads(record.value or b"") for records in found.values() for record in records]
    return [one for one in told if not one["agent_id"].startswith("_")]
