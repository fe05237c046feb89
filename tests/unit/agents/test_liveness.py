"""Who may be called stopped, by a worker that may itself have been asleep."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from faust.types import TP
from prometheus_client import CollectorRegistry

from core_records import START, Rec, Run, equity_event, health_event, records
from fleawatch.agents.liveness import FETCH_STALE_SECS, Heard, Liveness, Reading
from fleawatch.agents.refusals import MOST, Refusals
from fleawatch.core.health_state import HealthState
from fleawatch.core.pipeline import health_pipeline
from fleawatch.core.registry import Registry
from fleawatch.core.rules import DEFAULTS
from fleawatch.engine.produce import Outgoing
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry
from fleawatch_schemas.codec import decode_alert

HEALTH = TP("fleawatch.health", 0)
EQUITY = TP("fleawatch.equity", 0)


@dataclass
class Worker:
    """What liveness sees of a worker: its partitions, its progress (cursor, end of the log, last fetch answer), its table."""

    progress_now: tuple[int, int, float] | None
    states_held: dict[bytes, Any] = field(default_factory=dict)
    sent: list[Outgoing] = field(default_factory=list)
    marked: set[bytes] = field(default_factory=set)
    source_topic: str = HEALTH.topic
    topics_held: tuple[str, ...] = (HEALTH.topic,)

    @property
    def batch_consumer(self) -> "Worker":
        return self

    @property
    def outbox(self) -> "Worker":
        return self

    def owned(self, topic: str) -> list[TP]:
        return [TP(topic, 0)] if self.progress_now and topic in self.topics_held else []

    def progress(self, tp: TP) -> tuple[int, int, float] | None:
        return self.progress_now

    def states(self, partition: int) -> dict[bytes, Any]:
        return self.states_held

    def dirty(self, partition: int) -> set[bytes]:
        return self.marked

    def put(self, owner: TP, outputs: list[Outgoing]) -> None:
        self.sent += outputs


def reading(worker: Worker) -> Reading:
    return Reading(worker)  # type: ignore[arg-type] # the part of it that Reading uses


def test_at_the_end_is_who_applied_what_was_there_at_the_last_look() -> None:
    worker = Worker((5, 5, 100.0))
    ours = reading(worker)
    assert ours.heard(HEALTH, 100.2) == Heard(100.2, 100.0)
    worker.progress_now = (5, 9, 101.0)  # four have just arrived: not behind, and not heard yet
    assert ours.heard(HEALTH, 101.2) == Heard(100.2, 100.0)
    worker.progress_now = (8, 12, 102.0)  # one of them is still not applied: behind
    assert ours.heard(HEALTH, 102.2) is None
    worker.progress_now = (12, 12, 103.0)
    assert ours.heard(HEALTH, 103.2) == Heard(103.2, 103.0)


@pytest.mark.parametrize("gap", [None, (5, 5, 100.0)])
def test_a_gap_in_our_reading_starts_the_grace_anew(gap: tuple[int, int, float] | None) -> None:
    """Breaks when agents are called stopped because a broker or a rebalance kept *us* from hearing them."""
    worker = Worker((5, 5, 100.0))
    ours = reading(worker)
    assert ours.heard(HEALTH, 100.0) == Heard(100.0, 100.0)
    worker.progress_now = gap  # not ours for a while, or no answer from the broker
    assert ours.heard(HEALTH, 101.0 + FETCH_STALE_SECS) is None
    worker.progress_now = (5, 5, 200.0)
    assert ours.heard(HEALTH, 200.0) == Heard(200.0, 200.0)


def test_an_agent_that_died_while_no_worker_ran_is_found() -> None:
    """Its state comes from the changelog and no event of it ever arrives: the alert must still be one that notifiers take."""
    run = Run(health_pipeline(1))
    run.feed(health_event(0))
    restored = HealthState.unpack(run.state.pack())
    worker = Worker((1, 1, START + 1000), {b"momentum-1": restored})
    now = START + 1000
    telemetry = Telemetry(CollectorRegistry())
    table: Any = worker
    liveness = Liveness(
        worker,  # type: ignore[arg-type] # the part of it that Liveness uses
        Settings.load(),
        telemetry,
        health=table,
        equity=Worker(None, source_topic="fleawatch.equity"),  # type: ignore[arg-type] # not ours
        registry=Registry(),
        refusals=Refusals(),
        clock=lambda: now,
    )
    liveness.check()
    assert not worker.sent  # the full grace, from when we began to read
    for _ in range(31):
        now += 3
        worker.progress_now = (1, 1, now)
        liveness.check()
    (sent,) = worker.sent
    alert = decode_alert(sent.value or b"")
    assert (alert.rule, alert.status, alert.severity) == ("agent_stopped", "firing", "CRITICAL")
    assert (sent.topic, sent.partition) == ("fleawatch.alerts", 0)
    assert worker.marked == {b"momentum-1"}


class Monitored:
    """A worker of one agent's two partitions: a heartbeat and a check each second, until told otherwise."""

    def __init__(self) -> None:
        self.health, self.equity = Run(health_pipeline(1)), Run()
        self.refusals = Refusals()
        self.now = START
        self.worker = Worker((1, 1, START), self.health.states, topics_held=(HEALTH.topic, EQUITY.topic))
        self.liveness = Liveness(
            self.worker,  # type: ignore[arg-type] # the part of it that Liveness uses
            Settings.load(),
            Telemetry(CollectorRegistry()),
            health=self.worker,  # type: ignore[arg-type] # the same
            equity=Worker(None, self.equity.states, source_topic=EQUITY.topic),  # type: ignore[arg-type] # the same
            registry=Registry(),
            refusals=self.refusals,
            clock=lambda: self.now,
        )

    def live(self, seconds: int) -> list[tuple[str, str]]:
        """What was told."""
        self.worker.sent.clear()
        for _ in range(seconds):
            self.now += 1
            self.worker.progress_now = (1, 1, self.now)
            seq = int(self.now - START)
            self.health.feed(health_event(seq, ts=self.now, equity_interval_secs=30))
            self.liveness.check()
        alerts = [decode_alert(sent.value or b"") for sent in self.worker.sent]
        return [(alert.status, alert.title.split(", ", 1)[-1]) for alert in alerts]

    def wait(self, seconds: int) -> None:
        """Without a sign of life."""
        for _ in range(seconds):
            self.now += 1
            self.worker.progress_now = (1, 1, self.now)
            self.liveness.check()

    def snapshot(self, **changes: Any) -> None:
        event = equity_event(self.equity.next, 100.0, **({"ts": self.now} | changes))
        (rec,) = records([event], self.equity.next)
        self.equity.next += 1
        applied = self.equity.apply([Rec(rec.offset, int(self.now * 1000), rec.key, rec.value)])
        self.refusals.note(0, applied.outputs)


