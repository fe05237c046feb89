"""Rules and agents as a worker keeps them: what it reads, when it settles, and who registers."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson
import pytest
from faust.types import TP
from prometheus_client import CollectorRegistry

from core_records import START, Run, equity_event
from fleawatch.agents.registration import WAIT_SECS, Registration
from fleawatch.agents.registry import RegistryFeed
from fleawatch.agents.rule_keeper import RuleKeeper
from fleawatch.core.registry import Agent, Registry
from fleawatch.engine.produce import Outgoing
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry
from fleawatch_schemas.agents import AgentRecord
from fleawatch_schemas.partition import partition_for
from fleawatch_schemas.wire import Alert

EQUITY = TP("fleawatch.equity", 0)


@dataclass
class Record:
    """A record of one of the two topics."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int = 0
    offset: int = 0


@dataclass
class Worker:
    """What the keeper sees of a worker: its table, whether it owns the partition now, and where outputs go."""

    states_held: dict[bytes, Any] = field(default_factory=dict)
    owns: bool = True
    here: bool = True
    sent: list[tuple[TP | None, Outgoing]] = field(default_factory=list)
    marked: set[bytes] = field(default_factory=set)
    source_topic: str = EQUITY.topic
    on_loaded: Any = None

    @property
    def outbox(self) -> "Worker":
        return self

    def owned(self, topic: str) -> list[TP]:
        return [EQUITY] if self.owns and self.here else []

    def held(self) -> list[int]:
        return [0] if self.here else []

    def holds(self, partition: int) -> bool:
        return self.here

    def states(self, partition: int) -> dict[bytes, Any]:
        return self.states_held

    def dirty(self, partition: int) -> set[bytes]:
        return self.marked

    def put(self, owner: TP | None, outputs: list[Outgoing]) -> None:
        self.sent += [(owner, output) for output in outputs]

    @property
    def alerts(self) -> list[Alert]:
        return [msgspec.json.decode(output.value or b"", type=Alert) for _, output in self.sent]


class Bench:
    """A keeper over one agent with an open drawdown alert, and a clock."""

    def __init__(self) -> None:
        self.now = START
        self.settings = Settings.load(partitions=4)
        self.telemetry = Telemetry(CollectorRegistry())
        self.registry = Registry()
        run = Run()
        run.feed(equity_event(0, 100.0), equity_event(1, 80.0))
        self.worker = Worker(run.states)
        app: Any = self.worker  # the part of it that is used
        self.registration = Registration(app, self.settings, self.registry, lambda: self.now)
        self.keeper = RuleKeeper(
            app,
            self.settings,
            self.telemetry,
            self.registry,
            registration=self.registration,
            clock=lambda: self.now,
        )
        self.keeper.keep({"equity": app})
        self.feed = RegistryFeed("", self.settings, self.registry, self.telemetry)

    def take(self, topic: str, key: str, value: object) -> set[str] | None:
        raw = value if value is None or isinstance(value, bytes) else orjson.dumps(value)
        return self.feed._take([Record(f"fleawatch.{topic}", key.encode(), raw)])  # type: ignore[list-item] # as aiokafka's

    @property
    def unreadable(self) -> float:
        values = [
            self.telemetry.registry.get_sample_value("fleawatch_registry_unreadable_total", {"topic": topic})
            for topic in ("rules", "agents")
        ]
        return sum(value or 0 for value in values)


def scope(**rules: Any) -> dict[str, Any]:
    return {"scope": "fleet", "version": 1, "rules": rules, "by": "ada", "ts": 0.0}


LAX = scope(drawdown_exceeded={"threshold": 30, "parameters": {"kill_drawdown": 40}})


async def test_a_changed_rule_reaches_the_state_and_ends_what_never_held_by_it() -> None:
    bench = Bench()
    assert bench.take("rules", "fleet", LAX) is None
    await bench.keeper.changed(None)
    state = bench.worker.states_held[b"momentum-1"]
    assert state.rules.drawdown_exceeded.threshold == 0.30
    (alert,) = bench.worker.alerts
    # no earlier than what was said of it last, or receivers would take it for a replay
    assert (alert.status, alert.reason, alert.ts) == ("resolved", "rule_changed", START + 30)
    assert bench.worker.sent[0][0] == EQUITY
    assert bench.worker.marked == {b"momentum-1"}
    await bench.keeper.changed(None)
    bench.keeper.settle()
    assert len(bench.worker.sent) == 1


async def test_in_a_rebalance_the_rules_come_at_once_and_alerts_are_settled_behind_it() -> None:
    bench = Bench()
    bench.worker.owns = False
    bench.take("rules", "fleet", LAX)
    await bench.keeper.changed(None)
    assert bench.worker.states_held[b"momentum-1"].rules.kill_drawdown == 0.40
    assert bench.worker.sent == []
    bench.worker.owns = True
    bench.keeper.settle()
    assert [alert.reason for alert in bench.worker.alerts] == ["rule_changed"]


