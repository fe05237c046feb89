"""The simulated account's money adds up, whatever is ordered."""

import random

import pytest

from fleawatch.local.demo.account import START_CASH, Account, Costs, RoundTrip


def _net(trip: RoundTrip) -> float:
    """Net PnL as the contract of `trades` defines it."""
    sign = 1 if trip.side == "buy" else -1
    gross = sign * (trip.exit_price - trip.entry_price) * trip.size
    return gross - trip.fees - abs(trip.slippage * trip.size)


@pytest.mark.parametrize("seed", range(20))
def test_equity_change_is_the_net_pnl_of_the_round_trips_once_flat(seed: int) -> None:
    """Would break if a partial close, an addition or a turn-over mislaid fees, slippage or the average entry."""
    chance = random.Random(seed)
    account, price, trips = Account(), 100.0, list[RoundTrip]()
    for ts in range(200):
        price *= 1 + chance.gauss(0, 0.01)
        trip = account.order(chance.uniform(-300, 300), price, ts)
        trips += [trip] if trip else []
        open_pnl = account.unrealised(price) - account._fees - account._slippage
        assert account.equity(price) == pytest.approx(START_CASH + sum(map(_net, trips)) + open_pnl)
    last = account.order(-account.units, price, 200)
    assert last is not None
    assert account.units == 0
    assert account.cash == pytest.approx(START_CASH + sum(map(_net, trips)) + _net(last))


def test_turning_over_closes_one_side_and_opens_the_other() -> None:
    account = Account(Costs(0, 0, 0))
    assert account.order(10, 100.0, 1) is None
    trip = account.order(-15, 110.0, 2)
    assert trip == RoundTrip("buy", 10, 100.0, 110.0, 1, 2, 0, 0)
    assert account.units == -5
    assert account.unrealised(100.0) == 50
