"""Dead letters that are sent again, once, twice, in any order, between other events: each event counts once."""

import random

from hypothesis import given
from hypothesis import strategies as st

from core_records import EPOCH, START, Rec, Run
from fleawatch.core.pipeline import trades_pipeline
from fleawatch.core.trades import figures
from fleawatch_schemas.wire import Trade, encode

LATER_MS = 3_600_000
PNL = 10.0


def trade(seq: int, *, future: bool) -> bytes:
    """Worth `PNL`. `future`: refused where it is received at START, taken an hour later."""
    ts = START + (1800 if future else 0)
    return encode(
        Trade(1, "momentum-1", EPOCH, seq, ts, f"t{seq}", "trend", "BTC", "buy", 1.0, 100.0, 110.0, START - 60, START)
    )  # fmt: skip


@given(
    futures=st.lists(st.booleans(), min_size=1, max_size=40),
    again=st.integers(1, 3),
    broken=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_a_retry_counts_once(futures: list[bool], again: int, broken: bool, seed: int) -> None:
    """Breaks when a rejected event's seq is closed (its retry would be lost), or stays open after it was taken."""
    run = Run(trades_pipeline(1))
    values = [trade(seq, future=future) for seq, future in enumerate(futures)]
    offset = 0

    def receive(value: bytes, at_ms: int) -> None:
        nonlocal offset
        run.apply([Rec(offset, int(START * 1000) + at_ms, b"momentum-1", value)])
        offset += 1

    for value in values:
        receive(value, 0)
    letters = [out.value for out in run.outputs if out.topic == "dead-letter"]
    assert letters == [value for value, future in zip(values, futures, strict=True) if future]
    if broken:
        letters.append(b'{"v": 1, "agent_id": "momentum-1"')
    retries = letters * again
    random.Random(seed).shuffle(retries)
    run.outputs.clear()
    for value in retries:
        receive(value, LATER_MS)
    receive(trade(len(values), future=False), LATER_MS)

    life = figures(run.state, "all", START)
    assert (life.count, life.net) == (len(values) + 1, PNL * (len(values) + 1))
    back = [out.value for out in run.outputs if out.topic == "dead-letter"]
    assert back == ([letters[-1]] * again if broken else [])
