"""Writes states as the present release packs them, for later releases to read; once per version.

    PYTHONPATH=tests python tests/data/make_states.py

A file holds the head and the parts by suffix. One that exists is never written again: it is what that release left in its
users' changelogs. `fleet_state_v1` was written afterwards, by the code of b1d38b5^, the last that told no trips: `fleet_run(1)`
with that commit's `streams` and `schemas` first on the path.
"""

import json
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from core_records import EPOCH, START, Rec, Run, equity_event, packed
from data.fleet_story import PARTITIONS, story
from fleawatch.core.alerts import Cause
from fleawatch.core.fleet import FLEET, PARTIALS, FleetState
from fleawatch.core.fleet_rules import check_fleet
from fleawatch.core.outputs import Output
from fleawatch.core.pipeline import equity_pipeline, trades_pipeline
from fleawatch.engine.parts import split_key
from fleawatch_schemas.wire_fleet import FleetPartial

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


def fleet_run(version: int) -> FleetState:
    """The fleet until its state is stored, judged as when states had `version`."""
    st = FleetState(PARTITIONS)
    feed_fleet(st, story(version)[0], monitored=version > 1)
    return st


def feed_fleet(st: FleetState, partials: Iterable[FleetPartial], *, monitored: bool = True) -> list[Output]:
    """Go on with `partials`, as the worker does that has the fleet; what it says."""
    out: list[Output] = []
    for partial in partials:
        offset = st.offset + 1
        st.take(partial, Rec(offset, int(partial.ts * 1000), None, None), out)
        check_fleet(st, offset, out)
        if monitored:
            st.monitor.check(st.slots, st.partitions, Cause(PARTIALS, 0, offset, 0, offset, st.clock), out)
        st.offset = offset
    return out


def golden(states: Mapping[bytes, Any]) -> dict[str, Any]:
    """JSON of the only state of `states`."""
    stored = {split_key(key)[1].hex(): value.hex() for key, value in packed(states).items()}
    return {"head": stored.pop(""), "parts": stored}


def main() -> None:
    for name, states in (
        ("equity_state_v5", equity_run().states),
        ("trades_state_v2", trades_run().states),
        ("fleet_state_v2", {FLEET.encode(): fleet_run(2)}),
    ):
        path = DATA / f"{name}.json"
        if not path.exists():
            path.write_text(json.dumps(golden(states), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
