"""What a worker orders agents by itself, sends again and tells of: at each guard, and after it was killed at each stage."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import msgspec
import orjson
import pytest
from faust.types import TP
from prometheus_client import CollectorRegistry

from core_records import START, Rec, Run, equity_event
from fleawatch.agents.control import AT_ONCE, SECOND, Controller
from fleawatch.agents.control_book import ControlBook
from fleawatch.agents.control_chase import AGAIN_SECS, GIVEN_UP_SECS, Chaser
from fleawatch.agents.control_send import ControlSender
from fleawatch.agents.fleet_view import FleetView
from fleawatch.control.latch import STATE_OF
from fleawatch.control.records import command, command_id_of, control_state, opened, sealed
from fleawatch.core.fleet_health import HealthCounts
from fleawatch.core.fleet_ledger import PartitionLedger
from fleawatch.core.pipeline import equity_pipeline
from fleawatch.core.registry import Agent, Registry
from fleawatch.core.rules import DEFAULTS, AutoControl, Rules
from fleawatch.engine.produce import Outgoing
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry
from fleawatch_schemas.wire_control import Action, Command, CommandAck, ControlState
from fleawatch_schemas.wire_fleet import FleetPartial, FleetTrips

AGENT = "momentum-1"
KEY = AGENT.encode()
EQUITY = TP("fleawatch.equity", 0)
CONFIRM = 10.0


@dataclass
class Worker:
    """What control sees of a worker that owns the one partition there is; it has read it to its end, or not."""

    run: Run
    caught_up: bool = True
    open: bool = True
    sent: list[Outgoing] = field(default_factory=list)
    source_topic: str = EQUITY.topic
    now: float = START

    @property
    def batch_consumer(self) -> "Worker":
        return self

    outbox = fence = batch_consumer

    def owned(self, topic: str) -> list[TP]:
        return [EQUITY] if topic == EQUITY.topic else []

    def progress(self, tp: TP) -> tuple[int, int, float] | None:
        return (self.run.next, self.run.next, self.now) if self.caught_up else None

    def states(self, partition: int) -> dict[bytes, Any]:
        return self.run.states

    def dirty(self, partition: int) -> set[bytes]:
        return self.run.dirty

    def put(self, owner: TP | None, outputs: list[Outgoing]) -> None:
        self.sent += outputs


class World:
    """One agent in a fleet of one partition; `restart` makes another worker of what the topics and the changelog hold."""

    def __init__(self, mode: AutoControl = "on", agent: Agent = Agent(registered=True)) -> None:  # noqa: B008 - immutable
        self.rules = replace(DEFAULTS, auto_control=mode)
        self.run = Run(equity_pipeline(1, lambda _: self.rules))
        self.registry = Registry(self.rules)
        self.registry.put_agent(AGENT, agent)
        self.topics: list[Outgoing] = []
        self.trips: list[tuple[float, int]] = []
        self.live = 8
        self.now = START
        self.begin(())

    def begin(self, known: Iterable[Outgoing]) -> None:
        settings: Any = Settings.load(partitions=1)
        worker: Any = Worker(self.run)
        self.worker: Any = worker
        telemetry = Telemetry(CollectorRegistry())
        self.book, self.view = ControlBook(1), FleetView(1)
        sender = ControlSender(worker, settings, telemetry, self.book, lambda _: CONFIRM)
        chaser = Chaser(worker, settings, telemetry, registry=self.registry, book=self.book, sender=sender)
        self.controller = Controller(
            worker, registry=self.registry, book=self.book, view=self.view, sender=sender, chaser=chaser,
            clock=lambda: self.now,
        )  # fmt: skip
        for each in known:
            self.hear(each.topic, each.value or b"")
        self.controller.begin(0, self.run.states)

    def restart(self, known: Iterable[Outgoing] | None = None) -> None:
        self.run.restart()
        for state in self.run.states.values():
            state.use(self.rules)
        self.begin(list(self.topics if known is None else known))

    def hear(self, topic: str, value: bytes) -> None:
        """A record of a control topic, as the feed reads it."""
        match topic.removeprefix("fleawatch."):
            case "control-state":
                self.book.take_state(opened(value, ControlState, None), CONFIRM, self.now)
            case "commands":
                self.book.take_command(opened(value, Command, None), self.now)

    def equity(self, at: float, equity: float, **more: Any) -> None:
        seq = self.run.state.seq + 1 if self.run.states else 0
        self.run.feed(equity_event(seq, equity, ts=START + at, **more))
        self.controller.changed(0, [KEY])

    def look(self, at: float, *, told: bool = True) -> list[tuple[str, Any]]:
        """A second's looks; what was sent in it. `told`: the fleet knows this partition's trips up to now."""
        self.now = self.worker.now = START + at
        if told:
            control = self.controller.controlled(0, self.run.states, self.now)
            others = tuple(FleetTrips(int(START + second), count) for second, count in self.trips)
            (partial,) = PartitionLedger(0, 1, {}).partials(
                self.now,
                idle=True,
                health=HealthCounts(),
                control=control._replace(trips=control.trips + others),
            )
            self.view.take(replace_live(partial, self.live), self.now)
        before = len(self.worker.sent)
        for _ in range(SECOND):
            self.controller.look(self.worker)
        new = self.worker.sent[before:]
        self.topics += new
        return [(each.topic.removeprefix("fleawatch."), json.loads(each.value)) for each in new]

    def person(self, at: float, action: Action) -> ControlState:
        """Someone's order from the command line."""
        now = START + at
        standing = self.book.standing(AGENT)
        sent = command(AGENT, action, reason="r", now=now, by="ada")
        record = control_state(
            AGENT, STATE_OF[action], reason="r", now=now, by="ada", command_id=sent.command_id,
            previous=None if standing is None else standing.newest,
        )  # fmt: skip
        for topic, each in (("control-state", record), ("commands", sent)):
            made = Outgoing(f"fleawatch.{topic}", KEY, sealed(each, None), (), 0)
            self.topics.append(made)
            self.hear(topic, made.value or b"")
        return record

    def ack(
        self, at: float, command_id: str, status: Any = "applied", agent: str = AGENT, detail: str = ""
    ) -> None:
        self.now = START + at
        self.book.take_ack(
            CommandAck(command_id=command_id, agent_id=agent, status=status, detail=detail, ts=self.now),
            CONFIRM,
        )

    @property
    def trip(self) -> Any:
        return self.run.equity.control.trip


