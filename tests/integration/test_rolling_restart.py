"""Two monitors restarted one after the other, as an upgrade does it, while events come: nothing lost, nothing twice."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from core_records import packed, unpacked
from engine_app.log import final_state, produce, read_all, wait_for_no_lag
from faults.arena import ready
from fleawatch.core.equity_state import EquityState
from fleawatch.core.outputs import Output
from fleawatch.core.pipeline import equity_pipeline
from fleawatch.engine.parts import split_key
from fleawatch.settings import Settings
from integration.test_crash_monitor import equity_events, identities
from running import fixed_share, workers

RATE = 3_000
SECS = 40
STOP_SECS = 30.0


def one(output: Output) -> tuple[str, ...]:
    (identity,) = identities([output])
    return identity


@pytest.mark.broker
@pytest.mark.timeout(300)
async def test_nothing_lost_and_nothing_twice(
    topics: Settings, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Unlike after `kill -9`, no output may come twice.

    Breaks when a worker that is told to stop leaves without its last barrier, or its successor begins elsewhere.
    """
    servers, source = topics.bootstrap_servers, topics.topic("equity")
    events = equity_events(random.Random(11), RATE * SECS)
    took = []
    await fixed_share(topics)
    with workers(topics, 2, tmp_path) as fleet:
        producing = asyncio.create_task(produce(servers, source, events, per_second=RATE))
        await ready(fleet)
        await asyncio.sleep(8)
        for index in (0, 1):
            began = time.monotonic()
            assert await asyncio.to_thread(fleet.restart, index, STOP_SECS) == 0, fleet.logs()
            took.append(time.monotonic() - began)
            await ready(fleet)
            await asyncio.sleep(5)
        await producing
        try:
            await wait_for_no_lag(servers, topics.app_id, [source], 60)
        except TimeoutError:
            pytest.fail(fleet.logs())
        assert fleet.stop() == [0, 0], fleet.logs()
    record_property("stop_secs", [round(secs, 1) for secs in took])

    pipeline = equity_pipeline(topics.partitions)
    expected: Counter[tuple[str, ...]] = Counter()
    changelog = await final_state(servers, f"{topics.app_id}-equity-changelog")
    for partition, records in (await read_all(servers, source)).items():
        held: dict[bytes, EquityState] = {}
        expected.update(one(output) for output in pipeline.apply(partition, records, held, set()).outputs)
        stored = changelog[partition]
        agents = [key for key in stored if not split_key(key)[1]]
        restored = {key: unpacked(EquityState.unpack, key, stored) for key in agents}
        assert packed(restored) == packed(held)
    sent: Counter[tuple[str, ...]] = Counter()
    for name in ("anomalies", "alerts", "dead-letter"):
        for records in (await read_all(servers, topics.topic(name))).values():
            sent.update(
                one(Output(name, r.key or b"", r.value or b"", tuple(r.headers)))
                for r in records
                if not (r.key or b"").startswith(b"_")  # the monitor's word on itself
            )
    assert sent == expected
    assert len({kind for kind, *_ in expected}) == 3  # or the run proved little
