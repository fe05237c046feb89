"""What operators enter in an agent's account: applied among its events, once, and answered."""

from typing import Any

import msgspec
import orjson
import pytest

from core_records import START, Rec, Run, equity_event, packed
from fleawatch.control.entries import entry, entry_reader
from fleawatch.control.records import sealed
from fleawatch.control.signing import Keyring, Signer
from fleawatch.core.fleet import FleetState
from fleawatch.core.fleet_health import HealthCounts
from fleawatch.core.fleet_ledger import PartitionLedger
from fleawatch.core.outputs import Output
from fleawatch.core.pipeline import equity_pipeline
from fleawatch.core.registry import Agent
from fleawatch_schemas.wire_control import CommandAck
from fleawatch_schemas.wire_entry import EntryKind


def curve(*equities: float, **more: Any) -> Run:
    """An event a second."""
    run = Run()
    for equity in equities:
        tick(run, equity, **more)
    return run


def tick(run: Run, equity: float, **more: Any) -> None:
    seq = run.state.seq + 1 if run.states else 0
    run.feed(equity_event(seq, equity, ts=START + seq, **more))


def said(kind: EntryKind, **fields: Any) -> bytes:
    return sealed(entry("momentum-1", kind, by="ada", reason="test", now=START, **fields), None)


def answers(outputs: list[Output]) -> list[CommandAck]:
    return [msgspec.json.decode(out.value, type=CommandAck) for out in outputs if out.topic == "command-acks"]


def enter(run: Run, kind: EntryKind, **fields: Any) -> CommandAck:
    before = len(answers(run.outputs))
    run.feed(said(kind, **fields))
    (answer,) = answers(run.outputs)[before:]
    return answer


def tripped(run: Run) -> bool:
    return run.equity.control.tripped


def test_a_rebased_peak_ends_the_drawdown_and_its_trip() -> None:
    run = curve(100, 80)
    assert tripped(run)
    answer = enter(run, "rebase_peak")
    assert answer.status == "applied"
    assert answer.detail == "peak 100.00 → 80.00, drawdown 0.0%"
    assert (run.equity.peak, run.equity.drawdown, run.equity.max_drawdown) == (80, 0, 0.2)
    assert not tripped(run)
    assert [(each.rule, each.status) for each in run.alerts][-1] == ("drawdown_exceeded", "resolved")
    tick(run, 67)
    assert tripped(run)  # 16 % below the new one


def test_a_stated_peak_counts_from_then_on() -> None:
    run = curve(100)
    assert enter(run, "set_peak", peak=125.0).status == "applied"
    assert run.equity.drawdown == pytest.approx(0.2)
    assert run.alerts[-1].rule == "drawdown_exceeded"
    refused = enter(run, "set_peak", peak=99.0)
    assert (refused.status, refused.detail) == ("refused", "the equity, 100.00, is above that peak")
    assert run.equity.peak == 125


@pytest.mark.parametrize(
    ("announced", "left", "alerts"),
    [(20.0, 20.0, 0), (20.0, 20.1, 1), (0.0, 20.0, 1), (30.0, 20.0, 0)],
)
def test_an_announced_withdrawal_is_no_alert_within_its_amount(
    announced: float, left: float, alerts: int
) -> None:
    run = curve(100, net_deposits=0.0)
    if announced:
        assert enter(run, "expect_flow", amount=-announced, until=START + 60).status == "applied"
    tick(run, 100 - left, net_deposits=-left)
    assert [each.rule for each in run.alerts].count("outflow") == alerts


def test_an_announcement_is_used_up_and_ends_with_its_time() -> None:
    run = curve(100, net_deposits=0.0)
    enter(run, "expect_flow", amount=-20.0, until=START + 3)
    tick(run, 90, net_deposits=-10.0)
    tick(run, 80, net_deposits=-20.0)
    assert not run.alerts
    assert not run.equity.control.expected
    enter(run, "expect_flow", amount=-20.0, until=START + 3)
    tick(run, 80, net_deposits=-20.0)
    tick(run, 70, net_deposits=-30.0)  # a second too late
    assert [each.rule for each in run.alerts] == ["outflow"]


@pytest.mark.parametrize("amount", [-50.0, 100.0])
def test_a_booked_flow_is_found_in_the_snapshot_that_shows_it(amount: float) -> None:
    """As if the agent had reported it: the same peak, drawdown, bars and figures."""
    run, reports = curve(100, 96), curve(100, 96, net_deposits=0.0)
    assert enter(run, "flow", amount=amount).status == "applied"
    for before in (97, 98):
        tick(run, before)
        tick(reports, before, net_deposits=0.0)
    for after in (0, 2, -10):
        tick(run, 98 + amount + after)
        tick(reports, 98 + amount + after, net_deposits=amount)
    assert run.equity.peak == pytest.approx(reports.equity.peak)
    assert run.equity.drawdown == pytest.approx(reports.equity.drawdown)
    assert run.equity.max_drawdown == pytest.approx(reports.equity.max_drawdown)
    assert run.equity.bars.units == pytest.approx(reports.equity.bars.units)
    assert not [each for each in run.alerts if each.rule == "outflow"]


