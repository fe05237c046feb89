"""Equity that moves without a trade to show for it."""

from typing import Any

import pytest

from core_records import EPOCH, START, Run, equity_event, story
from fleawatch.core.outputs import Output
from fleawatch.core.pipeline import trades_pipeline
from fleawatch.core.unexplained import check_explained, unexplained

DAY = 86_400.0
FIRING = ("unexplained_pnl", "WARN", "firing")
RESOLVED = ("unexplained_pnl", "WARN", "resolved")


def trade(seq: int, net: float, exit_ts: float) -> dict[str, Any]:
    return {
        "v": 1, "agent_id": "momentum-1", "epoch": EPOCH, "seq": seq, "ts": exit_ts, "trade_id": f"t{seq}",
        "strategy": "breakout", "asset": "BTC", "side": "buy", "size": 1, "entry_price": 100,
        "exit_price": 100 + net, "entry_ts": exit_ts - 10, "exit_ts": exit_ts,
    }  # fmt: skip


class Account:
    """An agent's equity and trades, and what the rule says of them."""

    def __init__(self) -> None:
        self.equity = Run()
        self.trades = Run(trades_pipeline(1))
        self.told = Run()

    def at(self, secs: float, equity: float, unrealised: float | None = 0.0, **changes: Any) -> None:
        event = equity_event(self.equity.next, equity, ts=START + secs, **changes)
        if unrealised is not None:
            event["unrealised_pnl"] = unrealised
        self.equity.feed(event)

    def trade(self, secs: float, net: float) -> None:
        self.trades.feed(trade(self.trades.next, net, START + secs))

    def check(self) -> list[tuple[str, str, str]]:
        outputs: list[Output] = check_explained(self.equity.equity, self.trades.state, 0)
        self.told.outputs += outputs
        return story(self.told.alerts)

    @property
    def rest(self) -> float | None:
        return unexplained(self.equity.equity, self.trades.state)


@pytest.fixture
def account() -> Account:
    """Worth 1000 at the midnight that began its second day; one trade before, none since."""
    made = Account()
    made.at(0, 900)
    made.trade(600, 100)
    made.at(700, 1000)
    made.at(DAY, 1000)
    return made


def test_what_trades_explain_is_no_finding(account: Account) -> None:
    account.trade(DAY + 50, 40)
    account.at(DAY + 60, 1040)
    assert account.rest == pytest.approx(0)
    account.at(DAY + 500, 1050, unrealised=10)  # an open position moves equity, not what was realised
    assert account.rest == pytest.approx(0)
    account.at(DAY + 600, 1150, unrealised=10, net_deposits=100)
    assert account.rest == pytest.approx(0)
    assert account.check() == []


def test_what_they_do_not_explain_fires_when_it_lasts(account: Account) -> None:
    account.at(DAY + 60, 950)
    assert account.rest == pytest.approx(-50)
    assert account.check() == []  # its trade may be on its way
    account.at(DAY + 119, 950)
    assert account.check() == []
    account.at(DAY + 121, 950)
    assert account.check() == [FIRING]
    alert = account.told.alerts[0]
    assert alert.value == pytest.approx(100 * 50 / 950)
    assert alert.title == "momentum-1: -50.00 USD since midnight that no trade explains"


def test_a_trade_that_comes_late_resolves_it(account: Account) -> None:
    account.at(DAY + 60, 950)
    account.check()
    account.at(DAY + 130, 950)
    account.check()
    account.trade(DAY + 55, -50)
    assert account.check() == [FIRING, RESOLVED]


def test_a_trade_in_flight_is_never_told(account: Account) -> None:
    account.at(DAY + 60, 950)
    account.check()
    account.trade(DAY + 59, -50)
    account.check()
    account.at(DAY + 200, 950)
    assert account.check() == []


def test_an_agent_that_no_longer_says_its_unrealised_pnl_cannot_be_judged(account: Account) -> None:
    """Breaks when its alert stays open for ever."""
    account.at(DAY + 60, 950)
    account.check()
    account.at(DAY + 130, 950)
    assert account.check() == [FIRING]
    account.at(DAY + 190, 940, unrealised=None)
    assert account.check() == [FIRING, RESOLVED]


@pytest.mark.parametrize("unrealised", [None, 0.0])
def test_nothing_is_said_on_a_first_day_or_without_unrealised_pnl(unrealised: float | None) -> None:
    account = Account()
    account.trade(10, 1)
    for secs in (0, 100, 300):
        account.at(secs, 1000 - secs, unrealised=unrealised)
        assert account.check() == []
    assert account.rest is None
