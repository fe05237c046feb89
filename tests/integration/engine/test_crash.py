"""`kill -9` at random moments: the state and the outputs that remain are those of an offline recomputation."""

import asyncio
import os
import random
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Kafka
from engine_app.counting import Tally, apply
from engine_app.fleet import Fleet, python
from engine_app.log import create_topics, final_state, produce, read_all, wait_for_no_lag

PARTITIONS = 4
KILLS = int(os.environ.get("FLEAWATCH_TEST_KILLS", "4"))
SEEDS = [int(seed) for seed in os.environ.get("FLEAWATCH_TEST_SEEDS", "1").split(",")]


@pytest.mark.broker
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_lost_and_nothing_counted_twice(
    kafka: Kafka, tmp_path: Path, seed: int, record_property: Callable[[str, object], None]
) -> None:
    rng = random.Random(seed)
    name = f"crash-{uuid.uuid4().hex[:8]}"
    source, out, changelog = f"{name}-in", f"{name}-out", f"{name}-tally-changelog"
    await create_topics(
        kafka.bootstrap, {source: {}, out: {}, changelog: {"cleanup.policy": "compact"}}, PARTITIONS
    )
    rate = 8_000
    seconds = 8 + 3 * KILLS
    records = [(b"key-%d" % rng.randrange(300), b"%d" % rng.randrange(1000)) for _ in range(rate * seconds)]
    command = python(
        "-m",
        "engine_app.counting",
        name,
        kafka.bootstrap,
        source,
        out,
        str(PARTITIONS),
        f"{tmp_path}/d{{worker}}",
    )
    with Fleet(command, 2, tmp_path) as fleet:
        producing = asyncio.create_task(produce(kafka.bootstrap, source, records, per_second=rate))
        await asyncio.sleep(6)
        await asyncio.to_thread(fleet.kill_at_random, KILLS, rng, lambda: rng.uniform(0.1, 5.0))
        await producing
        try:
            caught_up = await wait_for_no_lag(kafka.bootstrap, name, [source], 60)
        except TimeoutError:
            pytest.fail(fleet.logs())
        assert fleet.stop() == [0, 0], fleet.logs()
    record_property("caught_up_secs", round(caught_up, 1))

    expected_state: dict[int, dict[bytes, Tally]] = {}
    expected_outputs: set[tuple[bytes, bytes]] = set()
    log = await read_all(kafka.bootstrap, source)
    assert sum(map(len, log.values())) == len(records)
    for partition, partition_records in log.items():
        states: dict[bytes, Tally] = {}
        expected_outputs.update(apply(partition_records, states, set()))
        expected_state[partition] = states
    stored = await final_state(kafka.bootstrap, changelog)
    assert {p: {k: Tally.unpack(v) for k, v in held.items()} for p, held in stored.items()} == expected_state
    sent = {
        (record.key, record.value)
        for records in (await read_all(kafka.bootstrap, out)).values()
        for record in records
    }
    assert sent == expected_outputs