def replace_live(partial: FleetPartial, live: int) -> FleetPartial:
    return msgspec.structs.replace(partial, agents=msgspec.structs.replace(partial.agents, live=live))


def orders(sent: list[tuple[str, Any]]) -> list[tuple[str, str]]:
    return [(topic, each.get("state") or each.get("action")) for topic, each in sent if topic != "alerts"]


def alerts(sent: list[tuple[str, Any]]) -> list[tuple[str, str, str | None]]:
    return [(each["rule"], each["status"], each["reason"]) for topic, each in sent if topic == "alerts"]


PAUSED = [("control-state", "paused"), ("commands", "pause")]
KILLED = [("control-state", "killed"), ("commands", "kill")]


def paused() -> World:
    world = World()
    world.equity(0, 100.0)
    assert not world.look(0)
    world.equity(1, 80.0)
    assert orders(world.look(1)) == PAUSED
    return world


def test_a_trip_is_ordered_once_under_its_alerts_name() -> None:
    world = paused()
    state, fast = (json.loads(each.value or b"") for each in world.topics)
    alert = world.run.alerts[-1]
    assert fast["alert_id"] == alert.alert_id
    assert state["command_id"] == fast["command_id"] == command_id_of(alert.alert_id, "pause")
    assert state["version"] == fast["version"]
    assert state["reason"] == "drawdown 20.0% exceeds 15%"
    for second in range(2, 9):
        world.equity(second, 80.0)
        assert not world.look(second)


@pytest.mark.parametrize("mode", ["off", "dry_run"])
def test_nothing_is_ordered_unless_control_is_on(mode: AutoControl) -> None:
    world = World(mode)
    for second, equity in enumerate((100.0, 80.0, *[60.0] * 20)):
        world.equity(second, equity)
        assert not world.look(second)


