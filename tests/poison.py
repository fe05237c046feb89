"""What must hold for any bytes that arrive between an agent's events; for fuzzers to look for bytes where it does not."""

from collections.abc import Callable
from typing import Any, Final

import orjson

from core_records import START, Rec, equity_event, health_event
from fleawatch.core.pipeline import Pipeline, equity_pipeline, health_pipeline, trades_pipeline

AGENT: Final = b"momentum-1"
TOPICS: Final = ("equity", "trades", "health")


def trade(seq: int) -> dict[str, Any]:
    common = {
        name: value
        for name, value in equity_event(seq, 1.0).items()
        if name in {"v", "agent_id", "epoch", "seq", "ts"}
    }
    return common | {
        "trade_id": f"t{seq}", "strategy": "s", "asset": "BTC-USD", "side": "buy", "size": 1.5, "entry_price": 100.0,
        "exit_price": 101.0, "entry_ts": common["ts"] - 60, "exit_ts": common["ts"], "fees": 0.1,
    }  # fmt: skip


def good(topic: str, seq: int) -> bytes:
    """An event of AGENT that each topic's pipeline takes."""
    match topic:
        case "equity":
            return orjson.dumps(equity_event(seq, 100.0 + seq, net_deposits=0.0, currency="USD"))
        case "trades":
            return orjson.dumps(trade(seq))
        case _:
            return orjson.dumps(health_event(seq))


PIPELINES: Final[dict[str, Callable[[int], Pipeline[Any, Any]]]] = {
    "equity": equity_pipeline,
    "trades": trades_pipeline,
    "health": health_pipeline,
}


def check(topic: str, key: bytes | None, value: bytes | None) -> None:
    """One record between two good ones: taken, a duplicate, or a dead letter with its reason; the next event is taken.

    Raises:
        AssertionError: a record vanished, counted twice, or kept the next event from being taken.
    """
    records = [Rec(0, _ms(0), AGENT, good(topic, 0)), Rec(1, _ms(1), key, value)]
    states: dict[bytes, Any] = {}
    of_topic = PIPELINES[topic](1)
    first = of_topic.apply(0, records, states, set())
    dead = [output for output in first.outputs if output.topic == "dead-letter"]
    assert first.events + first.duplicates + len(dead) == len(records)
    assert len(dead) == sum(first.rejected.values())
    assert all(dict(output.headers)["source-offset"] == b"1" for output in dead)
    state = states[AGENT]
    if dead and key == AGENT and first.events == 1:
        again = of_topic.apply(0, [Rec(2, _ms(2), AGENT, good(topic, state.seq + 1))], states, set())
        assert (again.events, again.rejected) == (1, {})
    for name, each in states.items():
        head = each.pack()
        assert head
        assert name.decode() == each.agent_id


def _ms(number: int) -> int:
    return int(1000 * (START + 60 * number))