async def test_a_partition_that_went_away_is_its_new_owners_to_settle() -> None:
    bench = Bench()
    bench.worker.owns = False
    bench.take("rules", "fleet", LAX)
    await bench.keeper.changed(None)
    bench.worker.here = False
    bench.keeper.settle()
    bench.worker.here = bench.worker.owns = True
    bench.keeper.settle()
    assert bench.worker.sent == []
    bench.worker.on_loaded(0, bench.worker.states_held)  # it came back, from the changelog
    bench.keeper.settle()
    assert [alert.reason for alert in bench.worker.alerts] == ["rule_changed"]


async def test_a_retired_agents_alerts_end_for_that_reason_and_an_owners_name_changes_nothing() -> None:
    bench = Bench()
    record = {"agent_id": "momentum-1", "owner": "ada"}
    assert (
        bench.take("agents", "momentum-1", record) is None
    )  # one live agent: its share is everybody's matter
    assert bench.take("agents", "momentum-1", record | {"owner": "bob"}) == set()
    assert bench.take("agents", "momentum-1", record | {"retired": True}) == {"momentum-1"}
    await bench.keeper.changed({"momentum-1"})
    assert [alert.reason for alert in bench.worker.alerts] == ["retired"]
    assert bench.take("agents", "momentum-1", None) == {"momentum-1"}
    await bench.keeper.changed({"momentum-1"})
    assert bench.worker.states_held[b"momentum-1"].rules.drawdown_exceeded.enabled


POISON: dict[str, tuple[str, str, object]] = {
    "no JSON": ("rules", "fleet", b"{"),
    "no UTF-8": ("rules", "fleet", b"\xff"),
    "another key": ("rules", "agent|a", LAX),
    "no such scope": ("rules", "fleet", scope() | {"scope": "venue"}),
    "a share for percent": ("rules", "fleet", scope(drawdown_exceeded={"threshold": 0.3})),
    "not a number": (
        "rules",
        "fleet",
        b'{"scope":"fleet","version":1,"rules":{"clock_skew":{"threshold":NaN}}}',
    ),
    "an agent under another's key": ("agents", "a", {"agent_id": "b"}),
    "an agent of no mode": ("agents", "a", {"agent_id": "a", "mode": "demo"}),
}


@pytest.mark.parametrize("case", POISON)
def test_a_record_that_cannot_be_used_is_counted_and_what_was_known_stays(case: str) -> None:
    bench = Bench()
    bench.take("rules", "fleet", LAX)
    bench.take("agents", "a", {"agent_id": "a", "mode": "paper"})
    bench.take(*POISON[case])
    assert bench.unreadable == 1
    assert bench.registry.rules_of("momentum-1").kill_drawdown == 0.40
    assert bench.registry.entry("a").mode == "paper"


def test_what_a_newer_release_calls_its_own_is_passed_over_and_the_rest_is_used() -> None:
    bench = Bench()
    newer = scope(clock_skew={"threshold": 7, "parameters": {"drift": 3}}, moon_phase={"threshold": 1})
    bench.take("rules", "fleet", newer)
    assert (bench.unreadable, bench.registry.rules_of("a").clock_skew.threshold) == (0, 7)


def registered(bench: Bench) -> list[AgentRecord]:
    return [
        AgentRecord.model_validate_json(output.value or b"")
        for owner, output in bench.worker.sent
        if owner is None and output.topic == "fleawatch.agents"
    ]


def test_an_agent_without_a_record_gets_one_once_and_not_at_once() -> None:
    bench = Bench()
    bench.keeper.rules_of("momentum-1")
    bench.keeper.rules_of("momentum-1")  # another topic's first event
    bench.registration.register(bench.worker)  # type: ignore[arg-type]
    assert registered(bench) == []
    bench.now += WAIT_SECS
    bench.registration.register(bench.worker)  # type: ignore[arg-type]
    bench.registration.register(bench.worker)  # type: ignore[arg-type]
    assert registered(bench) == [AgentRecord(agent_id="momentum-1")]
    ((_, output),) = bench.worker.sent
    assert (output.key, output.partition) == (b"momentum-1", partition_for(b"momentum-1", 4))


def test_an_operators_record_that_comes_meanwhile_is_left_alone() -> None:
    bench = Bench()
    bench.keeper.rules_of("momentum-1")
    bench.registry.put_agent("momentum-1", Agent(mode="paper", registered=True))
    bench.now += WAIT_SECS
    bench.registration.register(bench.worker)  # type: ignore[arg-type]
    bench.keeper.rules_of("momentum-1")
    bench.now += WAIT_SECS
    bench.registration.register(bench.worker)  # type: ignore[arg-type]
    assert bench.worker.sent == []


def test_a_restored_agent_whose_record_was_lost_gets_another() -> None:
    bench = Bench()
    bench.worker.on_loaded(0, bench.worker.states_held)
    bench.now += WAIT_SECS
    bench.registration.register(bench.worker)  # type: ignore[arg-type]
    assert [record.agent_id for record in registered(bench)] == ["momentum-1"]
