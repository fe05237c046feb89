"""What the doctor says: one line, and one that says what to do."""

import json
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import click

from fleawatch.top.draw import shown

Level = Literal["ok", "note", "warning", "problem"]
LEVELS: tuple[Level, ...] = ("ok", "note", "warning", "problem")
_SIGNS: dict[Level, str] = {"ok": "ok", "note": "note", "warning": "WARNING", "problem": "PROBLEM"}
_COLOURS = {"ok": "green", "note": None, "warning": "yellow", "problem": "red"}
_NAMED = 5


class Finding(NamedTuple):
    """`area` is what was looked at. Of an agent's, `agent` is its id and `text` does not name it."""

    level: Level
    area: str
    text: str
    hint: str = ""
    agent: str = ""


def exit_code(findings: Iterable[Finding]) -> int:
    """0: all is well, 1: warnings, 2: something does not work."""
    return max((max(0, LEVELS.index(one.level) - 1) for one in findings), default=0)


def as_text(findings: Sequence[Finding]) -> str:
    """In the order given; agents with the same trouble share a line."""
    lines = []
    for finding, agents in _joined(findings):
        head = click.style(f"{_SIGNS[finding.level]:<8}", fg=_COLOURS[finding.level])
        who = _who(agents)
        lines.append(f"{head} {finding.area:<9} {who}{shown(finding.text)}")
        if finding.hint and finding.level != "ok":
            lines.append(f"{'':<19}hint: {shown(finding.hint)}")
    counts = {level: sum(one.level == level for one in findings) for level in ("problem", "warning")}
    told = ", ".join(
        f"{count} {level}{'s' if count != 1 else ''}" for level, count in counts.items() if count
    )
    return "\n".join([*lines, told or "all is well"]) + "\n"


def as_json(findings: Sequence[Finding]) -> str:
    made = {"exit_code": exit_code(findings), "findings": [one._asdict() for one in findings]}
    return json.dumps(made, indent=2) + "\n"


def _joined(findings: Sequence[Finding]) -> list[tuple[Finding, list[str]]]:
    found: dict[Finding, list[str]] = {}
    for finding in findings:
        agents = found.setdefault(finding._replace(agent=""), [])
        if finding.agent:
            agents.append(finding.agent)
    return list(found.items())


def _who(agents: Sequence[str]) -> str:
    if not agents:
        return ""
    named = ", ".join(map(shown, agents[:_NAMED]))
    more = f" and {len(agents) - _NAMED} more" if len(agents) > _NAMED else ""
    return f"{named}{more}: "
