"""agent_unmonitored: alive, but nothing of its equity is seen. (agent_stopped: `test_rules.py`.)"""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from core_records import EPOCH, START, Run, equity_event, health_event
from fleawatch.core.calendar import Calendar
from fleawatch.core.outputs import Output
from fleawatch.core.pipeline import health_pipeline
from fleawatch.core.rules import DEFAULTS
from fleawatch.core.silence import UNDECLARED_SECS, Side, stopped, unmonitored
from fleawatch_schemas.ids import alert_id
from fleawatch_schemas.wire import Alert

RULE = "agent_unmonitored"


class Watched:
    """An agent that declares equity each 60 s, seen by a worker that has read both partitions since `since`."""

    def __init__(self, since: float | None = START, **first: Any) -> None:
        self.health = Run(health_pipeline(1))
        self.equity = Run()
        self.since = since
        self.refused = ""
        self.interval: float | None = None
        self.told: list[Alert] = []
        self.seq = {"health": 0, "equity": 0}
        self.first: dict[str, Any] = {"equity_interval_secs": 60} | first

    def beat(self, at: float, **changes: Any) -> None:
        self.health.feed(health_event(self.seq["health"], **({"ts": START + at} | self.first | changes)))
        self.seq["health"] += 1

    def snapshot(self, at: float, **changes: Any) -> None:
        self.equity.feed(equity_event(self.seq["equity"], 100.0, **({"ts": START + at} | changes)))
        self.seq["equity"] += 1

    def tick(self, at: float) -> list[Alert]:
        state = self.equity.state if self.equity.states else None
        side = Side(state, self.since, self.interval, self.refused)
        outputs = unmonitored(self.health.state, side, START + at)
        alerts = [read(output) for output in outputs]
        self.told += alerts
        return alerts

    def live(self, begin: int, end: int, **changes: Any) -> list[tuple[int, str]]:
        """A heartbeat and a tick each 10 s; what was told when."""
        found: list[tuple[int, str]] = []
        for at in range(begin, end, 10):
            self.beat(at, **changes)
            found += [(at, alert.status) for alert in self.tick(at)]
        return found


def read(output: Output) -> Alert:
    return msgspec.json.decode(output.value, type=Alert)


def test_three_intervals_without_equity() -> None:
    agent = Watched()
    agent.snapshot(0)
    assert agent.live(0, 250) == [(190, "firing")]
    (fired,) = agent.told
    assert (fired.rule, fired.severity, fired.unit, fired.threshold) == (RULE, "CRITICAL", "intervals", 3)
    assert fired.title == "momentum-1: alive but unmonitored: no equity for 3 min, none came"
    assert fired.alert_id == alert_id("momentum-1", RULE, "equity", EPOCH, 0)


def test_the_next_equity_event_resolves_and_the_cooldown_holds() -> None:
    """Each 200 s an event: ten seconds too late. Once in 300 s that is told."""
    agent = Watched()
    told = []
    for at in range(0, 1200, 200):
        agent.snapshot(at)
        told += agent.live(at, at + 200)
    assert told == [
        (at, status) for at in (190, 590, 990) for at, status in ((at, "firing"), (at + 10, "resolved"))
    ]
    ids = [alert.alert_id for alert in agent.told]
    assert ids[0] == ids[1] != ids[2]


def test_within_the_cooldown_a_longer_silence_is_told() -> None:
    agent = Watched()
    agent.snapshot(0)
    agent.live(0, 200)
    agent.snapshot(201)
    assert agent.live(210, 500) == [(210, "resolved"), (400, "firing")]


def test_equity_that_keeps_coming_is_never_an_alert() -> None:
    agent = Watched()
    for minute in range(20):
        agent.snapshot(60 * minute)
        assert not agent.live(60 * minute, 60 * minute + 60)


def test_it_is_repeated_while_it_lasts() -> None:
    agent = Watched()
    agent.snapshot(0)
    assert [at for at, _ in agent.live(0, 1000)] == [190, 490, 790]


@pytest.mark.parametrize(
    ("declared", "registered", "fires"),
    [(60, None, 190), (60, 100.0, 310), (10, None, 100), (None, 100.0, 310), (None, None, 910)],
)
def test_whose_interval_counts(declared: float | None, registered: float | None, fires: int) -> None:
    """The registry's before the agent's own; without either a long one; and never less than the floor."""
    agent = Watched(equity_interval_secs=declared)
    agent.interval = registered
    assert agent.live(0, 1000)[0] == (fires, "firing")
    assert agent.told[0].alert_id == alert_id("momentum-1", RULE, "health", EPOCH, 0)


