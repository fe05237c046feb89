"""Who is in the fleet's sums, what is a flow, who is missing; the rules about the fleet, a group, a venue."""

import json
from dataclasses import replace
from typing import Any

import pytest

from core_records import START, Rec
from fleawatch.core import equity
from fleawatch.core.equity_state import CLOSES, EquityState
from fleawatch.core.fleet import WAIT_SECS, FleetState
from fleawatch.core.fleet_health import HealthCounts, Pulse, pulse_of
from fleawatch.core.fleet_ledger import STALE_FLOOR_SECS, PartitionLedger
from fleawatch.core.fleet_metrics import fleet_metrics
from fleawatch.core.fleet_rules import check_fleet, use_rules
from fleawatch.core.health_state import HealthState
from fleawatch.core.outputs import Output
from fleawatch.core.registry import Agent
from fleawatch.core.rules import DEFAULTS, Rules
from fleawatch_schemas.alerts import AlertEvent
from fleawatch_schemas.codec import validate
from fleawatch_schemas.fleet import FleetPartial as FleetPartialModel
from fleawatch_schemas.metrics import MetricsRecord
from fleawatch_schemas.wire import Check, Equity, Health, encode
from fleawatch_schemas.wire_fleet import FleetPartial, encode_partial

T = int(START)
LIVE = Agent()
PAPER = Agent(mode="paper")


class World:
    """One or more partitions, and the fleet that joins them; event time and the writers' clock are the test's."""

    def __init__(self, partitions: int = 1) -> None:
        self.ledgers = [PartitionLedger(p, 1, {"USD": 1.0, "EUR": 1.1}) for p in range(partitions)]
        self.states: dict[str, EquityState] = {}
        self.agents: dict[str, Agent] = {}
        self.health = [HealthCounts() for _ in range(partitions)]
        self.fleet = FleetState(partitions)
        self.out: list[Output] = []
        self.offset = 0

    def send(self, name: str, second: float, worth: float, partition: int = 0, **more: Any) -> None:
        ev = Equity(1, name, 1, 1, T + second, worth, worth, 1, **more)
        record = Rec(0, int((T + second) * 1000), name.encode(), b"")
        st = self.states.get(name)
        if st is None:
            st = self.states[name] = EquityState(ev)
            st.closes = []
            st.received = record.timestamp
            equity.first(st, ev, record, 0, [])
        else:
            equity.step(st, ev, record, 0, [])
        ledger, agent = self.ledgers[partition], self.agents.get(name, LIVE)
        if not ledger.update(st, T + second):
            ledger.meet(st, agent, T + second)

    def tell(self, second: float, *partitions: int, idle: bool = True) -> list[FleetPartial]:
        """The partitions (all, if none is named) tell, and the fleet joins it."""
        told = []
        for index in partitions or range(len(self.ledgers)):
            for partial in self.ledgers[index].partials(T + second, idle=idle, health=self.health[index]):
                validate(encode_partial(partial), FleetPartialModel)
                self.fleet.take(partial, Rec(self.offset, 0, None, None), self.out)
                check_fleet(self.fleet, self.offset, self.out)
                self.fleet.offset = self.offset
                self.offset += 1
                told.append(partial)
        return told

    def metrics(self) -> MetricsRecord:
        made = fleet_metrics(self.fleet, "all")
        assert made is not None
        return validate(encode(made), MetricsRecord)

    def alerts(self) -> list[tuple[str, str, str]]:
        told = [json.loads(output.value) for output in self.out]
        assert all(alert["agent_id"] == "_fleet" for alert in told)
        return [(alert["rule"], alert["status"], alert["labels"].get("agents", "")) for alert in told]


def test_the_fleet_is_the_sum_of_its_live_agents_in_dollars() -> None:
    world = World()
    world.agents = {"paper": PAPER, "gone": Agent(retired=True)}
    for name in ("a", "paper", "gone"):
        world.send(name, 0, 1000.0)
    world.send("euro", 0, 1000.0, currency="EUR")
    world.send("pound", 0, 1000.0, currency="GBP")
    world.tell(5)
    metrics = world.metrics()
    assert metrics.equity == pytest.approx(2100.0)
    assert metrics.balance_usd == pytest.approx(2100.0)
    assert metrics.fleet is not None
    assert metrics.fleet.members == 2
    assert metrics.fleet.agents.live == 3
    assert metrics.fleet.left_out == {"GBP": 1}
    assert metrics.fleet.left_out_agents == ["pound"]
    assert not metrics.fleet.partial
    assert metrics.undefined["total_pnl"] == "not_summed"


