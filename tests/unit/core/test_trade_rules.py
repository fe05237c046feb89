"""win_rate_low and profit_factor_low: bad, not unlucky."""

import random
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from core_records import START, Rec, story
from fleawatch.core.outputs import Output
from fleawatch.core.rules import DEFAULTS
from fleawatch.core.trade_rules import profit_factor_bound, win_rate_bound
from fleawatch.core.trades import TradesState, step
from fleawatch_schemas.wire import Alert, Trade


class Agent:
    """Trades one after the other, each with the given net PnL."""

    def __init__(self, every: float = 600.0) -> None:
        self.state = TradesState("momentum-1")
        self.every = every
        self.seq = 0
        self.out: list[Output] = []

    def trade(self, *nets: float) -> None:
        for net in nets:
            ts = START + self.every * self.seq
            trade = Trade(
                1, "momentum-1", 0, self.seq, ts, "t", "s", "BTC", "buy", 1.0, 1000.0, 1000.0 + net, ts, ts
            )
            step(self.state, trade, Rec(self.seq, int(ts * 1000), b"momentum-1", None), 0, self.out)
            self.seq += 1

    @property
    def alerts(self) -> list[Alert]:
        made = [msgspec.json.decode(out.value, type=Alert) for out in self.out]
        return [alert for alert in made if alert.rule != "milestone"]

    @property
    def story(self) -> list[tuple[str, str, str]]:
        return list(dict.fromkeys(story(self.alerts)))


def test_too_few_trades_do_not_fire() -> None:
    agent = Agent()
    agent.trade(*[-1.0, 0.5, -1.0] * 9, -1.0, -1.0)
    assert agent.seq == 29
    assert agent.story == []
    agent.trade(-1.0)
    assert ("profit_factor_low", "WARN", "firing") in agent.story


def test_bad_luck_is_no_finding() -> None:
    """A win rate of 30 % over 30 trades is compatible with 40 %."""
    agent = Agent()
    agent.trade(*[4.0, -1.0, -1.0, -1.0, 4.0, -1.0, -1.0, -1.0, -1.0, 4.0] * 3)
    assert agent.story == []
    agent.trade(*[4.0, -1.0, -1.0, -1.0, 4.0, -1.0, -1.0, -1.0, -1.0, -1.0] * 20)
    assert agent.story == [("win_rate_low", "WARN", "firing")]
    (alert, *_) = agent.alerts
    assert alert.unit == "%"
    assert alert.threshold == 35.0
    assert alert.value is not None
    assert 25 < alert.value < 35
    assert "upper 95 % bound" in alert.body


def test_it_resolves_once_the_bad_trades_are_older_than_30_days() -> None:
    agent = Agent(every=7200.0)
    agent.trade(*[-1.0, 1.0, -1.0] * 40)
    assert agent.story == [("profit_factor_low", "WARN", "firing")]
    agent.trade(*[2.0, -1.0] * 200)
    assert agent.story[-1] == ("profit_factor_low", "WARN", "resolved")


def test_an_agent_that_trades_seldom_is_judged_by_its_life() -> None:
    agent = Agent(every=3 * 86_400.0)
    agent.trade(*[-1.0] * 40)
    assert {rule for rule, _, _ in agent.story} == {"profit_factor_low", "win_rate_low"}
    assert "40 trades so far" in agent.alerts[-1].body
    assert [alert.value for alert in agent.alerts if alert.rule == "profit_factor_low"][-1] == 0.0


def test_without_a_loss_there_is_nothing_to_say() -> None:
    agent = Agent()
    agent.trade(*[0.0] * 60, *[1.0] * 40)
    assert "profit_factor_low" not in {rule for rule, _, _ in agent.story}


def test_a_disabled_rule_and_another_threshold() -> None:
    agent = Agent()
    rule = replace(DEFAULTS.win_rate_low, threshold=0.6)
    agent.state.use(
        replace(
            DEFAULTS, win_rate_low=rule, profit_factor_low=replace(DEFAULTS.profit_factor_low, enabled=False)
        )
    )
    agent.trade(*[1.0, -2.0] * 60)
    assert agent.story == [("win_rate_low", "WARN", "firing")]


@pytest.mark.parametrize("rate", [0.25, 0.35, 0.5])
@pytest.mark.parametrize("count", [30, 100, 1000])
def test_the_win_rate_s_bound_covers_95_percent(rate: float, count: int) -> None:
    """Counts are whole, so the coverage goes up and down with them: 93 to 97 %."""
    wins = np.random.default_rng(7).binomial(count, rate, 20_000)
    covered = np.mean([win_rate_bound(int(one), count) >= rate for one in wins])
    assert 0.93 <= covered <= 0.97


def uneven(
    rng: np.random.Generator, shape: tuple[int, int], wins: float, win: float, loss: float
) -> NDArray[np.float64]:
    """Few large or many small winners, sizes spread by a third."""
    made = np.where(rng.random(shape) < wins, win, -loss) * rng.lognormal(0, 0.3, shape)
    return np.asarray(made)


@pytest.mark.parametrize(
    ("wins", "win", "loss"),
    [(0.5, 1.0, 1.0), (0.25, 4.0, 1.0), (0.8, 1.0, 5.0)],
    ids=["even", "trend", "reversion"],
)
@pytest.mark.parametrize("count", [30, 100, 500])
def test_the_profit_factor_s_bound_covers_95_percent(
    wins: float, win: float, loss: float, count: int
) -> None:
    rng = np.random.default_rng(11)
    truth = wins * win / ((1 - wins) * loss)
    samples = uneven(rng, (4000, count), wins, win, loss)
    gains, losses = np.maximum(samples, 0), np.maximum(-samples, 0)
    bounds = [
        profit_factor_bound(p, q, pp, qq)
        for p, q, pp, qq in zip(
            gains.sum(1), losses.sum(1), (gains**2).sum(1), (losses**2).sum(1), strict=True
        )
    ]
    covered = np.mean([bound is None or bound >= truth for bound in bounds])
    assert 0.93 <= covered <= 0.975


def test_a_healthy_agent_is_hardly_ever_called_bad() -> None:
    """Looked at after each of 500 trades, a win rate of 50 % and a profit factor of 1.5 warn in under 2 % of lives."""
    rng = random.Random(3)
    warned = 0
    for _ in range(100):
        agent = Agent()
        agent.trade(*(1.5 if rng.random() < 0.5 else -1.0 for _ in range(300)))
        warned += bool(agent.alerts)
    assert warned <= 2