def test_a_withdrawal_that_shows_already_is_booked_into_the_present_equity() -> None:
    run = curve(100, 96, 48)
    assert run.equity.drawdown > 0.5
    answer = enter(run, "flow", amount=-48.0, seen=True)
    assert answer.detail == "a flow of -48.00 is booked, drawdown 4.0%"
    assert run.equity.peak == 50
    assert not tripped(run)


def test_a_deposit_that_shows_already_makes_no_drawdown() -> None:
    run = curve(100, 90, 190)
    assert enter(run, "flow", amount=100.0, seen=True).status == "applied"
    assert (run.equity.peak, run.equity.drawdown) == (190, 0)


def test_an_agent_that_begins_to_report_goes_on_from_the_books() -> None:
    run = curve(100)
    enter(run, "flow", amount=-20.0)
    tick(run, 100)
    tick(run, 80)
    assert run.equity.drawdown == 0
    tick(run, 80, net_deposits=500.0)  # since it began; no flow of now
    tick(run, 70, net_deposits=490.0)
    assert run.equity.drawdown == pytest.approx(0)
    assert enter(run, "flow", amount=-5.0).status == "refused"


def test_the_fleet_takes_a_booked_flow_for_no_gain_or_loss() -> None:
    """Breaks when half of the fleet's money that was moved somewhere else is a drawdown of the fleet."""
    ledger, fleet, out = PartitionLedger(0, 1, {"USD": 1.0}), FleetState(1), list[Output]()
    run = Run()
    for second in range(40):
        tick(run, (2000.0 if second < 20 else 1000.0) + second)
        if second == 10:
            assert enter(run, "flow", amount=-1000.0).status == "applied"
        if not ledger.update(run.equity, START + second):
            run.equity.closes = []
            ledger.meet(run.equity, Agent(), START + second)
        for partial in ledger.partials(START + second + 3, idle=True, health=HealthCounts()):
            fleet.take(partial, Rec(second, 0, None, None), out)
    assert fleet.account is not None
    assert fleet.account.last.equity == 1039.0
    assert fleet.account.max_drawdown == pytest.approx(0)
    assert fleet.account.last.net_deposits == pytest.approx(1000.0)  # 2000 joined, 1000 left


def test_who_reports_its_deposits_gets_none_booked() -> None:
    run = curve(100, net_deposits=10.0)
    before = packed(run.states)
    answer = enter(run, "flow", amount=-5.0)
    assert (answer.status, answer.detail) == ("refused", "it reports its deposits itself (net_deposits)")
    assert packed(run.states) == before


def test_an_entry_for_nobody_is_refused() -> None:
    run = Run()
    assert enter(run, "rebase_peak").detail == "it has sent no equity yet"
    assert not run.states


def test_a_replay_applies_an_entry_once_and_at_its_place() -> None:
    """Breaks when an entry has no offset of its own: after a crash it would count again, or for other events."""
    run = curve(100, net_deposits=None)
    events: list[dict[str, Any] | bytes] = [
        equity_event(1, 90, ts=START + 1),
        said("flow", amount=-40.0),
        said("rebase_peak"),
        equity_event(2, 50, ts=START + 3),
        said("flow", amount=-10.0, seen=True),
        equity_event(3, 39, ts=START + 4),
    ]
    stored, at = packed(run.states), run.next
    run.feed(*events)
    once = packed(run.states)
    for cut in range(len(events) + 1):
        again = Run()
        again.states = {
            key: again.pipeline.unpack(value) for key, value in stored.items() if key in run.states
        }
        again.restart()
        again.next = at
        again.feed(*events[:cut])
        again.restart()
        again.next = at
        again.feed(*events)
        assert packed(again.states) == once, cut


def test_with_keys_an_entry_must_be_signed() -> None:
    signer, other = Signer(bytes(32)), Signer(bytes(range(32)))
    keyring = Keyring([msgspec.json.decode(f'"{signer.public}"', type=bytes)])
    run = Run(equity_pipeline(1, decode_entry=entry_reader(keyring)))
    tick(run, 100)
    tick(run, 80)
    words = entry("momentum-1", "rebase_peak", by="ada", reason="", now=START)
    for forged in (sealed(words, None), sealed(words, other), sealed(words, signer).replace(b"ada", b"eve")):
        assert sum(run.feed(forged).rejected.values()) == 1
        assert run.equity.peak == 100
    run.feed(sealed(words, signer))
    assert run.equity.peak == 80


@pytest.mark.parametrize(
    "broken",
    [
        {"entry": "rebase_peak"},
        {
            "v": 1,
            "entry": "steal",
            "entry_id": "x",
            "agent_id": "momentum-1",
            "by": "a",
            "reason": "",
            "ts": 1,
        },
        {"v": 1, "entry": "flow", "entry_id": "x", "agent_id": "other", "by": "a", "reason": "", "ts": 1},
        {
            "v": 1,
            "entry": "flow",
            "entry_id": "x",
            "agent_id": "momentum-1",
            "by": "a",
            "reason": "",
            "ts": "1",
        },
    ],
)
def test_what_is_no_entry_is_a_dead_letter(broken: dict[str, Any]) -> None:
    run = curve(100)
    before = packed(run.states)
    assert sum(run.feed(orjson.dumps(broken)).rejected.values()) == 1
    assert packed(run.states) == before
