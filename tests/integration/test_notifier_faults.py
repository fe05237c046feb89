"""What may happen to a notifier and to its receiver, and what people are told all the same (faults 15, 17 and 21)."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from conftest import FAST_CLEANING, Kafka
from failing_notifier import STAGES
from fleawatch.local.broker import QUICK, Broker
from fleawatch_schemas.wire import Alert
from notifier_bench import Bench, alert, ids, open_bench
from stand_ins.server import answer

pytestmark = pytest.mark.broker
LONGEST_TO_OTHERS_SECS = 60.0


@pytest.fixture
async def bench(kafka: Kafka, tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(kafka.bootstrap, tmp_path) as made:
        yield made


@pytest.mark.parametrize("stage", STAGES)
async def test_killed_at_each_stage(bench: Bench, stage: str) -> None:
    """Told already and not yet on record, one message comes again, under its id; at every other stage none does.

    Breaks (L > 0) where a place is committed before its alert is told, (N > 1) where more than one message is between
    the call and the record.
    """
    await bench.publish(alert(1), alert(2), alert(3))
    dying = await bench.start("telegram", module=("failing_notifier", stage, "2"))
    async with asyncio.timeout(40):
        assert await dying.process.wait() == -signal.SIGKILL
    await bench.start("telegram")
    await bench.wait_committed("telegram", 3)
    told = ids(call.text for call in bench.telegram.delivered)
    again = [f"{2:016x}"] if stage in {"after-call", "before-log"} else []
    assert sorted(told) == sorted([f"{n:016x}" for n in (1, 2, 3)] + again)


async def test_killed_at_random_moments(bench: Bench) -> None:
    """Alerts fire and are over meanwhile. Everybody who was told that one fires is told that it is over."""
    rng, kills = random.Random(7), 3
    alerts = [alert(n) for n in range(1, 7)]
    over = [
        msgspec.structs.replace(one, status="resolved", reason="cleared", ts=one.ts + 60) for one in alerts
    ]
    notifier = await bench.start("telegram")
    for index in range(kills):
        await bench.publish(*alerts[2 * index : 2 * index + 2], *over[2 * index - 2 : 2 * index])
        await bench.telegram.wait_for_calls(len(bench.telegram.calls) + 1)
        await asyncio.sleep(rng.uniform(0, 3))
        await notifier.end(signal.SIGKILL)
        notifier = await bench.start("telegram")
    await bench.publish(*over)
    await bench.wait_committed("telegram", await bench.end(), 90)
    firsts = [message for message in bench.telegram.messages.values() if message.reply_to is None]
    shown = {found: message for message in firsts for found in ids([message.text])}
    assert shown.keys() == {one.alert_id for one in alerts}
    assert all(message.text.startswith("🟢 CRITICAL RESOLVED") for message in shown.values())
    assert len(firsts) - len(alerts) <= kills
    assert not bench.telegram.refused_for_pace


FAILOVER = """\
night: false
waits: {{failover: {failover}}}
routes:
  - {{name: to-both, match: {{agent: [agent-0]}}, receivers: [telegram, slack]}}
  - {{name: to-telegram, match: {{severity: [CRITICAL]}}, receivers: [telegram], escalation: []}}
"""


@pytest.mark.parametrize(
    ("down_secs", "failover_secs", "alerts"),
    [
        pytest.param(20.0, 1.5, 12, id="at a thirtieth of the time"),
        pytest.param(600.0, 45.0, 40, id="ten minutes", marks=[pytest.mark.slow, pytest.mark.timeout(1500)]),
    ],
)
async def test_a_channel_that_is_down_is_stood_in_for_and_its_backlog_is_a_digest(
    kafka: Kafka, tmp_path: Path, down_secs: float, failover_secs: float, alerts: int
) -> None:
    async with open_bench(kafka.bootstrap, tmp_path, FAILOVER.format(failover=failover_secs)) as bench:
        await bench.publish(alert(0))
        for channel in ("telegram", "slack"):
            await bench.start(channel)
        await asyncio.gather(bench.telegram.wait_for_delivered(1), bench.slack.wait_for_delivered(1))
        bench.telegram.down = answer(503)
        expected: dict[str, float] = {alert(0).alert_id: bench.slack.clock()}
        clock = bench.slack.clock
        for number in range(1, alerts + 1):
            made = alert(number)
            expected[made.alert_id] = clock()
            await bench.publish(made)
            await asyncio.sleep(down_secs / 2 / alerts)
        await asyncio.sleep(down_secs / 2)
        seen = bench.slack.first_seen()
        assert seen.keys() == expected.keys(), "while telegram is still down"
        worst = max(seen[one] - expected[one] for one in expected)
        assert worst <= LONGEST_TO_OTHERS_SECS
        assert "telegram has not delivered it" in bench.slack.delivered[1].text
        bench.telegram.down = None
        await bench.wait_committed("telegram", 1 + alerts, 120)
        assert bench.telegram.first_seen().keys() == expected.keys()
        assert len(bench.telegram.delivered) <= 4, (
            "a digest, not one after the other"
        )  # its file is a call of its own
        assert not bench.telegram.refused_for_pace + bench.slack.refused_for_pace


async def test_a_restart_with_fifty_open_alerts_says_nothing_again(bench: Bench) -> None:
    """Also when the group's offsets are lost, and the monitor publishes what is open again. Breaks where a process takes
    what it does not know for news.
    """
    alerts = [alert(n) for n in range(1, 51)]
    await bench.publish(*alerts)
    notifier = await bench.start("telegram")
    await bench.wait_committed("telegram", 50, 60)
    assert bench.telegram.first_seen().keys() == {one.alert_id for one in alerts}
    calls = len(bench.telegram.calls)
    for wait in ("killed", "stopped"):
        await notifier.end(signal.SIGKILL if wait == "killed" else signal.SIGTERM)
        await bench.publish(*(_again(one) for one in alerts))
        notifier = await bench.start("telegram")
        await bench.wait_committed("telegram", await bench.end(), 60)
    await notifier.end(signal.SIGTERM)
    bench.app_id += "-anew"
    await bench.start("telegram")
    await bench.wait_committed("telegram", await bench.end(), 60)
    await asyncio.sleep(3)
    assert len(bench.telegram.calls) == calls


def _again(one: Alert) -> Alert:
    return msgspec.structs.replace(one, ts=one.ts + 300)


@pytest.mark.parametrize(
    "away_secs",
    [
        pytest.param(8.0, id="seconds"),
        pytest.param(120.0, id="two minutes", marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
    ],
)
async def test_a_broker_that_is_away_is_waited_for(tmp_path: Path, away_secs: float) -> None:
    """One process, without a supervisor. Breaks where it ends, hangs, or says again what it said before."""
    async with (
        Broker(tmp_path / "kafka", properties=FAST_CLEANING, java_options=QUICK) as broker,
        open_bench(broker.bootstrap, tmp_path) as bench,
    ):
        notifier = await bench.start("telegram")
        await bench.publish(alert(1))
        await bench.wait_committed("telegram", 1)
        await asyncio.to_thread(broker.kill)
        await asyncio.sleep(away_secs)
        await asyncio.to_thread(broker.start)
        await bench.publish(alert(1), alert(2))
        try:
            await bench.telegram.wait_for_delivered(2, 90)
        except TimeoutError:
            pytest.fail(notifier.output.decode())
        assert notifier.process.returncode is None, notifier.output.decode()
        await bench.wait_committed("telegram", 3, 60)
        assert ids(call.text for call in bench.telegram.delivered) == [f"{1:016x}", f"{2:016x}"]