def test_joining_leaving_transfers_and_flows_are_no_loss() -> None:
    """Breaks when any of them reaches the drawdown: together they take nine tenths of the money away."""
    world = World()
    world.send("a", 0, 1000.0, net_deposits=0.0)
    world.send("b", 0, 9000.0, net_deposits=0.0)
    world.tell(5)
    world.send("c", 6, 50_000.0)
    world.send("a", 7, 6000.0, net_deposits=5000.0)  # b pays a
    world.send("b", 7, 4000.0, net_deposits=-5000.0)
    world.tell(12)
    world.send("b", 13, 100.0, net_deposits=-8900.0)
    world.tell(20)
    world.ledgers[0].reconsider(world.states["c"], PAPER, T + 21)
    world.send("a", 22, 6000.0, net_deposits=5000.0)
    world.tell(30)
    metrics = world.metrics()
    assert metrics.equity == pytest.approx(6100.0)
    assert metrics.max_drawdown_pct == pytest.approx(0.0, abs=1e-9)
    assert world.alerts() == []
    world.send("a", 31, 5390.0, net_deposits=5000.0)
    world.tell(40)
    assert world.metrics().drawdown_pct == pytest.approx(10.0)


def test_an_agent_that_comes_back_to_live_joins_as_it_stands() -> None:
    world = World()
    world.send("a", 0, 1000.0)
    world.send("b", 0, 1000.0, net_deposits=500.0)
    world.tell(5)
    world.agents["b"] = PAPER
    world.ledgers[0].reconsider(world.states["b"], PAPER, T + 6)
    world.send("b", 7, 10.0, net_deposits=500.0)
    world.send("a", 8, 1000.0)
    world.tell(12)
    assert world.metrics().equity == pytest.approx(1000.0)
    world.ledgers[0].reconsider(world.states["b"], LIVE, T + 13)
    world.send("a", 14, 1000.0)
    world.tell(20)
    metrics = world.metrics()
    assert metrics.equity == pytest.approx(1010.0)
    assert metrics.max_drawdown_pct == pytest.approx(0.0, abs=1e-9)


def test_a_silent_agent_keeps_its_last_equity_and_counts_as_stale() -> None:
    world = World()
    world.send("a", 0, 1000.0)
    world.send("b", 0, 500.0)
    late = STALE_FLOOR_SECS + 1
    world.send("a", late - 1, 1000.0)
    world.tell(late)
    fleet = world.metrics().fleet
    assert fleet is not None
    assert (world.metrics().equity, fleet.agents.stale) == (1500.0, 1)
    world.send("b", late + 1, 500.0)
    world.tell(late + 5)
    fleet = world.metrics().fleet
    assert fleet is not None
    assert fleet.agents.stale == 0


def test_agents_under_water_at_once_are_counted() -> None:
    world = World()
    for name in "abcd":
        world.send(name, 0, 1000.0)
    for name in "abc":
        world.send(name, 1, 870.0)
    world.tell(9)
    fleet = world.metrics().fleet
    assert fleet is not None
    assert (fleet.agents.under_water, fleet.under_water_pct) == (3, 75.0)


def test_a_partition_that_is_missing_is_waited_for_then_carried() -> None:
    world = World(2)
    world.send("a", 0, 1000.0, 0)
    world.send("b", 0, 1000.0, 1)
    world.tell(3)
    world.send("b", 4, 1000.0, 1)
    world.tell(4, 1, idle=False)  # busy, and then never heard of again
    done = 0
    for second in range(5, 25):
        world.send("a", second, 1000.0 + second, 0)
        world.tell(second, 0, idle=False)
        done = world.fleet.done - T
        if second < 9:
            assert done <= 3
    assert done == pytest.approx(24 - 3 - WAIT_SECS, abs=1)  # its own lateness, and the wait
    metrics = world.metrics()
    assert metrics.fleet is not None
    assert (metrics.fleet.partial, metrics.fleet.missing) == (True, [1])
    assert metrics.equity == pytest.approx(2000.0 + done)
    world.send("b", 24, 900.0, 1)
    world.tell(27)
    metrics = world.metrics()
    assert metrics.fleet is not None
    assert not metrics.fleet.partial
    assert metrics.equity == pytest.approx(1924.0)


def test_a_writer_that_was_replaced_is_not_heard() -> None:
    world = World()
    world.send("a", 0, 1000.0)
    world.tell(5)
    old = world.ledgers[0]
    world.ledgers[0] = PartitionLedger(0, 2, {"USD": 1.0})
    world.ledgers[0].begin([(world.states["a"], LIVE)], T + 6)
    world.send("a", 7, 2000.0)
    world.tell(12)
    world.ledgers[0] = old
    world.tell(13)
    assert world.metrics().equity == pytest.approx(2000.0)


