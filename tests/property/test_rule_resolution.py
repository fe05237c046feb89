"""Any set of overrides: each value of each agent comes from the narrowest scope that sets it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fleawatch.core.overrides import RULE_NAMES, build, layers_of, merge
from fleawatch.core.registry import Agent, Registry, key_of
from fleawatch.core.rule_checks import check, unusable
from fleawatch.core.rules import DEFAULTS
from fleawatch_schemas.rules import RuleChange, RuleOverrides

IDS = ("btc-1", "btc-2", "eth-1")
AGENTS = {
    "btc-1": Agent(group="crypto", labels=(("region", "eu"),)),
    "btc-2": Agent(group="fx"),
    "eth-1": Agent(labels=(("region", "eu"),)),
}
GROUPS = {  # by agent, the widest first
    "btc-1": ("*", "btc-*", "region=eu", "crypto"),
    "btc-2": ("*", "btc-*", "fx"),
    "eth-1": ("*", "region=eu"),
}
PLAIN = ("clock_skew", "error_rate", "api_latency")

changes = st.builds(
    RuleChange,
    enabled=st.none() | st.booleans(),
    severity=st.none() | st.sampled_from(["INFO", "WARN", "CRITICAL"]),
    threshold=st.none() | st.integers(1, 100).map(float),
    for_secs=st.none() | st.integers(0, 100).map(float),
)
rules = st.dictionaries(st.sampled_from(PLAIN), changes, max_size=3)
scopes = st.one_of(
    st.just(("fleet", None)),
    st.sampled_from(["*", "btc-*", "region=eu", "crypto", "fx", "nobody"]).map(lambda name: ("group", name)),
    st.sampled_from([*IDS, "nobody"]).map(lambda name: ("agent", name)),
)
records = st.builds(
    lambda scope, rules: RuleOverrides(scope=scope[0], name=scope[1], version=1, rules=rules, by="a", ts=0.0),
    scopes,
    rules,
)
sets = st.lists(records, max_size=8, unique_by=key_of)


def registry(overrides: list[RuleOverrides]) -> Registry:
    made = Registry()
    for agent_id, agent in AGENTS.items():
        made.put_agent(agent_id, agent)
    for one in overrides:
        made.put_overrides(key_of(one), one)
    return made


def narrowest(agent_id: str, overrides: list[RuleOverrides], rule: str, field: str) -> tuple[Any, str] | None:
    """By the definition, the other way round: ask from the narrowest scope on."""
    by_key = {key_of(one): one for one in overrides}
    for key in (f"agent|{agent_id}", *(f"group|{name}" for name in reversed(GROUPS[agent_id])), "fleet"):
        one = by_key.get(key)
        if one is not None and rule in one.rules and getattr(one.rules[rule], field) is not None:
            return getattr(one.rules[rule], field), key.replace("|", " ")
    return None


@given(sets, st.randoms())
def test_the_narrowest_scope_that_sets_a_value_wins_whatever_the_order_of_the_records(
    overrides: list[RuleOverrides], random: Any
) -> None:
    made = registry(overrides)
    random.shuffle(overrides)
    shuffled = registry(overrides)
    for agent_id in IDS:
        effective = made.effective(agent_id)
        assert shuffled.rules_of(agent_id) == made.rules_of(agent_id) == effective.rules
        for rule in PLAIN:
            for field in ("enabled", "severity", "threshold", "for_secs"):
                value = getattr(getattr(effective.rules, rule), field)
                found = narrowest(agent_id, overrides, rule, field)
                expected, origin = found or (getattr(getattr(DEFAULTS, rule), field), None)
                assert value == expected
                assert effective.origins.get(f"{rule}.{field}") == origin


@given(sets, st.lists(st.integers(0, 7), max_size=4))
def test_dropping_records_leaves_what_the_rest_says(overrides: list[RuleOverrides], gone: list[int]) -> None:
    made = registry(overrides)
    for agent_id in IDS:
        made.rules_of(agent_id)  # whatever is remembered must not outlive its record
    rest = [one for at, one in enumerate(overrides) if at not in gone]
    for at in gone:
        if at < len(overrides):
            made.put_overrides(key_of(overrides[at]), None)
    assert {agent_id: made.rules_of(agent_id) for agent_id in IDS} == {
        agent_id: registry(rest).rules_of(agent_id) for agent_id in IDS
    }


values = st.one_of(
    st.floats(allow_nan=True), st.integers(-200, 200), st.booleans(), st.text(max_size=8), st.none()
)
fields = st.sampled_from(
    [
        "enabled",
        "severity",
        "threshold",
        "resolve_at",
        "for_secs",
        "quiet_secs",
        "kill_drawdown",
        "profile",
        "what",
    ]
)
wild = st.dictionaries(
    st.sampled_from([*RULE_NAMES, "unknown"]), st.dictionaries(fields, values, max_size=4), max_size=4
)


@given(wild)
def test_what_is_accepted_can_be_used(content: dict[str, dict[str, Any]]) -> None:
    made = {}
    for rule, given_fields in content.items():
        known = {name: one for name, one in given_fields.items() if name in RuleChange.model_fields}
        own = {
            name: one
            for name, one in given_fields.items()
            if name not in RuleChange.model_fields and one is not None and not isinstance(one, bool)
        }
        known |= {
            "enabled": bool(known.get("enabled")),
            "severity": "WARN",
        }  # their types are the model's to refuse
        made[rule] = RuleChange.model_construct(**known, parameters=own)
    overrides = RuleOverrides.model_construct(
        scope="fleet", name=None, preset=None, version=1, rules=made, by="a", ts=0.0
    )
    problems = check(overrides)
    assert all(problem.expected for problem in problems)
    if problems:
        return
    assert not unusable(overrides)
    built = build(DEFAULTS, merge(layers_of(overrides)).values)
    assert built.drawdown_warning.threshold <= built.drawdown_exceeded.threshold <= built.kill_drawdown
    for name in RULE_NAMES:
        rule = getattr(built, name)
        assert rule.threshold >= 0
        assert rule.resolve_ratio <= 1