def test_equity_is_judged_where_both_partitions_are() -> None:
    agent = Monitored()
    agent.snapshot()
    assert agent.live(90) == []
    assert agent.live(10) == [("firing", "none came")]
    agent.snapshot()
    assert agent.live(1) == [("resolved", "momentum-1: agent unmonitored is over")]
    agent.worker.topics_held = (HEALTH.topic,)
    assert agent.live(1000) == []
    agent.worker.topics_held = (HEALTH.topic, EQUITY.topic)
    assert agent.live(90) == []
    assert agent.live(10) == [("firing", "none came")]


def test_why_equity_was_refused_is_told_until_some_is_taken() -> None:
    agent = Monitored()
    agent.snapshot()
    agent.live(2)
    agent.snapshot(currency="EUR")
    agent.snapshot(ts=START + 5000)
    assert agent.live(100) == [("firing", "quarantined: its times are in the future")]
    agent.snapshot()
    agent.live(500)
    assert agent.live(400)[0] == ("firing", "none came")


def test_refusals_are_bounded() -> None:
    refusals = Refusals()
    run = Run()
    for at in range(0, MOST + 10, 100):
        applied = run.apply(
            [Rec(at + i, int(START * 1000), b"agent-%d" % (at + i), b"{") for i in range(100)]
        )
        refusals.note(0, applied.outputs)
    assert refusals.since(0, b"agent-0", 0.0) == ""
    assert refusals.since(0, b"agent-%d" % MOST, START) == "not_json"
    assert refusals.since(0, b"agent-%d" % MOST, START + 1) == ""
    refusals.keep_only(set())
    assert refusals.since(0, b"agent-%d" % MOST, START) == ""


def test_a_broker_that_has_just_died_makes_nobody_silent() -> None:
    """Breaks where a grace that is shorter than `FETCH_STALE_SECS` runs on while nothing can be heard."""
    agent = Monitored()
    agent.live(1)
    quick = replace(
        DEFAULTS, silent_intervals=0.3, agent_stopped=replace(DEFAULTS.agent_stopped, threshold=3.0)
    )
    agent.health.state.use(quick)
    assert agent.live(30) == []
    for _ in range(int(FETCH_STALE_SECS) + 2):
        agent.now += 1
        agent.liveness.check()
    assert not agent.worker.sent
    agent.now += 100
    assert agent.live(30) == []


def test_a_clock_that_jumps_starts_the_grace_anew() -> None:
    """The host slept (its monotonic clock too, so no look was late), or its clock was set. Breaks where the answer that came
    first after it makes everybody silent for as long.
    """
    agent = Monitored()
    agent.live(30)
    agent.now += 1000
    agent.wait(85)
    assert not agent.worker.sent
    agent.wait(10)
    assert [decode_alert(sent.value or b"").rule for sent in agent.worker.sent] == ["agent_stopped"]


def test_other_rules_are_heeded_with_the_next_check() -> None:
    """Breaks when an agent waits for its next look, up to 80 s."""
    agent = Monitored()
    agent.live(10)
    agent.wait(60)
    assert not agent.worker.sent
    state = agent.health.state
    state.use(replace(DEFAULTS, agent_stopped=replace(DEFAULTS.agent_stopped, threshold=40.0)))
    agent.liveness.look_again()
    agent.now += 1
    agent.worker.progress_now = (1, 1, agent.now)
    agent.liveness.check()
    (sent,) = agent.worker.sent
    assert decode_alert(sent.value or b"").rule == "agent_stopped"
