"""From override records to the rules of one agent, and what is refused before it gets there."""

from typing import Any

import pytest

from fleawatch.core.overrides import build, layers_of, merge
from fleawatch.core.registry import Agent, Registry, key_of
from fleawatch.core.rule_checks import check
from fleawatch.core.rules import DEFAULTS, Rules
from fleawatch_schemas.rules import RuleOverrides


def record(
    scope: str, name: str | None = None, preset: str | None = None, **rules: dict[str, Any]
) -> RuleOverrides:
    return RuleOverrides.model_validate(
        {"scope": scope, "name": name, "preset": preset, "version": 1, "rules": rules, "by": "ada", "ts": 0.0}
    )


def registry(*records: RuleOverrides, **agents: Agent) -> Registry:
    made = Registry()
    for agent_id, agent in agents.items():
        made.put_agent(agent_id, agent)
    for one in records:
        made.put_overrides(key_of(one), one)
    return made


def built(*records: RuleOverrides) -> Rules:
    return build(DEFAULTS, merge(layer for one in records for layer in layers_of(one)).values)


def test_an_agents_value_beats_its_groups_that_the_fleets_that_the_default() -> None:
    made = registry(
        record("agent", "a", drawdown_exceeded={"threshold": 30, "parameters": {"kill_drawdown": 40}}),
        record("group", "crypto", drawdown_exceeded={"threshold": 20}, error_rate={"enabled": False}),
        record("fleet", drawdown_exceeded={"threshold": 18, "severity": "WARN"}),
        a=Agent(group="crypto"),
        b=Agent(group="crypto"),
    )
    limits = {agent: made.rules_of(agent).drawdown_exceeded.threshold for agent in ("a", "b", "c")}
    assert limits == {"a": 0.30, "b": 0.20, "c": 0.18}
    assert made.rules_of("a").kill_drawdown == 0.40
    assert made.rules_of("c").kill_drawdown == 0.25
    assert [made.rules_of(agent).error_rate.enabled for agent in ("a", "b", "c")] == [False, False, True]
    origins = made.effective("a").origins
    assert origins["drawdown_exceeded.threshold"] == "agent a"
    assert origins["drawdown_exceeded.severity"] == "fleet"
    assert origins["error_rate.enabled"] == "group crypto"
    assert "wiped_out.severity" not in origins


def test_among_groups_a_name_beats_a_label_and_a_label_a_pattern() -> None:
    made = registry(
        record("group", "crypto", clock_skew={"threshold": 3}),
        record("group", "region=eu", clock_skew={"threshold": 2}, error_rate={"threshold": 2}),
        record(
            "group",
            "btc-*",
            clock_skew={"threshold": 1},
            error_rate={"threshold": 1},
            mass_trip={"threshold": 1},
        ),
        **{
            "btc-1": Agent(group="crypto", labels=(("region", "eu"),)),
            "eth-1": Agent(labels=(("region", "eu"),)),
        },
    )
    rules = made.rules_of("btc-1")
    assert (rules.clock_skew.threshold, rules.error_rate.threshold, rules.mass_trip.threshold) == (3, 2, 0.01)
    rules = made.rules_of("eth-1")
    assert (rules.clock_skew.threshold, rules.error_rate.threshold, rules.mass_trip.threshold) == (2, 2, 0.25)


def test_the_warning_follows_the_limit_unless_it_is_set_as_narrowly() -> None:
    assert built(
        record("fleet", drawdown_exceeded={"threshold": 20})
    ).drawdown_warning.threshold == pytest.approx(0.16)
    wide = record("fleet", drawdown_warning={"threshold": 14})
    assert built(wide).drawdown_warning.threshold == 0.14
    narrow = record("agent", "a", drawdown_exceeded={"threshold": 10})
    assert built(wide, narrow).drawdown_warning.threshold == pytest.approx(0.08)


