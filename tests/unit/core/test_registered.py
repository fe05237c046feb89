"""What the registry says of an agent, in its rules: who shares the false alarms, its market, its interval, its currency."""

from dataclasses import replace
from typing import Any

import pytest

from core_records import START, Run, equity_event, story
from fleawatch.core.calendar import AROUND_THE_CLOCK, Calendar
from fleawatch.core.pipeline import equity_pipeline
from fleawatch.core.registry import Registry, agent_of
from fleawatch.core.rules import DEFAULTS
from fleawatch_schemas.agents import AgentRecord
from fleawatch_schemas.reasons import Reason
from fleawatch_schemas.rules import RuleChange, RuleOverrides

NYSE = Calendar("nyse", [(0, 10)])


def put(made: Registry, agent_id: str, **fields: Any) -> bool:
    return made.put_agent(agent_id, agent_of(AgentRecord(agent_id=agent_id, **fields)))


def test_the_false_alarms_are_shared_by_the_live_agents() -> None:
    """By the next power of two: the same on every worker, whatever it has seen before, and seldom another."""
    made = Registry()
    assert made.rules_of("a").fleet_agents == DEFAULTS.fleet_agents, "nobody is known"
    shares = []
    for number in range(40):
        base = made.base
        put(made, f"bot-{number}")
        assert (made.base is base) == (made.base.fleet_agents == base.fleet_agents)
        shares.append(made.rules_of("a").fleet_agents)
    assert shares == [1, 2, 4, 4, *[8] * 4, *[16] * 8, *[32] * 16, *[64] * 8]
    for number in range(30):
        put(made, f"bot-{number}", **({"retired": True} if number % 2 else {"mode": "paper"}))
    assert made.rules_of("bot-39").fleet_agents == 16
    made.put_agent("bot-39", None)
    put(made, "bot-38", mode="backtest")
    assert made.rules_of("bot-37").fleet_agents == 8
    assert made.effective("bot-37").origins["return_anomaly.fleet_agents"] == "registry: 8 live"


def test_the_operators_number_wins() -> None:
    made = Registry()
    change = RuleChange(parameters={"fleet_agents": 25})
    made.put_overrides(
        "fleet", RuleOverrides(scope="fleet", version=1, by="ada", ts=0.0, rules={"return_anomaly": change})
    )
    for number in range(3):
        put(made, f"bot-{number}")
    assert made.rules_of("bot-1").fleet_agents == 25
    assert made.effective("bot-1").origins["return_anomaly.fleet_agents"] == "fleet"


def test_market_interval_and_currency() -> None:
    made = Registry(calendar_of=lambda name: NYSE if name == "nyse" else AROUND_THE_CLOCK)
    unknown = made.rules_of("x")
    assert (unknown.calendar, unknown.interval_secs, unknown.currency) == (AROUND_THE_CLOCK, 0.0, "")
    assert put(made, "x", calendar="nyse", equity_interval_secs=60.0, currency="EUR")
    rules = made.rules_of("x")
    assert (rules.calendar, rules.interval_secs, rules.currency) == (NYSE, 60.0, "EUR")
    assert not put(made, "x", calendar="nyse", equity_interval_secs=60.0, currency="EUR", owner="ada")
    assert put(made, "x", calendar="nyse", equity_interval_secs=90.0, currency="EUR")


@pytest.mark.parametrize("deposits", [None, 500.0])
def test_another_currency_is_taken_once_the_registry_has_it(deposits: float | None) -> None:
    """Breaks when a drawdown, a return or a withdrawal is made of an exchange rate."""
    run = Run()
    flows = {} if deposits is None else {"net_deposits": deposits}
    for seq in range(50):
        run.feed(equity_event(seq, 10_000.0 + seq % 3, ts=START + 60 * seq, **flows))
    run.feed(equity_event(50, 8_000.0, ts=START + 3000, **flows))  # 20 % below the peak
    euros = {"currency": "EUR"} | ({} if deposits is None else {"net_deposits": 460.0})
    assert run.feed(equity_event(51, 7_400.0, ts=START + 3060, **euros)).rejected == {
        Reason.CURRENCY_CHANGED: 1
    }
    returns, told = run.equity.returns.count, len(run.alerts)
    run.equity.use(replace(DEFAULTS, currency="EUR"))
    assert run.feed(equity_event(51, 7_400.0, ts=START + 3060, **euros)).events == 1
    st = run.equity
    assert (st.peak, st.drawdown, st.deposits) == (7_400.0, 0.0, euros.get("net_deposits"))
    assert (st.returns.count, st.bars.start, st.bars.again) == (returns, 7_400.0, True)
    assert story(run.alerts[told:]) == [("drawdown_exceeded", "CRITICAL", "resolved")]
    run.restart()
    run.equity.use(replace(DEFAULTS, currency="EUR"))
    run.feed(equity_event(52, 7_326.0, ts=START + 3120, **euros))
    assert run.equity.drawdown == pytest.approx(0.01)
    dollars = equity_event(53, 8_100.0, ts=START + 3180, **flows)
    assert run.feed(dollars).rejected == {Reason.CURRENCY_CHANGED: 1}, "back only by way of the registry"
    late = equity_event(54, 7_400.0, ts=START + 100, **euros)
    assert run.feed(late).events == 1


def test_a_late_event_in_the_new_money_changes_nothing() -> None:
    run = Run(equity_pipeline(1, lambda _: replace(DEFAULTS, currency="EUR")))
    run.feed(equity_event(0, 100.0, ts=START), equity_event(1, 101.0, ts=START + 60))
    run.feed(equity_event(2, 90.0, ts=START + 30, currency="EUR"))
    assert (run.equity.last.currency, run.equity.late) == (None, 1)
