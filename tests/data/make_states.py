"""Writes states as the present release packs them, for later releases to read; once per version.

    python tests/data/make_states.py

A file holds the head, the parts by suffix and the figures that were published of it. One that exists is never written
again: it is what that release left in its users' changelogs.
"""

import json
import random
import sys
from pathlib import Path
from typing import Any

import msgspec

DATA = Path(__file__).resolve().parent
sys.path.insert(0, str(DATA.parent))

from core_records import EPOCH, START, Run, equity_event  # noqa: E402 -- found by the line above
from fleawatch.core.metrics import metrics_of  # noqa: E402
from fleawatch.core.pipeline import equity_pipeline, trades_pipeline  # noqa: E402
from fleawatch.engine.parts import split_key  # noqa: E402
from fleawatch_schemas.wire import Window  # noqa: E402

HOURS = 60
END = START + HOURS * 3600
WINDOWS: tuple[Window, ...] = ("24h", "7d", "30d", "all")


def equity_run() -> Run:
    """Two and a half days, an event a minute: a deposit, two lost events, a repeat, and a crash at the end that is firing."""
    rng = random.Random(7)
    run = Run(equity_pipeline(1))
    value = 10_000.0
    for seq in range(HOURS * 60):
        value *= 1 + rng.gauss(0, 0.0004)
        deposits = 0.0
        if seq >= 2000:
            deposits = 500.0
        if seq == 2000:
            value += 500.0
        if seq >= HOURS * 60 - 5:
            value *= 0.94
        event = equity_event(
            seq, round(value, 2), ts=START + 60 * seq, net_deposits=deposits, open_positions=seq % 4
        )
        if seq not in {100, 3000}:
            run.feed(event)
        if seq == 1000:
            run.feed(event)
    return run


def trades_run() -> Run:
    """A trade every twenty minutes in two strategies and three assets, one of them lost, one late by ten hours."""
    rng = random.Random(8)
    run = Run(trades_pipeline(1))
    for seq in range(HOURS * 3):
        at = START + 1200 * seq
        exit_ts = at - (36_000 if seq == 150 else 0)
        event: dict[str, Any] = {
            "v": 1, "agent_id": "momentum-1", "epoch": EPOCH, "seq": seq, "ts": at, "trade_id": f"t{seq}",
            "strategy": rng.choice(["trend", "carry"]), "asset": rng.choice(["BTC", "ETH", "SOL"]), "side": "buy",
            "size": 2.0, "entry_price": 100.0, "exit_price": round(100 + rng.gauss(0.1, 2), 2),
            "entry_ts": exit_ts - 600, "exit_ts": exit_ts, "fees": 0.25, "slippage": 0.01, "funding": -0.05,
        }  # fmt: skip
        if seq != 77:
            run.feed(event)
    return run


def golden(run: Run) -> dict[str, Any]:
    """JSON of a run's only state."""
    stored = {split_key(key)[1].hex(): value.hex() for key, value in run.packed().items()}
    state = run.state
    equity, trades = (state, None) if run.pipeline.topic == "equity" else (None, state)
    return {
        "head": stored.pop(""),
        "parts": stored,
        "figures": {
            window: msgspec.to_builtins(metrics_of("momentum-1", equity, trades, window, END))
            for window in WINDOWS
        },
    }


def main() -> None:
    for name, run in (("equity_state_v2", equity_run()), ("trades_state_v2", trades_run())):
        path = DATA / f"{name}.json"
        if not path.exists():
            path.write_text(json.dumps(golden(run), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