@pytest.mark.parametrize(
    ("agent", "ordered"),
    [
        (Agent(registered=True), True),
        (Agent(mode="paper", registered=True), True),
        (Agent(mode="backtest", registered=True), False),
        (Agent(retired=True, registered=True), False),
    ],
)
def test_who_is_ordered(agent: Agent, ordered: bool) -> None:
    world = World(agent=agent)
    world.rules = world.registry.rules_of(AGENT)
    world.equity(0, 100.0)
    world.look(0)
    world.equity(1, 80.0)
    assert (orders(world.look(1)) == PAUSED) == ordered


def test_who_is_behind_or_suspended_orders_nothing() -> None:
    """Breaks when a worker acts on a state that others may have left behind."""
    world = World()
    world.equity(0, 100.0)
    world.look(0)
    world.worker.caught_up = False
    world.equity(1, 80.0)
    assert not world.look(1)
    world.worker.caught_up = True
    world.worker.open = False
    assert not world.look(2)
    world.worker.open = True
    assert orders(world.look(3)) == PAUSED


def test_who_does_not_hear_what_people_say_orders_nothing() -> None:
    """Breaks when a worker that missed a resume orders the same pause again, as a newer state."""
    world = World()
    world.equity(0, 100.0)
    world.look(0)
    world.equity(6, 80.0)
    assert not world.look(6, told=False)
    assert not world.look(7, told=False)
    assert orders(world.look(8)) == PAUSED


def test_many_at_once_are_ordered_in_steps() -> None:
    world = World()
    names = [f"bot-{number}" for number in range(AT_ONCE + 20)]
    for second, equity in enumerate((100.0, 80.0)):
        world.look(second)
        for name in names:
            event = equity_event(second, equity, ts=START + second, agent_id=name)
            world.run.apply(
                [Rec(world.run.next, int(1000 * event["ts"]), name.encode(), orjson.dumps(event))]
            )
            world.run.next += 1
        world.controller.changed(0, [name.encode() for name in names])
    world.now = world.worker.now = START + 1.1
    world.controller.look(world.worker)
    assert len(world.worker.sent) == 2 * AT_ONCE
    world.controller.look(world.worker)
    assert len({each.key for each in world.worker.sent}) == len(names)
    assert len(world.worker.sent) == 2 * len(names)


def test_a_clock_that_is_ahead_forgives_no_later_trip() -> None:
    world = World()
    world.equity(0, 100.0)
    world.look(0)
    world.now = START + 1
    record = control_state(AGENT, "running", reason="r", now=START + 300, by="ada")
    world.hear("control-state", sealed(record, None))
    world.equity(2, 80.0)
    assert ("control-state", "paused") in orders(world.look(2))


def test_what_was_over_when_it_is_caught_up_and_is_no_more_is_not_ordered() -> None:
    world = World()
    world.worker.caught_up = False
    for second, equity in enumerate((100.0, 80.0, 99.0)):
        world.equity(second, equity)
    world.worker.caught_up = True
    assert not world.look(3)


def test_a_changed_limit_counts_at_once() -> None:
    world = World()
    world.equity(0, 100.0)
    world.worker.caught_up = False
    world.equity(1, 80.0)
    world.look(1)
    world.worker.caught_up = True
    world.run.equity.use(
        replace(world.rules, drawdown_exceeded=replace(world.rules.drawdown_exceeded, threshold=0.3))
    )
    assert not world.look(2)


def test_a_kill_follows_its_second_sample_when_all_partitions_have_told() -> None:
    world = paused()
    world.equity(2, 70.0)
    assert not world.look(2)
    world.equity(11.9, 70.0)
    assert not orders(world.look(11.95, told=False))[1:]  # too early, but the pause is sent again
    world.equity(12, 70.0)
    assert not world.look(12.2, told=False)  # nobody has told of this second yet
    assert orders(world.look(13)) == KILLED
    assert not world.look(14)


