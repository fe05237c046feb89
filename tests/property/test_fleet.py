"""The fleet's figures, joined from partials in any order, are those of all events added up offline."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_records import START, Rec
from fleawatch.core import equity
from fleawatch.core.equity_state import EquityState
from fleawatch.core.fleet import FleetState
from fleawatch.core.fleet_health import HealthCounts
from fleawatch.core.fleet_ledger import MICRO, PartitionLedger
from fleawatch.core.registry import Agent
from fleawatch_schemas.wire import Equity
from fleawatch_schemas.wire_fleet import FleetPartial

PARTITIONS = 3
RATES = {"USD": 1.0, "EUR": 1.08}
BEGAN = int(START)


@dataclass
class Side:
    """One partition's worker: the states, and the ledger that sums them."""

    partition: int
    run: int = 1
    now: float = 0.0
    states: dict[str, EquityState] = field(default_factory=dict)
    agents: dict[str, Agent] = field(default_factory=dict)
    parts: dict[str, dict[bytes, bytes]] = field(default_factory=dict)
    ledger: PartitionLedger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = PartitionLedger(self.partition, self.run, RATES)

    def agent(self, name: str) -> Agent:
        return self.agents.get(name, Agent())

    def apply(self, batch: list[Equity]) -> None:
        touched = {}
        for ev in batch:
            record = Rec(0, int(ev.ts * 1000) + 5000, ev.agent_id.encode(), b"")
            state = self.states.get(ev.agent_id)
            if state is None:
                state = self.states[ev.agent_id] = EquityState(ev)
                state.closes = []
                equity.first(state, ev, record, 0, [])
            else:
                equity.step(state, ev, record, 0, [])
            touched[ev.agent_id] = state
        for name, state in touched.items():
            if not self.ledger.update(state, self.now):
                self.ledger.meet(state, self.agent(name), self.now)

    def partials(self, *, idle: bool = False) -> list[FleetPartial]:
        return self.ledger.partials(self.now, idle=idle, health=HealthCounts())

    def restart(self) -> None:
        """Another worker takes over: the states are read back, nothing else."""
        for name, state in self.states.items():
            parts = self.parts.setdefault(name, {})
            parts.update(state.take_parts())
            self.states[name] = EquityState.unpack(state.pack(), parts)
        self.run += 1
        self.ledger = PartitionLedger(self.partition, self.run, RATES)
        self.ledger.begin([(state, self.agent(name)) for name, state in self.states.items()], self.now + 1e12)


def offline(events: list[Equity]) -> dict[int, tuple[float, float]]:
    """Per second with events: (equity, flow since the second with events before it), by the definition, in whole sums."""
    by_second: dict[int, list[Equity]] = {}
    for ev in sorted(events, key=lambda ev: ev.ts):
        by_second.setdefault(int(ev.ts), []).append(ev)
    last: dict[str, Equity] = {}
    deposits: dict[
        str, tuple[int, int]
    ] = {}  # the second of the first report, and the last one in whole sums
    result = {}
    for second, these in sorted(by_second.items()):
        flow = 0
        for ev in these:
            rate = RATES[ev.currency or "USD"]
            if ev.agent_id not in last:
                flow += round(ev.equity * rate * MICRO)
            if ev.net_deposits is not None:
                paid = round(ev.net_deposits * rate * MICRO)
                told, before = deposits.get(ev.agent_id, (second, paid))
                if (
                    told != second
                ):  # what was paid in before the end of the second in which it is first told is no flow
                    flow += paid - before
                deposits[ev.agent_id] = told, paid
            last[ev.agent_id] = ev
        total = sum(round(ev.equity * RATES[ev.currency or "USD"] * MICRO) for ev in last.values())
        result[second] = (total / MICRO, flow / MICRO)
    return result


def drawdowns(sums: dict[int, tuple[float, float]]) -> tuple[float, float]:
    """(present, worst), by units: a flow buys or sells them at the price before it."""
    units = price = peak = worst = now = 0.0
    for value, flow in sums.values():
        if units <= 0:
            units, price = value, 1.0
        else:
            price = (value - flow) / units
            units = value / price
        peak = max(peak, price)
        now = (peak - price) / peak
        worst = max(worst, now)
    return now, worst


