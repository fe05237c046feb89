"""States that an earlier release left in its users' changelogs: read, with the figures of the same events, and gone on with.

The files are written by `tests/data/make_states.py`, once for each version of a layout; health: `test_health_state.py`, the
fleet: `test_golden_fleet.py`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core_records import EPOCH, START, Run, equity_event, packed, unpacked
from data.make_states import equity_run, trades_run
from fleawatch.core.metrics import metrics_of
from fleawatch.core.pipeline import equity_pipeline, trades_pipeline
from fleawatch.engine.parts import part_key
from fleawatch_schemas.wire import Window

DATA = Path(__file__).resolve().parents[2] / "data"
END = START + 60 * 3600
AGENT = b"momentum-1"
PIPELINES: dict[str, Callable[[int], Any]] = {"equity": equity_pipeline, "trades": trades_pipeline}
WRITTEN = {"equity": 5, "trades": 2}


def golden(name: str, version: int = 0) -> dict[bytes, bytes]:
    """What the changelog held; 0: of the version that is written."""
    path = DATA / f"{name}_state_v{version or WRITTEN[name]}.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    parts = {
        part_key(AGENT, bytes.fromhex(suffix)): bytes.fromhex(part) for suffix, part in found["parts"].items()
    }
    return parts | {AGENT: bytes.fromhex(found["head"])}


def restored(name: str, version: int = 0) -> Run:
    """A pipeline that goes on with the golden state, at its next offset."""
    run = Run(PIPELINES[name](1))
    stored = golden(name, version)
    run.states[AGENT] = unpacked(run.pipeline.unpack, AGENT, stored)
    run.next = run.state.offset + 1
    return run


@pytest.mark.parametrize(
    ("name", "version", "run"),
    [
        ("equity", 2, equity_run),
        ("equity", 3, equity_run),
        ("equity", 4, equity_run),
        ("equity", 5, equity_run),
        ("trades", 2, trades_run),
    ],
)
def test_figures_are_those_of_the_events(name: str, version: int, run: Callable[[], Run]) -> None:
    """Breaks when an upgrade misreads a field, a part or a unit: nobody would be told."""
    windows: tuple[Window, ...] = ("24h", "7d", "30d", "all")
    made, read = run().state, restored(name, version).state
    for window in windows:
        if name == "equity":
            expected, found = (metrics_of("momentum-1", st, None, window, END) for st in (made, read))
        else:
            expected, found = (metrics_of("momentum-1", None, st, window, END) for st in (made, read))
        assert found == expected


@pytest.mark.parametrize("name", PIPELINES)
def test_the_newest_version_is_what_is_written(name: str) -> None:
    """Breaks when the layout changes without another version: the release before would misread it after a step back."""
    assert packed(restored(name).states) == golden(name)


@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_equity_goes_on(version: int) -> None:
    run = restored("equity", version)
    st = run.equity
    assert st.control.tripped == (version > 2)  # as the release before did not know
    assert (st.epoch, st.seq, st.lost, st.late, st.deposits) == (EPOCH, 3599, 2, 0, 500.0)
    life = metrics_of("momentum-1", st, None, "all", END)
    assert (life.equity, life.open_positions, life.n) == (7749.79, 3, 60)
    assert life.max_drawdown_pct == pytest.approx(27.71520743267742)
    assert life.pnl_24h_usd == pytest.approx(-2799.93)
    assert {"drawdown_exceeded", "drawdown_warning"} <= st.alerts.keys()
    again = equity_event(3598, st.last.equity, ts=st.last.ts - 60, net_deposits=500.0)
    assert run.feed(again).duplicates == 1
    late = equity_event(3000, 10_400.0, ts=START + 60 * 3000, net_deposits=500.0)
    assert (run.feed(late).events, run.feed(late).duplicates) == (1, 1)  # it was missing
    run.feed(equity_event(3600, st.peak + 10, ts=END, net_deposits=500.0))
    assert ("drawdown_exceeded", "resolved") in {(alert.rule, alert.status) for alert in run.alerts}


@pytest.mark.parametrize("version", [2, 3, 4])
def test_what_the_detectors_had_learned_is_taken_over(version: int) -> None:
    """Breaks when the numbers of an earlier suite land in other places: fleets would be woken, or blind, after an upgrade."""
    old, new = restored("equity", version).equity.suite, equity_run().equity.suite
    assert (old.n, old.left, old.slots, old.interval) == (new.n, new.left, new.slots, new.interval)
    assert old.shock.place == pytest.approx(new.shock.place, abs=0.2 / new.volatility.unit)
    for mine, theirs in (
        (old.volatility.level - new.volatility.level, 0.15),
        (old.volatility.ratio / new.volatility.ratio - 1, 0.3),
        (old.shock.level / new.shock.level - 1, 0.15),
        (old.shock.excess / new.shock.excess - 1, 0.5),
    ):
        assert abs(mine) < theirs
    assert old.win_rate.numbers() == new.win_rate.numbers()
    assert old.rise.sum == 0.0


def test_trades_go_on() -> None:
    run = restored("trades")
    st = run.state
    assert (st.epoch, st.seq, st.lost, st.late) == (EPOCH, 179, 1, 1)
    before = metrics_of("momentum-1", None, st, "all", END)
    assert before.total_trades == 179
    assert before.win_rate_pct == pytest.approx(100 * 93 / 179)
    missing = {
        "v": 1, "agent_id": "momentum-1", "epoch": EPOCH, "seq": 77, "ts": START + 1200 * 77, "trade_id": "t77",
        "strategy": "trend", "asset": "BTC", "side": "sell", "size": 1.0, "entry_price": 100.0, "exit_price": 90.0,
        "entry_ts": START + 1200 * 76, "exit_ts": START + 1200 * 77,
    }  # fmt: skip
    assert (run.feed(missing).events, run.feed(missing).duplicates) == (1, 1)
    after = metrics_of("momentum-1", None, st, "all", END)
    assert after.total_trades == 180
    assert before.total_pnl == pytest.approx(3.02)
    assert before.total_pnl is not None
    assert after.total_pnl == pytest.approx(before.total_pnl + 10)
    assert packed(run.states) != golden("trades")


@pytest.mark.parametrize("name", PIPELINES)
def test_a_part_that_is_missing_is_refused(name: str) -> None:
    """Breaks when half a state is taken for a whole one."""
    stored = golden(name)
    run = Run(PIPELINES[name](1))
    for key in stored.keys() - {AGENT}:
        with pytest.raises(ValueError, match=r"missing|not stored"):
            unpacked(run.pipeline.unpack, AGENT, {each: part for each, part in stored.items() if each != key})
