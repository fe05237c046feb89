"""A file of agents to poll: `defaults`, and `agents` with what differs. See examples/bridge.yaml."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from fleawatch.bridge.target import Target, expected
from fleawatch.core.rule_checks import nearest
from fleawatch.errors import ConfigError
from fleawatch.operator.documents import Document, Mistake, read

SECTIONS: Final = ("defaults", "agents")
TOKENS: Final = ("token_env", "token_file")
FIELDS: Final = (*(name for name in Target.model_fields if name not in {"agent_id", "token"}), *TOKENS)
_MERGED: Final = ("fields", "labels")


class BadToken(Exception):
    """Why a token cannot be had; the field and its value are beside it."""

    def __init__(self, field: str, wanted: str) -> None:
        super().__init__(wanted)
        self.field = field


def read_targets(path: Path) -> list[Target]:
    """The agents of a file, with their tokens.

    Raises:
        ConfigError: the first mistake, in one line: where, which value, and what was expected.
    """
    document = read(path)
    mistakes = [
        Mistake((name,), None, f"a section{nearest(name, SECTIONS)}")
        for name in document.content
        if name not in SECTIONS
    ]
    defaults = document.section("defaults")
    agents = document.section("agents")
    mistakes += _misnamed(("defaults",), defaults)
    if not agents:
        mistakes.append(Mistake(("agents",), None, "at least one agent"))
    targets = []
    for agent_id, own in agents.items():
        place = ("agents", agent_id)
        if not isinstance(own, dict):
            mistakes.append(Mistake(place, own, f"a mapping of {', '.join(FIELDS)}"))
            continue
        mistakes += _misnamed(place, own)
        made = _target(agent_id, own, defaults, mistakes)
        if made is not None:
            targets.append(made)
    _refuse(document, list(dict.fromkeys(mistakes)))
    return targets


def _misnamed(place: tuple[str, ...], fields: Mapping[str, Any]) -> list[Mistake]:
    """A secret in the file is a mistake of its own, and not shown."""
    return [
        Mistake(
            (*place, name),
            None,
            "token_env or token_file in its place: no secret stands in this file"
            if name in {"token", "api_key"}
            else f"a field of an agent{nearest(name, FIELDS)}",
        )
        for name in fields
        if name not in FIELDS
    ]


def _target(
    agent_id: str, own: Mapping[str, Any], defaults: Mapping[str, Any], mistakes: list[Mistake]
) -> Target | None:
    def place(*loc: str) -> tuple[str, ...]:
        in_defaults = bool(loc) and loc[0] not in own and loc[0] in defaults
        return ("defaults", *loc) if in_defaults else ("agents", agent_id, *loc)

    content = {**{name: value for name, value in defaults.items() if name in FIELDS}, **own}
    if set(own) & set(TOKENS):
        content = {name: value for name, value in content.items() if name not in TOKENS or name in own}
    for name in _MERGED:
        if isinstance(own.get(name), dict) and isinstance(defaults.get(name), dict):
            content[name] = {**defaults[name], **own[name]}
    sources: dict[str, Any] = {name: content.pop(name) for name in TOKENS if name in content}
    try:
        token = _token(sources)
    except BadToken as exc:
        mistakes.append(Mistake(place(exc.field), sources[exc.field], str(exc)))
        return None
    known = {name: value for name, value in content.items() if name in FIELDS}
    try:
        return Target.model_validate({**known, "agent_id": agent_id, "token": token})
    except ValidationError as error:
        for one in error.errors():
            loc = [str(part) for part in one["loc"]]
            if loc[:1] == ["token"]:
                mistakes.append(Mistake(place(*sources), None, expected(one)))
            elif loc == ["agent_id"]:
                mistakes.append(Mistake(("agents", agent_id), agent_id, expected(one)))
            else:
                shown = None if "@" in str(one["input"]) or one["type"] == "missing" else one["input"]
                mistakes.append(Mistake(place(*loc), shown, expected(one)))
    return None


def _token(sources: Mapping[str, Any]) -> str | None:
    if not sources:
        return None
    if len(sources) > 1:
        raise BadToken("token_file", "only one of token_env and token_file")
    ((name, value),) = sources.items()
    if not isinstance(value, str):
        raise BadToken(name, "a name")
    if name == "token_env":
        found = os.environ.get(value, "").strip()
        if not found:
            raise BadToken(name, "the name of an environment variable that is set")
        return found
    try:
        return Path(value).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise BadToken(name, "a file that this user can read") from None


def _refuse(document: Document, mistakes: list[Mistake]) -> None:
    if mistakes:
        first = min(mistakes, key=lambda mistake: document.line(mistake.place))
        more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
        raise ConfigError(document.told(first) + more)