@pytest.mark.parametrize(("others", "live", "killed"), [(1, 8, True), (2, 8, False), (2, 12, True)])
def test_one_of_a_mass_is_paused_and_never_killed(others: int, live: int, killed: bool) -> None:
    world = World()
    world.live = live
    world.trips = [(0.0, others)]
    sent = []
    for second, equity in enumerate((100.0, 80.0, *[60.0] * 20)):
        world.equity(second, equity)
        sent += orders(world.look(second))
    states = [state for topic, state in sent if topic == "control-state"]
    assert states == (["paused", "killed"] if killed else ["paused"])
    assert world.trip.held != killed
    if not killed:
        world.trips = []
        world.restart()  # and the others have recovered: still none
        for second in range(30, 60):
            world.equity(second, 55.0)
            assert ("control-state", "killed") not in orders(world.look(second))
        world.equity(60, 100.0)
        world.look(60)
        for second in range(61, 90):
            world.equity(second, 60.0)
            sent += orders(world.look(second))
        assert ("control-state", "killed") in sent  # it tripped anew, alone


def test_a_person_has_the_last_word_until_the_condition_trips_anew() -> None:
    world = paused()
    first = world.trip.alert_id
    world.equity(2, 80.0)
    assert world.person(3, "resume").state == "running"
    for second in range(4, 30):
        world.equity(second, 70.0)
        sent = world.look(second)
        assert not [each for each in orders(sent) if each[1] != "resume"]
    world.equity(30, 99.0)
    world.look(30)
    world.equity(31, 80.0)
    assert ("commands", "pause") in orders(world.look(31))
    assert world.trip.alert_id != first


def test_a_kill_by_a_person_is_not_lowered() -> None:
    world = World()
    world.equity(0, 100.0)
    world.look(0)
    world.person(0.5, "kill")
    for second in range(1, 9):
        world.equity(second, 80.0)
        assert not world.look(second)
    assert world.book.state(AGENT) == "killed"


def test_a_laxer_record_behind_a_stricter_one_is_made_good() -> None:
    """Breaks when compaction may forget a kill: an agent on a fresh disk would trade again."""
    world = World()
    world.equity(0, 100.0)
    world.look(0)
    early = control_state(AGENT, "paused", reason="zombie", now=START + 0.4)
    world.person(0.5, "kill")
    world.hear("control-state", sealed(early, None))
    (found,) = [each for topic, each in world.look(1) if topic == "control-state"]
    assert (found["state"], found["by"]) == ("killed", "ada")
    late = control_state(AGENT, "paused", reason="zombie", now=START + 2)
    world.hear("control-state", sealed(late, None))
    (found,) = [each for topic, each in world.look(3) if topic == "control-state"]
    assert found["state"] == "killed"
    assert found["version"] > late.version
    assert not world.look(4)


@pytest.mark.parametrize("known", range(3))
def test_whatever_a_killed_worker_got_out_its_successor_orders_the_same(known: int) -> None:
    """Breaks when a crash between the two records, or before either, gives another order or none."""
    world = paused()
    for each in combinations(world.topics[:2], known):
        world.restart(each)
        sent = world.look(3) + world.look(4) + world.look(3 + AGAIN_SECS)
        ids = {found["command_id"] for topic, found in sent if topic != "alerts"}
        assert ids == {command_id_of(world.trip.alert_id, "pause")}
        assert ("commands", "pause") in orders(sent)
        assert world.book.state(AGENT) == "paused"


def test_it_is_sent_again_until_confirmed_and_told_after_ten_seconds() -> None:
    world = paused()
    name = command_id_of(world.trip.alert_id, "pause")
    found: dict[int, list[tuple[str, Any]]] = {}
    for second in range(2, 40):
        found[second] = world.look(second)
    assert [second for second, sent in found.items() if orders(sent)] == [11, 21, 31]
    nonces = {each["nonce"] for sent in found.values() for topic, each in sent if topic == "commands"}
    assert len(nonces) == 3
    assert [second for second, sent in found.items() if alerts(sent)] == [11]
    assert alerts(found[11]) == [("command_unconfirmed", "firing", None)]
    alert = found[11][-1][1]
    assert (alert["severity"], alert["labels"]) == ("CRITICAL", {"action": "pause", "command_id": name})
    assert alert["title"] == "momentum-1: pause is not confirmed after 10 s"
    world.ack(40, name, agent="another")
    assert not alerts(world.look(40))
    world.ack(40, name, "refused", detail="no")
    assert not alerts(world.look(40.5))
    world.ack(41, name)
    over = world.look(41)
    assert alerts(over) == [("command_unconfirmed", "resolved", "cleared")]
    assert over[-1][1]["alert_id"] == alert["alert_id"]
    for second in range(42, 80):
        assert not world.look(second)


