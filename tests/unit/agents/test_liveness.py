"""Who may be called stopped, by a worker that may itself have been asleep."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from faust.types import TP
from prometheus_client import CollectorRegistry

from core_records import START, Run, health_event
from fleawatch.agents.liveness import FETCH_STALE_SECS, Liveness, Reading
from fleawatch.agents.refusals import Refusals
from fleawatch.core.health_state import HealthState
from fleawatch.core.pipeline import health_pipeline
from fleawatch.core.registry import Registry
from fleawatch.engine.produce import Outgoing
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry
from fleawatch_schemas.codec import decode_alert

HEALTH = TP("fleawatch.health", 0)


@dataclass
class Worker:
    """What liveness sees of a worker: its partitions, its progress (cursor, end of the log, last fetch answer), its table."""

    progress_now: tuple[int, int, float] | None
    states_held: dict[bytes, HealthState] = field(default_factory=dict)
    sent: list[Outgoing] = field(default_factory=list)
    marked: set[bytes] = field(default_factory=set)
    source_topic: str = HEALTH.topic

    @property
    def batch_consumer(self) -> "Worker":
        return self

    @property
    def outbox(self) -> "Worker":
        return self

    def owned(self, topic: str) -> list[TP]:
        return [HEALTH] if self.progress_now and topic == HEALTH.topic else []

    def progress(self, tp: TP) -> tuple[int, int, float] | None:
        return self.progress_now

    def states(self, partition: int) -> dict[bytes, HealthState]:
        return self.states_held

    def dirty(self, partition: int) -> set[bytes]:
        return self.marked

    def put(self, owner: TP, outputs: list[Outgoing]) -> None:
        self.sent += outputs


def reading(worker: Worker) -> Reading:
    return Reading(worker)  # type: ignore[arg-type] # the part of it that Reading uses


def test_at_the_end_is_who_applied_what_was_there_at_the_last_look() -> None:
    worker = Worker((5, 5, 100.0))
    since = reading(worker)
    assert since.since(HEALTH, 100.0) == 100.0
    worker.progress_now = (5, 9, 101.0)  # four have just arrived: not behind
    assert since.since(HEALTH, 101.0) == 100.0
    worker.progress_now = (8, 12, 102.0)  # one of them is still not applied: behind
    assert since.since(HEALTH, 102.0) is None
    worker.progress_now = (12, 12, 103.0)
    assert since.since(HEALTH, 103.0) == 103.0


@pytest.mark.parametrize("gap", [None, (5, 5, 100.0)])
def test_a_gap_in_our_reading_starts_the_grace_anew(gap: tuple[int, int, float] | None) -> None:
    """Breaks when agents are called stopped because a broker or a rebalance kept *us* from hearing them."""
    worker = Worker((5, 5, 100.0))
    since = reading(worker)
    assert since.since(HEALTH, 100.0) == 100.0
    worker.progress_now = gap  # not ours for a while, or no answer from the broker
    assert since.since(HEALTH, 101.0 + FETCH_STALE_SECS) is None
    worker.progress_now = (5, 5, 200.0)
    assert since.since(HEALTH, 200.0) == 200.0


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
    now += 91
    worker.progress_now = (1, 1, now)
    liveness.check()
    (sent,) = worker.sent
    alert = decode_alert(sent.value or b"")
    assert (alert.rule, alert.status, alert.severity) == ("agent_stopped", "firing", "CRITICAL")
    assert (sent.topic, sent.partition) == ("fleawatch.alerts", 0)
    assert worker.marked == {b"momentum-1"}
