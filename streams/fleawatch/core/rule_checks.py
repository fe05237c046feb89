"""What is wrong with overrides, said before they are accepted: the field, the value and what was expected."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from fleawatch.core.overrides import (
    FIELDS,
    PARAMETERS,
    RULE_NAMES,
    Layer,
    Parameter,
    Value,
    build,
    layers_of,
    merge,
    outer,
)
from fleawatch.core.rules import DEFAULTS, Rule, Rules
from fleawatch_schemas.rules import RuleOverrides

_SMALL_SHARES = frozenset({"outflow", "unexplained_pnl", "daily_loss"})  # a tenth of a percent is meant there
_LONGEST = 30 * 86_400.0


class Problem(NamedTuple):
    """`path` is `rule`, or `rule.field`."""

    path: str
    value: Any
    expected: str


def check(overrides: RuleOverrides, wider: Sequence[Layer] = (), base: Rules = DEFAULTS) -> list[Problem]:
    """Everything that is wrong with one scope, on top of the layers below it. An empty list: acceptable."""
    layers = layers_of(overrides)
    own = layers[-1].values
    found = [problem for rule in overrides.rules for problem in _unknown(rule)]
    found += [problem for path, value in own.items() for problem in _alone(path, value)]
    if found or any(
        problem for layer in wider for path, value in layer.values.items() for problem in _alone(path, value)
    ):
        return found
    return list(_together([*wider, *layers], own, base))


def unusable(overrides: RuleOverrides) -> list[Problem]:
    """Values that must not be used, whatever other scopes say. What another release calls its own is passed over."""
    own = layers_of(overrides)[-1].values
    known = {path: value for path, value in own.items() if path.partition(".")[2] in {*FIELDS, *PARAMETERS}}
    return [problem for path, value in known.items() for problem in _alone(path, value)]


def _unknown(rule: str) -> Iterator[Problem]:
    if rule not in RULE_NAMES:
        yield Problem(rule, None, f"the name of a rule{nearest(rule, RULE_NAMES)}")


def nearest(name: str, among: Sequence[str]) -> str:
    """The end of a sentence about a name that is none."""
    near = get_close_matches(name, among, 1)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(among)}"


def _alone(path: str, value: Value) -> Iterator[Problem]:
    name, _, field = path.partition(".")
    if name not in RULE_NAMES:
        return
    rule: Rule = getattr(DEFAULTS, name)
    if field in {"threshold", "resolve_at"}:
        if not rule.settable or (field == "resolve_at" and not has_level(rule)):
            yield Problem(path, value, f"no {field}: {_no_level(rule, field)}")
        else:
            yield from _number(path, value, rule.unit, *_bounds(rule))
    elif field in {"for_secs", "cooldown_secs", "quiet_secs"}:
        if (field == "quiet_secs") != (rule.kind == "occurrence"):
            which = "happens" if rule.kind == "occurrence" else "holds"
            yield Problem(path, value, f"no {field}: {name} is a rule that {which}")
        else:
            yield from _number(path, value, "s", 0, _LONGEST)
    elif field not in FIELDS:
        yield from _parameter(path, value, rule)


def _no_level(rule: Rule, field: str) -> str:
    if rule.kind == "occurrence" and field == "resolve_at":
        return f"{rule.name} happens and is over, it does not resolve"
    if rule.settable:
        return f"{rule.name} is over when its cause is"
    return f"{rule.name} is a plain yes or no"


def has_level(rule: Rule) -> bool:
    """Whether the rule resolves at a level that can be set."""
    return rule.settable and rule.kind == "level" and rule.resolve_ratio < 1


def _parameter(path: str, value: Value, rule: Rule) -> Iterator[Problem]:
    field = path.partition(".")[2]
    own = [name for name, parameter in PARAMETERS.items() if parameter.rule == rule.name]
    if field not in own:
        elsewhere = PARAMETERS.get(field)
        hint = f"; it belongs to {elsewhere.rule}" if elsewhere else nearest(field, [*FIELDS, *own])
        yield Problem(path, value, f"a field of {rule.name}{hint}")
        return
    parameter: Parameter = PARAMETERS[field]
    if not parameter.choices:
        yield from _number(path, value, parameter.unit, parameter.least, parameter.most)
    elif value not in parameter.choices:
        yield Problem(path, value, f"one of {', '.join(parameter.choices)}")


def _bounds(rule: Rule) -> tuple[float, float]:
    if rule.unit == "%":
        return (0.01 if rule.name in _SMALL_SHARES else 1.0), 100.0
    # the z-scores that reach the rule begin at 3
    return (3.0 if rule.name == "return_anomaly" else 1e-6), 1e9


def _number(path: str, value: Value, unit: str, least: float, most: float) -> Iterator[Problem]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        yield Problem(path, value, f"a number{f' in {unit}' if _spaced(unit) else ''}")
    elif value < 0:
        yield Problem(path, value, f"no sign: write {-value:g}{_spaced(unit)}")
    elif not least <= value <= most:
        hint = f" (a share of {value:g} is {100 * value:g} %)" if unit == "%" and 0 < value < least else ""
        yield Problem(path, value, f"{least:g} to {most:g}{_spaced(unit)}{hint}")


def _spaced(unit: str) -> str:
    return f" {unit}" if unit and unit != "ratio" else ""


def _together(layers: Sequence[Layer], own: Mapping[str, Value], base: Rules) -> Iterator[Problem]:
    """What is wrong only in combination, also with what wider scopes say; reported where this scope has a part in it."""
    merged = merge(layers)
    rules = build(base, merged.values)

    def said(path: str) -> str:
        return f"({merged.origins.get(path, 'default')})"

    for name in RULE_NAMES:
        rule: Rule = getattr(rules, name)
        path = f"{name}.resolve_at"
        level = own.get(path)
        if not isinstance(level, (int, float)):
            continue
        limit = outer(rule.threshold, rule.unit)
        if (level < limit) if rule.below else (level > limit):
            side = "at least" if rule.below else "at most"
            yield Problem(
                path,
                level,
                f"{side} the threshold, {limit:g}{_spaced(rule.unit)} {said(f'{name}.threshold')}",
            )
    limit_path, kill_path, warning_path = (
        "drawdown_exceeded.threshold",
        "drawdown_exceeded.kill_drawdown",
        "drawdown_warning.threshold",
    )
    limit = outer(rules.drawdown_exceeded.threshold, "%")
    kill = outer(rules.kill_drawdown, "%")
    if kill < limit and (kill_path in own or limit_path in own):
        if kill_path in own:
            yield Problem(
                kill_path, own[kill_path], f"at least the pause limit, {limit:g} % {said(limit_path)}"
            )
        else:
            yield Problem(
                limit_path, own[limit_path], f"at most kill_drawdown, {kill:g} % {said(kill_path)}: set both"
            )
    warning = outer(rules.drawdown_warning.threshold, "%")
    if warning > limit and (warning_path in own or limit_path in own):
        path = warning_path if warning_path in own else limit_path
        yield Problem(
            path,
            own[path],
            f"a warning below the limit: {warning:g} % warns {said(warning_path)}, {limit:g} % is the limit",
        )