def test_a_gap_between_two_writers_is_partial_until_it_is_over() -> None:
    """What the dead one had not told is not known second by second; the trading in it is, if nobody came or went."""
    world = World(2)
    world.send("a", 0, 1000.0, 0)
    world.send("b", 0, 1000.0, 1)
    world.tell(3)
    world.send("a", 10, 900.0, 0)  # never told: the worker dies
    world.ledgers[0] = PartitionLedger(0, 2, {"USD": 1.0})
    world.ledgers[0].begin([(world.states["a"], LIVE)], T + 12)
    for second in (5, 6, 7):
        world.send("b", second, 1000.0, 1)
    world.send("a", 10, 900.0, 0)
    world.tell(12, 0)
    world.tell(12, 1, idle=False)
    metrics = world.metrics()
    assert metrics.ts == T + 4  # in the gap, which is from 1 to 9
    assert metrics.fleet is not None
    assert metrics.fleet.missing == [0]
    world.tell(15)
    metrics = world.metrics()
    assert metrics.fleet is not None
    assert not metrics.fleet.partial
    assert metrics.drawdown_pct == pytest.approx(5.0)


def test_history_that_passes_in_no_time_is_told_where_it_has_got_to() -> None:
    world = World()
    world.send("a", 0, 1000.0)
    world.tell(1, idle=False)
    ledger, st = world.ledgers[0], world.states["a"]
    for second in range(1, 3 * CLOSES):
        ev = Equity(1, "a", 1, 1, T + second, 1000.0 + second, 1.0, 1)
        equity.step(st, ev, Rec(0, int(ev.ts * 1000), b"a", b""), 0, [])
    assert st.closes is not None
    assert len(st.closes) == CLOSES
    ledger.update(st, T + 1.0)
    (partial,) = world.tell(2, idle=False)
    assert [row.second - T for row in partial.seconds] == [3 * CLOSES - 1]
    assert partial.seconds[0].equity == 1000.0 + 3 * CLOSES - 1
    assert world.metrics().equity == partial.seconds[0].equity
    assert world.metrics().fleet.partial  # type: ignore[union-attr] # of _fleet it is there


def test_fleet_drawdown_fires_and_resolves_with_hysteresis() -> None:
    world = World()
    for second, worth in ((0, 1000.0), (10, 895.0), (20, 905.0), (30, 912.0)):
        world.send("a", second, worth)
        world.tell(second + 5)
    assert [alert[:2] for alert in world.alerts()] == [
        ("fleet_drawdown", "firing"),
        ("fleet_drawdown", "resolved"),
    ]
    fired = json.loads(world.out[0].value)
    assert fired["value"] == pytest.approx(10.5)
    assert (fired["threshold"], fired["unit"], fired["ts"]) == (10.0, "%", T + 10)


def test_a_group_that_falls_silent_is_one_alert_with_its_agents() -> None:
    world = World(2)
    for index in range(8):
        world.health[index % 2].put(f"bot-{index}", Pulse("trend", index < 2, False, True, ()))
    world.tell(1)
    assert world.alerts() == []  # two are too few, whatever their share
    for index in range(4):
        world.health[index % 2].put(f"bot-{index}", Pulse("trend", True, False, True, ()))
    world.tell(2)
    world.tell(3)
    for index in range(4):
        world.health[index % 2].put(f"bot-{index}", Pulse("trend", False, False, True, ()))
    world.tell(60)
    assert [(rule, status) for rule, status, _ in world.alerts()] == [
        ("fleet_silent", "firing"),
        ("fleet_silent", "resolved"),
    ]
    fired = json.loads(world.out[0].value)
    assert fired["labels"]["group"] == "trend"
    assert (
        fired["labels"]["agents"] == "bot-0,bot-1,bot-2"
    )  # at the moment when the second partition was not heard yet
    assert fired["title"] == "3 of 8 agents of trend are silent"


def test_an_exchange_that_fails_for_most_of_its_agents_is_down() -> None:
    world = World()
    beat = {
        "v": 1,
        "epoch": 1,
        "seq": 1,
        "ts": 1.0,
        "status": "ok",
        "uptime_secs": 1.0,
        "interval_secs": 10.0,
    }
    for index in range(4):
        ev = Health(agent_id=f"bot-{index}", checks={"exchange": Check(index > 2)}, **beat)  # type: ignore[arg-type] # as named
        st = HealthState(ev)
        st.checks = {"exchange": index > 2, "exchange:binance": index == 0, "memory": False}
        world.health[0].put(st.agent_id, pulse_of(st, Agent(venue="kraken")))
    world.tell(1)
    assert world.alerts() == [
        ("exchange_down", "firing", "bot-1,bot-2,bot-3"),
        ("exchange_down", "firing", "bot-0,bot-1,bot-2"),
    ]
    ids = {json.loads(output.value)["alert_id"] for output in world.out}
    assert len(ids) == 2


