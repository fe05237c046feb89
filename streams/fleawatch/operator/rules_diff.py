"""What a new set of overrides changes: value by value, and for how many agents."""

from collections.abc import Mapping
from typing import NamedTuple

from fleawatch.core.overrides import Value
from fleawatch.core.registry import Registry, applies
from fleawatch_schemas.rules import RuleOverrides

FLEET = "_fleet"


class Difference(NamedTuple):
    """One value of one scope; None: nothing said there."""

    scope: str
    field: str
    old: Value | None
    new: Value | None


def differences(old: Mapping[str, RuleOverrides], new: Mapping[str, RuleOverrides]) -> list[Difference]:
    """By scope and field, in their order."""
    found = []
    for scope in sorted({*old, *new}):
        before, after = _said(old.get(scope)), _said(new.get(scope))
        found += [
            Difference(scope, field, before.get(field), after.get(field))
            for field in sorted({*before, *after})
            if before.get(field) != after.get(field)
        ]
        if (scope in old) != (scope in new) and before == after:
            found.append(Difference(scope, "", None, None))  # it says nothing, but it comes or goes
    return found


def concerned(now: Registry, then: Registry) -> int:
    """How many registered agents get other rules."""
    return sum(now.rules_of(agent_id) != then.rules_of(agent_id) for agent_id in now.agents())


def unmatched(registry: Registry, scopes: Mapping[str, RuleOverrides]) -> list[str]:
    """Scopes of agents or groups that no registered agent is in: perhaps a name mistyped."""
    agents = registry.agents()
    return [
        key
        for key, one in scopes.items()
        if (one.scope == "agent" and one.name not in agents and one.name != FLEET)
        or (
            one.scope == "group"
            and not any(applies(one, agent_id, agent) for agent_id, agent in agents.items())
        )
    ]


def _said(overrides: RuleOverrides | None) -> dict[str, Value]:
    if overrides is None:
        return {}
    said: dict[str, Value] = {} if overrides.preset is None else {"preset": overrides.preset}
    for rule, change in overrides.rules.items():
        for field, value in {**change.model_dump(exclude={"parameters"}), **change.parameters}.items():
            if value is not None:
                said[f"{rule}.{field}"] = value
    return said