def test_an_undeclared_agent_that_sends_seldom_has_its_own_interval() -> None:
    agent = Watched(equity_interval_secs=None)
    for day in range(3):
        agent.snapshot(86_400 * day)
    assert agent.equity.state.interval > UNDECLARED_SECS
    agent.since = START + 2 * 86_400
    assert not agent.live(2 * 86_400, 2 * 86_400 + 3000)


def test_a_market_that_closes_is_no_outage() -> None:
    """Ten minutes before the close, over a weekend, and in the next session: only open minutes count, 3 of 5 each."""
    day, hour = 86_400, 3600
    start = int(START)
    sessions = [(start - hour, start + 600), (start + 3 * day, start + 3 * day + 8 * hour)]
    agent = Watched(equity_interval_secs=300)
    agent.beat(0)
    agent.health.state.use(replace(DEFAULTS, calendar=Calendar("test", sessions)))
    agent.snapshot(0)
    for at in range(0, 3 * day, hour):
        assert not agent.live(at, at + 20)
    told = agent.live(3 * day, 3 * day + 600)
    assert told == [(3 * day + 310, "firing")], "15 minutes, 10 of which before the close"


def test_a_dead_agent_is_stopped_not_unmonitored() -> None:
    """Health each 40 s, equity each 10 s: equity is overdue before health is, and still it is not called alive."""
    agent = Watched(interval_secs=40, equity_interval_secs=10)
    agent.beat(0)
    agent.snapshot(0)
    state = agent.health.state
    told = []
    for at in range(1, 400):
        told += agent.tick(at)
        told += [read(output) for output in stopped(state, START + at, START)]
    assert [alert.rule for alert in told] == ["agent_stopped"]


def test_after_a_pause_of_ours_there_is_full_grace_again() -> None:
    agent = Watched(since=None)
    assert not agent.live(0, 1000)
    agent.since = START + 1000
    assert agent.live(1000, 1300) == [(1190, "firing")]


@pytest.mark.parametrize(
    "back",
    [
        {"epoch": EPOCH + 1},  # restarted
        {"equity_interval_secs": 61},  # another interval
    ],
)
def test_a_restart_and_another_interval_begin_a_new_grace(back: dict[str, Any]) -> None:
    agent = Watched()
    assert not agent.live(0, 180)
    assert not agent.live(180, 180 + 180, **back)
    assert agent.live(360, 400, **back)[0][1] == "firing"


def test_stopping_and_unreachable_agents_are_not_judged() -> None:
    agent = Watched()
    assert not agent.live(0, 1000, status="stopping")
    agent = Watched()
    assert not agent.live(0, 1000, checks={"reachable": {"ok": False}})
    assert not agent.live(1000, 1180, checks={"reachable": {"ok": True}})
    assert agent.live(1180, 1220, checks={"reachable": {"ok": True}})


def test_an_open_alert_outlives_a_restart_of_the_worker_and_is_resolved_by_equity_alone() -> None:
    agent = Watched()
    agent.snapshot(0)
    agent.live(0, 200)
    agent.health.restart()
    agent.equity.states = {}  # what it knows of receipt is not stored
    agent.since = START + 200
    agent.seq["equity"] = 5
    assert not agent.live(200, 380)  # our grace resolves nothing
    agent.snapshot(381)
    assert agent.live(390, 400) == [(390, "resolved")]


def test_a_worker_that_has_just_started_knows_how_long_it_has_been_silent() -> None:
    """Breaks when it counts from the agent's start, hours ago."""
    agent = Watched()
    agent.live(0, 100)
    agent.snapshot(7200)
    agent.equity.restart()
    agent.since = START + 7210
    assert agent.live(7210, 7420) == [(7400, "firing")]
    assert "no equity for 3 min" in agent.told[0].title


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        ("", "none came"),
        ("currency_changed", "rejected: currency_changed"),
        ("future", "quarantined: its times are in the future"),
        ("stale_epoch", "stale: it comes from an earlier process of this agent"),
    ],
)
def test_the_reason_is_named(refused: str, why: str) -> None:
    agent = Watched()
    agent.refused = refused
    agent.live(0, 200)
    assert agent.told[0].title.endswith(why)


def test_events_that_are_older_than_one_before_are_no_equity() -> None:
    """Breaks when a clock that once was wrong hides for minutes that nothing is applied."""
    agent = Watched()
    agent.snapshot(0, ts=START + 500)
    for at in range(10, 300, 10):
        agent.snapshot(at)
    assert agent.live(0, 800)[0] == (690, "firing")
    assert agent.told[0].title.endswith("stale: what comes is older than what was there")