def off(*names: str) -> Rules:
    return replace(DEFAULTS, **{name: replace(getattr(DEFAULTS, name), enabled=False) for name in names})


def test_what_a_disabled_rule_has_open_is_resolved_whether_of_the_fleet_a_group_or_a_venue() -> None:
    """Breaks when an alert of the fleet that an operator has switched off stays open, and becomes unknown."""
    world = World()
    world.send("a", 0, 1000.0)
    world.tell(5)
    world.send("a", 10, 800.0)
    for index in range(4):
        world.health[0].put(f"bot-{index}", Pulse("trend", True, False, True, (("kraken", True),)))
    world.tell(15)
    opened = {json.loads(output.value)["alert_id"] for output in world.out}
    assert sorted(rule for rule, *_ in world.alerts()) == ["exchange_down", "fleet_drawdown", "fleet_silent"]
    world.fleet = FleetState.unpack(
        world.fleet.pack(), dict(world.fleet.take_parts())
    )  # and by the next owner
    world.out.clear()
    use_rules(world.fleet, off("fleet_drawdown", "fleet_silent", "exchange_down"), DEFAULTS, world.out)
    ends = {(alert := json.loads(output.value))["rule"]: alert for output in world.out}
    assert {alert["alert_id"] for alert in ends.values()} == opened
    for output in world.out:
        validate(output.value, AlertEvent)
        assert output.key == b"_fleet"
    assert all(
        (a["agent_id"], a["status"], a["reason"]) == ("_fleet", "resolved", "rule_changed")
        for a in ends.values()
    )
    assert ends["fleet_silent"]["labels"] == {"group": "trend"}
    assert ends["exchange_down"]["title"] == "exchange down no longer applies: kraken"
    world.out.clear()
    world.tell(20)
    assert world.alerts() == []
    assert not world.fleet.groups


def test_an_open_alert_stays_open_under_a_rule_that_it_exceeds_as_well() -> None:
    world = World()
    for second, worth in ((0, 1000.0), (10, 800.0)):
        world.send("a", second, worth)
        world.tell(second + 5)
    stricter = replace(DEFAULTS, fleet_drawdown=replace(DEFAULTS.fleet_drawdown, threshold=0.05))
    use_rules(world.fleet, stricter, DEFAULTS, world.out)
    assert len(world.out) == 1
    laxer = replace(DEFAULTS, fleet_drawdown=replace(DEFAULTS.fleet_drawdown, threshold=0.30))
    use_rules(world.fleet, laxer, DEFAULTS, world.out)
    assert [status for _, status, _ in world.alerts()] == ["firing", "resolved"]


def test_an_agent_is_stale_by_the_interval_that_the_registry_says_now() -> None:
    world = World()
    world.send("a", 0, 1000.0)
    world.ledgers[0].reconsider(world.states["a"], Agent(equity_interval_secs=600.0), T + 1.0)
    world.tell(STALE_FLOOR_SECS + 5)
    again = T + STALE_FLOOR_SECS + 5
    assert world.ledgers[0].count(again).stale == 0
    assert world.ledgers[0].count(T + 1801.0).stale == 1


def test_agents_alive_and_stopped_are_counted() -> None:
    counts = HealthCounts()
    for name, silent, stopping in (("a", False, False), ("b", True, False), ("c", False, True)):
        counts.put(name, Pulse("-", silent, stopping, True, ()))
    assert (counts.alive, counts.stopped) == (1, 2)
    counts.drop("b")
    counts.put("c", Pulse("-", False, False, True, ()))
    assert (counts.alive, counts.stopped) == (2, 0)
    assert counts.groups()["-"].hit == 0


def test_the_fleets_day_is_told_once() -> None:
    world = World()
    day = 86_400
    for second, worth in ((0, 1000.0), (100, 1010.0), (day + 5, 1010.0), (day + 50, 900.0)):
        world.send("a", second, worth)
        world.tell(second + 5)
    told = [json.loads(output.value) for output in world.out]
    assert [alert["rule"] for alert in told] == ["daily_summary", "fleet_drawdown"]
    assert told[0]["value"] == pytest.approx(1.0)
    assert told[0]["source"]["topic"] == "fleet-partials"
