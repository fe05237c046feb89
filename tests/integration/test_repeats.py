"""A quiet agent's open alert through the death of its worker: said again under its id, and over when the agent says so."""

import asyncio
import time
from pathlib import Path

import orjson
import pytest

from core_records import equity_event
from engine_app.fleet import Fleet
from engine_app.log import produce, read_all
from fleawatch.operator.incidents import Incidents
from fleawatch.settings import Settings
from fleawatch_schemas.codec import decode_alert
from fleawatch_schemas.wire import Alert
from running import workers


async def send(settings: Settings, seq: int, equity: float, ts: float) -> None:
    event = equity_event(seq, equity, ts=ts)
    await produce(
        settings.bootstrap_servers, settings.topic("equity"), [(b"momentum-1", orjson.dumps(event))]
    )


async def told(settings: Settings) -> list[tuple[Alert, float]]:
    """The drawdown's alerts, with the times at which the topic took them."""
    by_partition = await read_all(settings.bootstrap_servers, settings.topic("alerts"))
    found = [(decode_alert(r.value or b""), r.timestamp / 1000) for rs in by_partition.values() for r in rs]
    return [(alert, heard) for alert, heard in found if alert.rule == "drawdown_exceeded"]


async def wait_for(settings: Settings, count: int, seconds: float, fleet: Fleet) -> list[tuple[Alert, float]]:
    try:
        async with asyncio.timeout(seconds):
            while len(found := await told(settings)) < count:  # noqa: ASYNC110 the worker is another process
                await asyncio.sleep(0.5)
            return found
    except TimeoutError:
        pytest.fail(f"{await told(settings)}\n{fleet.logs()}")


@pytest.mark.broker
@pytest.mark.timeout(300)
async def test_an_open_alert_of_a_quiet_agent_outlives_its_worker(topics: Settings, tmp_path: Path) -> None:
    """Breaks when receivers have to call it unknown, or take its end for older than what was said last."""
    began = time.time() - 7200  # its clock is slow, or it came late: our own must not be mixed into its story
    with workers(topics, 1, tmp_path) as fleet:
        await send(topics, 0, 100.0, began)
        await send(topics, 1, 80.0, began + 30)
        ((opened, _),) = await wait_for(topics, 1, 60, fleet)
        await asyncio.sleep(3)  # its state is in the changelog
        fleet.kill(0)
        _, (again, _) = await wait_for(topics, 2, 150, fleet)
        same = ("alert_id", "status", "severity", "ts", "started_ts", "labels", "source")
        assert [getattr(again, name) for name in same] == [getattr(opened, name) for name in same]
        await send(topics, 2, 99.0, began + 60)
        found = await wait_for(topics, 3, 60, fleet)
        assert fleet.stop() == [0], fleet.logs()
    incidents = Incidents()
    for alert, heard in found:
        incidents.add(alert, heard)
    (incident,) = incidents.by_id.values()
    assert incident.standing(time.time()) == "resolved"
