"""Writes states as the present release packs them, for later releases to read; once per version.

    PYTHONPATH=tests python tests/data/make_states.py

A file holds the head and the parts by suffix. One that exists is never written again: it is what that release left in its
users' changelogs.
"""

import json
import random
from pathlib import Path
from typing import Any

from core_records import EPOCH, START, Run, equity_event
from fleawatch.core.pipeline import equity_pipeline, trades_pipeline
from fleawatch.engine.parts import split_key

DATA = Path(__file__).resolve().parent
HOURS = 60


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
    return {"head": stored.pop(""), "parts": stored}


def main() -> None:
    for name, run in (("equity_state_v5", equity_run()), ("trades_state_v2", trades_run())):
        path = DATA / f"{name}.json"
        if not path.exists():
            path.write_text(json.dumps(golden(run), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
