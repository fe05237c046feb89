"""A file of rules: `fleet`, `groups` and `agents`, each rule with what differs. See examples/rules.yaml."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fleawatch.core.overrides import FIELDS, PARAMETERS, PRESETS, RULE_NAMES, Layer, layers_of
from fleawatch.core.registry import PATTERN, key_of
from fleawatch.core.rule_checks import check, nearest
from fleawatch.operator.documents import Document, Mistake, Place, read
from fleawatch_schemas.rules import RuleChange, RuleOverrides

SECTIONS = ("fleet", "groups", "agents")
_SHORT = "a mapping, a threshold, or true or false"


def read_rules(path: Path) -> dict[str, RuleOverrides]:
    """The scopes of a file by their keys on the topic, checked; version, author and time are not set yet.

    Raises:
        ConfigError: names each mistake with line, field, value and what was expected.
    """
    document = read(path)
    mistakes = [
        Mistake((name,), None, f"a section{nearest(name, SECTIONS)}")
        for name in document.content
        if name not in SECTIONS
    ]
    scopes = [(place, overrides) for place, overrides in _scopes(document, mistakes)]
    for place, overrides in scopes:
        wider = _wider(overrides, [one for _, one in scopes])
        mistakes += [
            Mistake((*place, *problem.path.split(".")), problem.value, problem.expected)
            for problem in check(overrides, wider)
        ]
    document.refuse(mistakes)
    return {key_of(overrides): overrides for _, overrides in scopes}


def _scopes(document: Document, mistakes: list[Mistake]) -> Iterator[tuple[Place, RuleOverrides]]:
    if "fleet" in document.content:
        yield from _scope(("fleet",), "fleet", None, document.section("fleet"), mistakes)
    for section, scope in (("groups", "group"), ("agents", "agent")):
        for name, content in document.section(section).items():
            yield from _scope((section, name), scope, name, content, mistakes)


def _scope(
    place: Place, scope: str, name: str | None, content: Any, mistakes: list[Mistake]
) -> Iterator[tuple[Place, RuleOverrides]]:
    if not isinstance(content, dict):
        mistakes.append(Mistake(place, content, "a mapping of rules"))
        return
    rules: dict[str, RuleChange] = {}
    preset = content.get("preset")
    if preset is not None and preset not in PRESETS:
        mistakes.append(Mistake((*place, "preset"), preset, f"one of {', '.join(PRESETS)}"))
        preset = None
    for rule, value in content.items():
        if rule == "preset":
            continue
        if rule not in RULE_NAMES:
            mistakes.append(Mistake((*place, rule), None, f"the name of a rule{nearest(rule, RULE_NAMES)}"))
            continue
        change = _change((*place, rule), value, mistakes)
        if change is not None:
            rules[rule] = change
    try:
        made = RuleOverrides.model_validate(
            {
                "scope": scope,
                "name": name,
                "preset": preset,
                "version": 0,
                "rules": rules,
                "by": "-",
                "ts": 0.0,
            }
        )
    except ValidationError as error:
        mistakes += [Mistake(place, None, _said(one)) for one in error.errors()]
        return
    yield place, made


def _change(place: Place, value: Any, mistakes: list[Mistake]) -> RuleChange | None:
    if isinstance(value, bool):
        value = {"enabled": value}
    elif isinstance(value, (int, float)):
        value = {"threshold": value}
    if not isinstance(value, dict):
        mistakes.append(Mistake(place, value, _SHORT))
        return None
    own = {name: _unquoted(name, one) for name, one in value.items() if name not in FIELDS}
    fields = {name: one for name, one in value.items() if name in FIELDS}
    try:
        return RuleChange.model_validate({**fields, "parameters": own})
    except ValidationError as error:
        for one in error.errors():
            loc = [str(part) for part in one["loc"] if str(part) in value]
            mistakes.append(Mistake((*place, *loc[:1]), one["input"], _said(one)))
        return None


def _unquoted(parameter: str, value: Any) -> Any:
    """YAML reads `on` and `off` as true and false: where they are words that can be chosen, they are meant as such."""
    choices = PARAMETERS[parameter].choices if parameter in PARAMETERS else ()
    word = "on" if value is True else "off"
    return word if isinstance(value, bool) and word in choices else value


def _said(error: Any) -> str:
    """What pydantic expected, as the end of our sentence."""
    text: str = error["msg"]
    return text.removeprefix("Input should be ")


def _wider(overrides: RuleOverrides, scopes: list[RuleOverrides]) -> list[Layer]:
    """What the same file says of wider scopes. Which named groups and labels an agent has, the file does not know."""
    if overrides.scope == "fleet":
        return []
    found = [one for one in scopes if one.scope == "fleet"]
    if overrides.scope == "agent":
        found += [
            one for one in scopes if one.scope == "group" and _matches(one.name or "", overrides.name or "")
        ]
    return [layer for one in found for layer in layers_of(one)]


def _matches(name: str, agent_id: str) -> bool:
    return bool(PATTERN & set(name)) and fnmatchcase(agent_id, name)