def test_a_wider_scopes_resolve_level_does_not_outlive_its_threshold() -> None:
    wide = record("fleet", clock_skew={"threshold": 10, "resolve_at": 8})
    assert built(wide).clock_skew.resolve_ratio == 0.8
    assert built(wide, record("agent", "a", clock_skew={"threshold": 4})).clock_skew.resolve_ratio == 0.9


def test_a_rule_that_is_low_when_it_is_bad_resolves_above_its_threshold() -> None:
    rule = built(record("fleet", sharpe_low={"threshold": 0.4, "resolve_at": 0.5})).sharpe_low
    assert rule.threshold / rule.resolve_ratio == pytest.approx(0.5)
    assert rule.exceeded(-0.3)
    assert not rule.exceeded(-0.45)


def test_a_threshold_switches_on_what_is_off_until_it_has_one() -> None:
    assert not DEFAULTS.daily_loss.enabled
    assert built(record("fleet", daily_loss={"threshold": 3})).daily_loss.enabled
    assert not built(record("fleet", daily_loss={"threshold": 3, "enabled": False})).daily_loss.enabled
    off = record("fleet", error_rate={"enabled": False})
    assert not built(off, record("agent", "a", error_rate={"threshold": 3})).error_rate.enabled


def test_a_preset_is_wider_than_its_scopes_own_rules_and_narrower_than_the_scope_above() -> None:
    wide = record("fleet", win_rate_low={"threshold": 40}, calmar_low={"threshold": 1})
    rules = built(wide, record("agent", "a", "trend", win_rate_low={"threshold": 20}))
    assert rules.win_rate_low.threshold == 0.20
    assert rules.calmar_low.threshold == 0.3


@pytest.mark.parametrize("mode", ["paper", "backtest"])
def test_paper_and_backtest_never_exceed_warn(mode: Any) -> None:
    made = registry(record("agent", "a", error_rate={"severity": "CRITICAL"}), a=Agent(mode=mode))
    rules = made.rules_of("a")
    assert {getattr(rules, name).severity for name in ("wiped_out", "agent_stopped", "error_rate")} == {
        "WARN"
    }
    assert rules.capped("CRITICAL") == "WARN"
    assert rules.milestone.severity == "INFO"
    assert made.effective("a").origins["wiped_out.severity"] == f"registry: {mode}"
    assert made.rules_of("b").capped("CRITICAL") == "CRITICAL"


def test_a_retired_agent_has_no_rule_and_an_unexpected_one_may_be_silent() -> None:
    made = registry(a=Agent(retired=True), b=Agent(expected=False))
    assert not made.rules_of("a").wiped_out.enabled
    assert not made.rules_of("b").agent_stopped.enabled
    assert made.rules_of("b").wiped_out.enabled