def test_a_quick_confirmation_is_no_news() -> None:
    world = paused()
    world.ack(1.3, command_id_of(world.trip.alert_id, "pause"))
    assert not [each for second in range(2, 400) for each in world.look(second)]


def test_an_order_of_a_person_is_chased_as_well_and_another_ends_it() -> None:
    world = World()
    world.equity(0, 100.0)
    world.look(0)
    record = world.person(1, "pause")
    sent = [each for second in range(1, 12) for each in world.look(second)]
    assert orders(sent) == [("commands", "pause")]
    assert sent[0][1]["by"] == "ada"
    assert sent[0][1]["command_id"] == record.command_id
    assert alerts(sent) == [("command_unconfirmed", "firing", None)]
    world.person(13, "resume")
    assert alerts(world.look(13)) == [("command_unconfirmed", "resolved", "cleared")]


def test_a_clock_that_is_ahead_silences_no_order_that_nobody_confirms() -> None:
    """Would be told, and sent again, only when our clock has come to where the one of who gave it was."""
    world = World()
    world.equity(0, 100.0)
    assert not world.look(0)
    world.now = START + 5
    record = world.person(86_400, "pause")
    sent = [each for second in range(5, 16) for each in world.look(second)]
    assert orders(sent) == [("commands", "pause")]
    assert alerts(sent) == [("command_unconfirmed", "firing", None)]
    started = [each["started_ts"] for topic, each in sent if topic == "alerts"]
    assert started == [START + 5]
    world.ack(16, record.command_id or "")
    assert alerts(world.look(17)) == [("command_unconfirmed", "resolved", "cleared")]


def test_a_flatten_that_nobody_confirms_is_told_and_not_sent_again() -> None:
    world = World()
    world.equity(0, 100.0)
    world.look(0)
    sent = command(AGENT, "flatten", reason="r", now=START + 1, by="ada")
    world.hear("commands", sealed(sent, None))
    found = [each for second in range(1, 60) for each in world.look(second)]
    assert orders(found) == []
    assert alerts(found) == [("command_unconfirmed", "firing", None)]
    world.ack(60, sent.command_id)
    assert alerts(world.look(60)) == [("command_unconfirmed", "resolved", "cleared")]


def test_who_comes_after_a_crash_tells_the_same_and_waits_as_long_for_what_it_may_not_have_heard() -> None:
    world = paused()
    first = [each for second in range(2, 12) for each in world.look(second)]
    (told,) = [each for topic, each in first if topic == "alerts"]
    world.restart()
    sent = [each for second in range(13, 23) for each in world.look(second)]
    assert not alerts(sent)
    again = world.look(23)
    assert [each["alert_id"] for topic, each in again if topic == "alerts"] == [told["alert_id"]]
    name = command_id_of(world.trip.alert_id, "pause")
    world.ack(24, name)
    world.restart()  # before it told of the end
    world.ack(24, name)
    assert alerts(world.look(25)) == [("command_unconfirmed", "resolved", "cleared")]


def test_after_six_days_nobody_asks_any_more() -> None:
    world = paused()
    began = GIVEN_UP_SECS - 30
    found = {second: world.look(began + second) for second in range(60)}
    assert [(second, *alerts(sent)) for second, sent in found.items() if alerts(sent)] == [
        (10, ("command_unconfirmed", "firing", None)),
        (32, ("command_unconfirmed", "resolved", "expired")),
    ]
    assert not [each for second in range(32, 60) for each in orders(found[second])]
    assert world.book.state(AGENT) == "paused"


def test_the_paused_and_the_tripped_are_counted() -> None:
    world = paused()
    found = world.controller.controlled(0, world.run.states, START + 2)
    assert (found.held, found.over, found.trips) == (1, (AGENT,), (FleetTrips(int(START) + 1, 1),))
    world.registry.put_agent(AGENT, Agent(mode="paper"))
    found = world.controller.controlled(0, world.run.states, START + 2)
    assert (found.held, found.over, found.trips) == (0, (), ())


def test_rules_of_the_default_are_off() -> None:
    assert Rules().auto_control == "off"
