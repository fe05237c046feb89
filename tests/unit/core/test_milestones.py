"""The milestones of an agent's trades."""

from dataclasses import replace
from typing import Any

from core_records import EPOCH, START, Run
from fleawatch.core.pipeline import trades_pipeline
from fleawatch.core.rules import DEFAULTS


def trade(seq: int) -> dict[str, Any]:
    ts = START + 3600 * seq  # over many hours and days: the count survives their ends
    return {
        "v": 1, "agent_id": "momentum-1", "epoch": EPOCH, "seq": seq, "ts": ts, "trade_id": f"t{seq}", "strategy": "s",
        "asset": "BTC-USD", "side": "buy", "size": 1.0, "entry_price": 100.0, "exit_price": 101.0, "entry_ts": ts - 60,
        "exit_ts": ts,
    }  # fmt: skip


def test_the_hundredth_trade_is_told_then_the_thousandth() -> None:
    run = Run(trades_pipeline(1))
    run.feed(*(trade(seq) for seq in range(1005)))
    told = [(alert.title, alert.value, alert.severity) for alert in run.alerts if alert.rule == "milestone"]
    assert told == [
        ("momentum-1: 100 closed trades", 100, "INFO"),
        ("momentum-1: 1,000 closed trades", 1000, "INFO"),
    ]


def test_another_number_can_be_set_and_the_rule_switched_off() -> None:
    own = replace(DEFAULTS, trades_milestone=7.0)
    run = Run(trades_pipeline(1, lambda _: own))
    run.feed(*(trade(seq) for seq in range(80)))
    assert [alert.value for alert in run.alerts if alert.rule == "milestone"] == [7, 70]
    off = replace(DEFAULTS, milestone=replace(DEFAULTS.milestone, enabled=False))
    run = Run(trades_pipeline(1, lambda _: off))
    run.feed(*(trade(seq) for seq in range(101)))
    assert [alert for alert in run.alerts if alert.rule == "milestone"] == []