@st.composite
def stories(draw: st.DrawFn) -> list[Equity]:
    """Snapshots of a few agents, in the order in which they happen; wealth stays well above nothing."""
    events: list[Equity] = []
    ts = float(BEGAN)
    wealth = [draw(st.floats(500, 5000)) for _ in range(6)]
    paid = [draw(st.sampled_from([None, 0.0, 300.0])) for _ in range(6)]
    for seq in range(draw(st.integers(1, 60))):
        ts += draw(st.sampled_from([0.0, 0.1, 0.25, 0.9, 1.0, 2.5, 7.0, 3000.0]))
        who = draw(st.integers(0, 5))
        wealth[who] *= draw(st.floats(0.8, 1.25))
        if draw(st.integers(0, 5)) == 0:
            flow = draw(st.floats(-100, 1000))
            before = paid[who]
            paid[who] = 50.0 if before is None else before + flow
            if before is not None and who in {ev.open_positions for ev in events}:
                wealth[who] += flow
        currency = "EUR" if who == 5 else None
        events.append(
            Equity(
                1, f"a{who}", 1, seq, ts, max(wealth[who], 100.0), 1.0, who, paid[who], None, None, currency
            )
        )
    return events


Deal = Callable[[list[Equity], st.DataObject], tuple[FleetState, list[Side]]]


def deal(
    events: list[Equity], data: st.DataObject, *, restarts: bool = False
) -> tuple[FleetState, list[Side]]:
    """Cut each partition's events into batches, tick where drawn, deliver partials in any interleaving of partitions."""
    sides = [Side(partition) for partition in range(PARTITIONS)]
    queues: list[list[FleetPartial]] = [[] for _ in sides]
    fleet = FleetState(PARTITIONS)
    parts: dict[bytes, bytes] = {}
    at = 0
    left: list[Any] = list(events)
    while left:
        size = data.draw(st.integers(1, 12))
        batch, left = left[:size], left[size:]
        for side in sides:
            mine = [ev for ev in batch if int(ev.agent_id[1:]) % PARTITIONS == side.partition]
            if mine:
                side.apply(mine)
            if data.draw(st.booleans()):
                queues[side.partition] += side.partials()
            if restarts and data.draw(st.integers(0, 4)) == 0:
                side.restart()
        for _ in range(data.draw(st.integers(0, 4))):
            queue = queues[data.draw(st.integers(0, PARTITIONS - 1))]
            if queue:
                fleet.take(queue.pop(0), Rec(at, 0, None, None), [])
                at += 1
                if data.draw(st.booleans()):
                    parts.update(fleet.take_parts())
                    packed = fleet.pack()
                    fleet = FleetState.unpack(packed, parts)
                    assert fleet.pack() == packed
    for side in sides:
        for partial in queues[side.partition] + side.partials(idle=True):
            fleet.take(partial, Rec(at, 0, None, None), [])
            at += 1
    return fleet, sides


@settings(deadline=None)
@given(stories(), st.data())
def test_joined_sums_and_drawdown_are_the_offline_ones(events: list[Equity], data: st.DataObject) -> None:
    """Every second is exact: the worst drawdown and the account's paid-in total depend on all of them."""
    fleet, _ = deal(events, data)
    sums = offline(events)
    account = fleet.account
    assert account is not None
    assert fleet.missing() == []
    assert fleet.done == max(sums)
    assert account.last.equity == pytest.approx(sums[max(sums)][0], rel=1e-12)
    flows = sum(flow for _, flow in sums.values())
    assert fleet.paid_in / MICRO == pytest.approx(flows, rel=1e-12, abs=1e-6)
    now, worst = drawdowns(sums)
    assert account.drawdown == pytest.approx(now, rel=1e-9, abs=1e-12)
    assert account.max_drawdown == pytest.approx(worst, rel=1e-9, abs=1e-12)


@settings(deadline=None)
@given(stories(), st.data())
def test_the_sum_is_right_again_after_restarts(events: list[Equity], data: st.DataObject) -> None:
    """Rows that died with a worker leave a gap in between; the next row has everything."""
    fleet, _ = deal(events, data, restarts=True)
    sums = offline(events)
    assert fleet.account is not None
    assert fleet.done == max(sums)
    assert fleet.missing() == []
    assert fleet.account.last.equity == pytest.approx(sums[max(sums)][0], rel=1e-12)
