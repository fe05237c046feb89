"""Faust as its documentation teaches it: an agent over a Record, a Table, a topic of Records for what it finds.

It keeps the same baseline (the last 99 returns) in O(1), and the same drawdown, but validates nothing and knows no
duplicates, bars, flows, rules or alerts: less work per event than the monitor does.
"""

import os
from math import sqrt
from typing import Any

import faust

from benchmarks.contenders.meter import Meter


class Equity(faust.Record, serializer="json"):
    v: int
    agent_id: str
    epoch: int
    seq: int
    ts: float
    equity: float
    balance: float
    open_positions: int


class Anomaly(faust.Record, serializer="json"):
    agent_id: str
    ts: float
    z_score: float
    drawdown: float
    equity: float


PARTITIONS = int(os.environ["BENCH_PARTITIONS"])
app = faust.App(
    os.environ["BENCH_GROUP"],
    broker=f"kafka://{os.environ['BENCH_BOOTSTRAP']}",
    store="memory://",
    datadir=os.environ["BENCH_DIR"],
    topic_partitions=PARTITIONS,
    consumer_auto_offset_reset="earliest",
    web_enabled=False,
)
equity_topic = app.topic(os.environ["BENCH_INPUT"], key_type=str, key_serializer="raw", value_type=Equity)
anomalies_topic = app.topic(os.environ["BENCH_OUTPUT"], value_type=Anomaly)


def fresh() -> dict[str, Any]:
    return {"last": 0.0, "peak": 0.0, "returns": [], "sum": 0.0, "squares": 0.0}


states = app.Table("agents", default=fresh, partitions=PARTITIONS)
meter = Meter()


def update(state: dict[str, Any], equity: float) -> tuple[float, float]:
    """z-score of the return among the 99 before it (0.0 while there are too few), and the drawdown."""
    last, state["last"] = state["last"], equity
    state["peak"] = peak = max(state["peak"], equity)
    z = 0.0
    if last:
        change = equity / last - 1
        returns = state["returns"]
        n = len(returns)
        if n >= 19:
            mean = state["sum"] / n
            z = (change - mean) / sqrt((state["squares"] - n * mean * mean) / (n - 1))
        returns.append(change)
        state["sum"] += change
        state["squares"] += change * change
        if n == 99:
            oldest = returns.pop(0)
            state["sum"] -= oldest
            state["squares"] -= oldest * oldest
    return z, 1 - equity / peak


@app.agent(equity_topic)
async def watch(events: Any) -> None:
    async for event in events:
        state = states[event.agent_id]
        z, drawdown = update(state, event.equity)
        states[event.agent_id] = state
        if abs(z) > 3:
            await anomalies_topic.send(
                key=event.agent_id,
                value=Anomaly(
                    agent_id=event.agent_id, ts=event.ts, z_score=z, drawdown=drawdown, equity=event.equity
                ),
            )
        meter.count(1)


if __name__ == "__main__":
    app.main()
