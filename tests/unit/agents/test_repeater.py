"""Where open alerts are said again: in what this worker owns and reads at its end."""

from dataclasses import dataclass, field
from typing import Any

from faust.types import TP
from prometheus_client import CollectorRegistry

from core_records import START, Run, equity_event
from fleawatch.agents.liveness import FETCH_STALE_SECS
from fleawatch.agents.repeater import Repeater
from fleawatch.core.alerts import OVERDUE_SECS
from fleawatch.engine.produce import Outgoing
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry
from fleawatch_schemas.codec import decode_alert

EQUITY = TP("fleawatch.equity", 0)


@dataclass
class Worker:
    """What a repeater sees of a worker: what it owns, how far it has read (cursor, end, last fetch answer), its table."""

    states_held: dict[bytes, Any]
    progress_now: tuple[int, int, float] | None = None
    owns: bool = True
    sent: list[Outgoing] = field(default_factory=list)
    source_topic: str = EQUITY.topic

    @property
    def batch_consumer(self) -> "Worker":
        return self

    @property
    def outbox(self) -> "Worker":
        return self

    def owned(self, _topic: str) -> list[TP]:
        return [EQUITY] if self.owns else []

    def holds(self, _partition: int) -> bool:
        return self.owns

    def progress(self, _tp: TP) -> tuple[int, int, float] | None:
        return self.progress_now

    def states(self, _partition: int) -> dict[bytes, Any]:
        return self.states_held

    def put(self, owner: TP, outputs: list[Outgoing]) -> None:
        assert owner == EQUITY
        self.sent += outputs


class Bench:
    """One agent in a drawdown, and one that is well."""

    def __init__(self) -> None:
        run = Run()
        run.feed(equity_event(0, 100.0), equity_event(1, 80.0), equity_event(0, 100.0, agent_id="calm"))
        self.worker = Worker(run.states)
        self.now = START + 30
        self.telemetry = Telemetry(CollectorRegistry())
        app: Any = self.worker  # the part of it that is used
        self.repeater = Repeater(app, Settings.load(), self.telemetry, lambda: self.now)

    async def look(self, after: float, cursor: int = 3, end: int = 3, silent: float = 0.0) -> int:
        """How many alerts were said in all."""
        self.now += after
        self.worker.progress_now = (cursor, end, self.now - silent)
        table: Any = self.worker
        await self.repeater.look({"equity": table})
        return len(self.worker.sent)


async def test_said_again_to_the_agents_partition_and_counted() -> None:
    bench = Bench()
    assert await bench.look(10) == 0
    assert await bench.look(OVERDUE_SECS - 1) == 0
    assert await bench.look(1) == 1
    (sent,) = bench.worker.sent
    assert (sent.topic, sent.key, sent.partition) == ("fleawatch.alerts", b"momentum-1", 0)
    alert = decode_alert(sent.value or b"")
    assert (alert.rule, alert.status, alert.ts) == ("drawdown_exceeded", "firing", START + 30)
    assert alert.source is not None
    assert (alert.source.topic, alert.source.offset) == ("equity", 1)
    labels = {"rule": "drawdown_exceeded", "severity": "CRITICAL", "status": "firing"}
    assert bench.telemetry.registry.get_sample_value("fleawatch_alerts_total", labels) == 1


async def test_who_is_behind_or_was_suspended_says_nothing() -> None:
    """Breaks when a worker that woke up, or reads what has long been over, calls an alert open that another has resolved."""
    bench = Bench()
    await bench.look(10)
    assert await bench.look(OVERDUE_SECS, cursor=3, end=9) == 1  # six have just come
    assert await bench.look(OVERDUE_SECS, cursor=7, end=20) == 1  # two of them are still not applied
    assert await bench.look(OVERDUE_SECS, cursor=20, end=20, silent=FETCH_STALE_SECS + 1) == 1
    assert await bench.look(OVERDUE_SECS, cursor=20, end=20) == 2


async def test_what_went_away_is_its_new_owners() -> None:
    bench = Bench()
    await bench.look(10)
    bench.worker.owns = False
    assert await bench.look(OVERDUE_SECS) == 0
    assert await bench.look(OVERDUE_SECS) == 0
