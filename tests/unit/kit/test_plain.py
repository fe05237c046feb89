"""The cheap look at an event promises what the codec then does."""

from hypothesis import given
from hypothesis import strategies as st

from fleawatch.kit.plain import plain_equity, plain_trade
from fleawatch_schemas.codec import decode_equity, decode_trade
from fleawatch_schemas.wire import Equity, Trade, encode

numbers = st.one_of(
    st.floats(),
    st.integers(-(10**16), 10**16),
    st.sampled_from([0.0, -0.0, 1e15, -1e15, 1e-12, 9e-13, 253_402_300_799.9, 253_402_300_800.0]),
)
counts = st.one_of(st.integers(-1, 3), st.sampled_from([2**53 - 1, 2**53]))
maybe = st.none() | numbers
texts = st.text(max_size=3) | st.sampled_from(["", "x" * 64, "x" * 65, "\ud800", 'a"b\\c:'])


@given(
    st.builds(
        Equity,
        v=st.just(1),
        agent_id=st.just("bot"),
        epoch=st.just(0),
        seq=st.just(0),
        ts=numbers,
        equity=numbers,
        balance=numbers,
        open_positions=counts,
        net_deposits=maybe,
        unrealised_pnl=maybe,
        equity_basis=st.sampled_from([None, "cash", "other"]),
        currency=st.none() | texts,
    )
)
def test_equity(event: Equity) -> None:
    if plain_equity(event):
        assert decode_equity(encode(event)) == event


times = st.one_of(st.floats(-1, 3e11), st.integers(0, 10))


@given(
    st.builds(
        lambda exit_ts, **fields: Trade(
            v=1, agent_id="bot", epoch=0, seq=0, ts=exit_ts, exit_ts=exit_ts, **fields
        ),
        exit_ts=times,
        trade_id=texts,
        strategy=texts,
        asset=texts,
        side=st.sampled_from(["buy", "sell", "hold"]),
        size=numbers,
        entry_price=numbers,
        exit_price=numbers,
        entry_ts=times,
        fees=numbers,
        slippage=numbers,
        funding=numbers,
    )
)
def test_trade(event: Trade) -> None:
    if plain_trade(event):
        assert decode_trade(encode(event)) == event


def test_usual_events_are_plain() -> None:
    """Would make every call several times as expensive."""
    assert plain_equity(Equity(1, "bot", 0, 0, 1.0, 10_000.0, 9_000, 1, 5.0, -1.0))
    assert plain_trade(Trade(1, "bot", 0, 0, 2.0, "t", "s", "BTC-USD", "buy", 1, 100.0, 101, 1.0, 2.0, 0.1))
