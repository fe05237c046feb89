"""States that an earlier release left in its users' changelogs: read, with the figures it published, and gone on with.

The files are written by `tests/data/make_states.py`, once for each version of a layout; health states: `test_health_state.py`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core_records import EPOCH, START, Run, equity_event, packed, unpacked
from fleawatch.core.metrics import metrics_of
from fleawatch.core.pipeline import equity_pipeline, trades_pipeline
from fleawatch.engine.parts import part_key

DATA = Path(__file__).resolve().parents[2] / "data"
END = START + 60 * 3600
AGENT = b"momentum-1"
PIPELINES: dict[str, Callable[[int], Any]] = {"equity": equity_pipeline, "trades": trades_pipeline}


def golden(name: str) -> tuple[dict[bytes, bytes], dict[str, Any]]:
    """What the changelog held, and the figures by window."""
    found = json.loads((DATA / f"{name}_state_v2.json").read_text(encoding="utf-8"))
    stored = {
        part_key(AGENT, bytes.fromhex(suffix)): bytes.fromhex(part) for suffix, part in found["parts"].items()
    }
    return stored | {AGENT: bytes.fromhex(found["head"])}, found["figures"]


def restored(name: str) -> Run:
    """A pipeline that goes on with the golden state, at its next offset."""
    run = Run(PIPELINES[name](1))
    stored, _ = golden(name)
    run.states[AGENT] = unpacked(run.pipeline.unpack, AGENT, stored)
    run.next = run.state.offset + 1
    return run


@pytest.mark.parametrize("name", PIPELINES)
def test_figures_are_those_that_were_published(name: str) -> None:
    """Breaks when an upgrade misreads a field, a part or a unit: nobody would be told."""
    state = restored(name).state
    equity, trades = (state, None) if name == "equity" else (None, state)
    figures = golden(name)[1]
    assert len(figures) == 4
    for window, expected in figures.items():
        found = msgspec.to_builtins(metrics_of("momentum-1", equity, trades, window, END))  # type: ignore[arg-type]  # JSON knows no literals
        numbers = {key: value for key, value in expected.items() if isinstance(value, int | float)}
        assert {key: found[key] for key in numbers} == pytest.approx(numbers, rel=1e-12)
        assert {key: found[key] for key in expected.keys() - numbers} == {
            key: expected[key] for key in expected.keys() - numbers
        }


@pytest.mark.parametrize("name", PIPELINES)
def test_version_2_is_what_is_written(name: str) -> None:
    """Breaks when the layout changes without another version: the release before would misread it after a step back."""
    assert packed(restored(name).states) == golden(name)[0]


def test_equity_goes_on() -> None:
    run = restored("equity")
    st = run.equity
    assert (st.epoch, st.seq, st.lost, st.late, st.deposits) == (EPOCH, 3599, 2, 0, 500.0)
    assert {"drawdown_exceeded", "drawdown_warning"} <= st.alerts.keys()
    again = equity_event(3598, st.last.equity, ts=st.last.ts - 60, net_deposits=500.0)
    assert run.feed(again).duplicates == 1
    late = equity_event(3000, 10_400.0, ts=START + 60 * 3000, net_deposits=500.0)
    assert (run.feed(late).events, run.feed(late).duplicates) == (1, 1)  # it was missing
    run.feed(equity_event(3600, st.peak + 10, ts=END, net_deposits=500.0))
    assert ("drawdown_exceeded", "resolved") in {(alert.rule, alert.status) for alert in run.alerts}


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
    assert before.total_pnl is not None
    assert after.total_pnl == pytest.approx(before.total_pnl + 10)
    assert packed(run.states) != golden("trades")[0]


@pytest.mark.parametrize("name", PIPELINES)
def test_a_part_that_is_missing_is_refused(name: str) -> None:
    """Breaks when half a state is taken for a whole one."""
    stored, _ = golden(name)
    run = Run(PIPELINES[name](1))
    for key in stored.keys() - {AGENT}:
        with pytest.raises(ValueError, match=r"missing|not stored"):
            unpacked(run.pipeline.unpack, AGENT, {each: part for each, part in stored.items() if each != key})