def test_agents_to_whom_the_same_applies_share_their_rules() -> None:
    made = registry(
        record("group", "crypto", clock_skew={"threshold": 3}), a=Agent(group="crypto"), b=Agent()
    )
    assert made.rules_of("b") is made.rules_of("unknown") is DEFAULTS
    before = made.rules_of("a")
    one = record("agent", "z", clock_skew={"threshold": 9})
    made.put_overrides(key_of(one), one)
    assert made.rules_of("a") is before
    made.put_overrides("group|crypto", None)
    assert made.rules_of("a") is DEFAULTS
    assert made.put_agent("a", Agent(owner="bob", group="crypto")) is False
    assert made.put_agent("a", Agent(owner="bob", group="fx")) is True


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "an unknown rule": (
        {"drawdown_exeeded": {"threshold": 10}},
        "drawdown_exeeded", "the name of a rule; did you mean drawdown_exceeded?",
    ),
    "a share for a percentage": (
        {"drawdown_exceeded": {"threshold": 0.15}},
        "drawdown_exceeded.threshold", "1 to 100 % (a share of 0.15 is 15 %)",
    ),
    "a sign": ({"drawdown_exceeded": {"threshold": -15}}, "drawdown_exceeded.threshold", "no sign: write 15 %"),
    "too much": ({"drawdown_exceeded": {"threshold": 150}}, "drawdown_exceeded.threshold", "1 to 100 %"),
    "resolve above threshold": (
        {"clock_skew": {"threshold": 5, "resolve_at": 6}},
        "clock_skew.resolve_at", "at most the threshold, 5 s (fleet)",
    ),
    "resolve above the default threshold": (
        {"clock_skew": {"resolve_at": 6}}, "clock_skew.resolve_at", "at most the threshold, 5 s (default)",
    ),
    "resolve below the threshold of what is low when bad": (
        {"sharpe_low": {"resolve_at": 0.3}}, "sharpe_low.resolve_at", "at least the threshold, 0.5 (default)",
    ),
    "kill below pause": (
        {"drawdown_exceeded": {"parameters": {"kill_drawdown": 10}}},
        "drawdown_exceeded.kill_drawdown", "at least the pause limit, 15 % (default)",
    ),
    "pause above kill": (
        {"drawdown_exceeded": {"threshold": 30}},
        "drawdown_exceeded.threshold", "at most kill_drawdown, 25 % (default): set both",
    ),
    "warning above the limit": (
        {"drawdown_warning": {"threshold": 20}},
        "drawdown_warning.threshold", "a warning below the limit: 20 % warns (fleet), 15 % is the limit",
    ),
    "a level for what is yes or no": (
        {"wiped_out": {"threshold": 1}}, "wiped_out.threshold", "no threshold: wiped_out is a plain yes or no",
    ),
    "a resolve of what just happens": (
        {"return_anomaly": {"resolve_at": 1}},
        "return_anomaly.resolve_at", "no resolve_at: return_anomaly happens and is over, it does not resolve",
    ),
    "a resolve of what is over when its cause is": (
        {"agent_stopped": {"resolve_at": 60}},
        "agent_stopped.resolve_at",
        "no resolve_at: agent_stopped is over when its cause is",
    ),
    "a z-score that never arrives": (
        {"return_anomaly": {"threshold": 2}},
        "return_anomaly.threshold",
        "3 to 1e+09 σ",
    ),
    "a quiet time of what holds": (
        {"clock_skew": {"quiet_secs": 60}}, "clock_skew.quiet_secs", "no quiet_secs: clock_skew is a rule that holds",
    ),
    "another rule's parameter": (
        {"drawdown_warning": {"parameters": {"kill_drawdown": 30}}},
        "drawdown_warning.kill_drawdown", "a field of drawdown_warning; it belongs to drawdown_exceeded",
    ),
    "a parameter nobody has": (
        {"return_anomaly": {"parameters": {"profil": "classic"}}},
        "return_anomaly.profil", "a field of return_anomaly; did you mean profile?",
    ),
    "a choice that is none": (
        {"return_anomaly": {"parameters": {"profile": "loud"}}},
        "return_anomaly.profile", "one of classic, calibrated",
    ),
    "a text for a number": (
        {"drawdown_exceeded": {"parameters": {"kill_drawdown": "25%"}}},
        "drawdown_exceeded.kill_drawdown", "a number in %",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_path_value_and_what_was_expected(case: str) -> None:
    rules, path, expected = REFUSED[case]
    (problem,) = check(record("fleet", **rules))
    assert (problem.path, problem.expected) == (path, expected)


def test_a_scope_is_checked_on_top_of_the_wider_ones() -> None:
    wide = layers_of(
        record("fleet", drawdown_exceeded={"threshold": 20, "parameters": {"kill_drawdown": 30}})
    )
    assert not check(record("agent", "a", drawdown_exceeded={"threshold": 30}), wide)
    (problem,) = check(record("agent", "a", drawdown_exceeded={"threshold": 31}), wide)
    assert problem.expected == "at most kill_drawdown, 30 % (fleet): set both"
