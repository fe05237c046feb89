"""Nobody is said to have stopped because Kafka was away, or because everybody was deployed anew (fault 27)."""

import asyncio
import json
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from conftest import FAST_CLEANING
from engine_app.log import produce, read_all
from faults.arena import ready
from fleawatch import Emitter
from fleawatch.local.broker import QUICK, Broker
from fleawatch.settings import Settings
from fleawatch.topics import ensure_topics
from running import workers

pytestmark = [pytest.mark.broker, pytest.mark.timeout(900)]
MORE_SECS = 4.0  # for looks that take place each second, and what is under way
BOTS = 8


async def rules_of_alerts(settings: Settings) -> Counter[str]:
    by_partition = await read_all(settings.bootstrap_servers, settings.topic("alerts"))
    return Counter(json.loads(r.value or b"")["rule"] for records in by_partition.values() for r in records)


async def beats(settings: Settings) -> set[str]:
    """Who has sent a heartbeat lately."""
    since = (time.time() - 2) * 1000
    by_partition = await read_all(settings.bootstrap_servers, settings.topic("health"))
    return {
        (r.key or b"").decode() for records in by_partition.values() for r in records if r.timestamp >= since
    }


def last_sign(agent_id: str) -> tuple[bytes, bytes]:
    fields = {"v": 1, "agent_id": agent_id, "epoch": 1, "seq": 0, "ts": time.time(), "status": "ok"}
    return agent_id.encode(), json.dumps(fields | {"uptime_secs": 1, "interval_secs": 1}).encode()


@pytest.mark.parametrize(
    ("floor_secs", "away_secs"),
    [
        pytest.param(4.0, 12.0, id="three times what is silence"),
        pytest.param(90.0, 120.0, id="two minutes", marks=pytest.mark.slow),
    ],
)
async def test_the_broker_is_away_and_then_everybody_restarts(
    tmp_path: Path, floor_secs: float, away_secs: float
) -> None:
    """Real kits, a real monitor. Breaks where silence of ours is taken for silence of theirs; and, at the end, where an agent
    that is really silent is not told. Kits are back within seconds: the floor must not be below that.
    """
    async with Broker(tmp_path / "kafka", properties=FAST_CLEANING, java_options=QUICK) as broker:
        settings = Settings(
            bootstrap_servers=broker.bootstrap, topic_prefix="t.", app_id="t.monitor", partitions=4,
            data_dir=tmp_path / "data",
        )  # fmt: skip
        await ensure_topics(broker.bootstrap, settings, create=True)

        def deploy(stack: ExitStack) -> None:
            for bot in range(BOTS):
                stack.enter_context(Emitter(f"bot-{bot}", settings, heartbeat_secs=1.0))

        async def everybody_is_heard() -> None:
            async with asyncio.timeout(90):
                while len(await beats(settings)) < BOTS:  # noqa: ASYNC110 they are threads and processes
                    await asyncio.sleep(0.5)

        with workers(settings, 1, tmp_path, liveness_floor_secs=str(floor_secs)) as monitor:
            first, second = ExitStack(), ExitStack()
            deploy(first)
            await everybody_is_heard()
            await ready(monitor)
            await asyncio.sleep(2 * MORE_SECS)  # the monitor knows them all
            await asyncio.to_thread(broker.kill)
            await asyncio.sleep(away_secs)
            await asyncio.to_thread(broker.start)
            await everybody_is_heard()
            await asyncio.sleep(floor_secs + MORE_SECS)
            await asyncio.to_thread(first.close)  # they say that they stop
            await asyncio.to_thread(deploy, second)
            await everybody_is_heard()
            await asyncio.sleep(floor_secs + MORE_SECS)
            told = await rules_of_alerts(settings)
            assert not {"agent_stopped", "fleet_silent", "agent_unmonitored"} & told.keys(), (
                f"{told}\n{monitor.logs()}"
            )
            await produce(broker.bootstrap, settings.topic("health"), [last_sign("lost")])
            async with asyncio.timeout(floor_secs + 60):
                while (await rules_of_alerts(settings))["agent_stopped"] != 1:  # noqa: ASYNC110
                    await asyncio.sleep(0.5)
            await asyncio.to_thread(second.close)
