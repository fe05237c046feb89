"""A file of agents to poll: `defaults`, and `agents` with what differs. See examples/bridge.yaml."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from fleawatch.bridge.freqtrade.target import FreqtradeTarget
from fleawatch.bridge.target import Polled, Target, expected
from fleawatch.core.rule_checks import nearest
from fleawatch.errors import ConfigError
from fleawatch.operator.documents import Document, Mistake, read

SECTIONS: Final = ("defaults", "agents")
KINDS: Final[dict[str, type[Polled]]] = {"pages": Target, "freqtrade": FreqtradeTarget}
_MERGED: Final = ("fields", "labels")
_SECRET_ENDS: Final = ("_env", "_file")


def _secrets(kind: type[Polled]) -> tuple[str, ...]:
    return tuple(kind.HIDDEN + end for end in _SECRET_ENDS)


def _fields(kind: type[Polled]) -> tuple[str, ...]:
    plain = (name for name in kind.model_fields if name not in {"agent_id", kind.HIDDEN})
    return (*plain, *_secrets(kind), "kind")


FIELDS: Final = tuple(dict.fromkeys(name for kind in KINDS.values() for name in _fields(kind)))


class BadSecret(Exception):
    """Why a secret cannot be had; the field and its value are beside it."""

    def __init__(self, field: str, wanted: str) -> None:
        super().__init__(wanted)
        self.field = field


def read_targets(path: Path) -> list[Polled]:
    """The agents of a file, with their secrets.

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
    mistakes += _misnamed(("defaults",), defaults, FIELDS)
    if not agents:
        mistakes.append(Mistake(("agents",), None, "at least one agent"))
    targets = []
    for agent_id, own in agents.items():
        place = ("agents", agent_id)
        if not isinstance(own, dict):
            mistakes.append(Mistake(place, own, f"a mapping of {', '.join(FIELDS)}"))
            continue
        name = own.get("kind", defaults.get("kind", "pages"))
        kind = KINDS.get(name) if isinstance(name, str) else None
        if kind is None:
            where = place if "kind" in own else ("defaults",)
            mistakes.append(Mistake((*where, "kind"), name, f"one of {', '.join(KINDS)}"))
            continue
        mistakes += _misnamed(place, own, _fields(kind))
        made = _target(agent_id, kind, own, defaults, mistakes)
        if made is not None:
            targets.append(made)
    _refuse(document, list(dict.fromkeys(mistakes)))
    return targets


def _misnamed(place: tuple[str, ...], fields: Mapping[str, Any], known: Sequence[str]) -> list[Mistake]:
    """A secret in the file is a mistake of its own, and not shown."""
    return [
        Mistake(
            (*place, name),
            None,
            f"{' or '.join(one for one in known if one.endswith(_SECRET_ENDS))} in its place: no secret stands in this file"
            if name in {"token", "api_key", "password"}
            else f"a field of an agent{nearest(name, known)}",
        )
        for name in fields
        if name not in known
    ]


def _target(
    agent_id: str,
    kind: type[Polled],
    own: Mapping[str, Any],
    defaults: Mapping[str, Any],
    mistakes: list[Mistake],
) -> Polled | None:
    known, secrets = _fields(kind), _secrets(kind)

    def place(*loc: str) -> tuple[str, ...]:
        in_defaults = bool(loc) and loc[0] not in own and loc[0] in defaults
        return ("defaults", *loc) if in_defaults else ("agents", agent_id, *loc)

    content = {name: value for name, value in {**defaults, **own}.items() if name in known and name != "kind"}
    if set(own) & set(secrets):
        content = {name: value for name, value in content.items() if name not in secrets or name in own}
    for name in _MERGED:
        if isinstance(own.get(name), dict) and isinstance(defaults.get(name), dict):
            content[name] = {**defaults[name], **own[name]}
    sources: dict[str, Any] = {name: content.pop(name) for name in secrets if name in content}
    try:
        secret = _secret(sources)
    except BadSecret as exc:
        mistakes.append(Mistake(place(exc.field), sources[exc.field], str(exc)))
        return None
    try:
        found = {} if secret is None else {kind.HIDDEN: secret}
        return kind.model_validate({**content, **found, "agent_id": agent_id})
    except ValidationError as error:
        for one in error.errors():
            loc = [str(part) for part in one["loc"]]
            if loc[:1] == [kind.HIDDEN]:
                mistakes.append(Mistake(place(*(sources or secrets[:1])), None, expected(one)))
            elif loc == ["agent_id"]:
                mistakes.append(Mistake(("agents", agent_id), agent_id, expected(one)))
            else:
                shown = None if "@" in str(one["input"]) or one["type"] == "missing" else one["input"]
                mistakes.append(Mistake(place(*loc), shown, expected(one)))
    return None


def _secret(sources: Mapping[str, Any]) -> str | None:
    if not sources:
        return None
    if len(sources) > 1:
        raise BadSecret(list(sources)[1], f"only one of {' and '.join(sources)}")
    ((name, value),) = sources.items()
    if not isinstance(value, str):
        raise BadSecret(name, "a name")
    if name.endswith("_env"):
        found = os.environ.get(value, "").strip()
        if not found:
            raise BadSecret(name, "the name of an environment variable that is set")
        return found
    try:
        return Path(value).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise BadSecret(name, "a file that this user can read") from None


def _refuse(document: Document, mistakes: list[Mistake]) -> None:
    if mistakes:
        first = min(mistakes, key=lambda mistake: document.line(mistake.place))
        more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
        raise ConfigError(document.told(first) + more)
