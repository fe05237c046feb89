"""What a note says, in the order in which a reader needs it and before any channel's markup.

what and which agent   the headline, and the agent on a line of its own, to be copied
how bad                the value against its limit
since when             and how long it has lasted
what was done          paused, confirmed; who looks after it
what it did before     equity over the last day and the last returns, where the note asks for a chart
what to do             the runbook's first steps, and where the rest is
the id                 by which a repeat is recognised, and which the commands take
"""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from fleawatch.alerting.note import Item, Note
from fleawatch.errors import ConfigError
from fleawatch.notifiers import render
from fleawatch.notifiers.escape import clean, one_line
from fleawatch.notifiers.render import word
from fleawatch.runbooks.pages import Runbooks

BODY_LIMIT = 1500  # more is noise on a phone
_ACTION_LIMIT = 120
_WHY_LIMIT = 200
_ENTRY_TITLE_LIMIT = 100
_MOST_STEPS = 5
_MOST_ACTIONS = 6
_SURELY_FIT = 5  # entries of a group, on any channel but SMS


@dataclass(frozen=True, slots=True)
class Row:
    """`code`: something to copy."""

    name: str
    text: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """All of it clean, on one line each but `body`, and none of it escaped. `entries` are the alerts of a group or digest."""

    headline: str
    rows: tuple[Row, ...] = ()
    body: str = ""
    entries: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    runbook: Row | None = None
    link: str = ""
    id: Row | None = None


def message(note: Note, runbooks: Runbooks, before: str = "", *, files: bool = True) -> Message:
    """`before` is what the agent did until now, in words. Without `files` a digest says where all of its alerts are."""
    if note.kind == "single":
        return _single(note, note.items[0], runbooks, before)
    return _several(note, files=files)


def again(note: Note) -> str:
    """One line for a message that rings although the first one was changed or still holds."""
    line = render.headline(note.items[0]) if note.kind == "single" else _several_headline(note)
    if not note.reminder or note.standing != "firing":
        return line
    return f"{line} ({_unseen(note, min(item.since for item in note.items))}; reminder {note.reminder})"


def _unseen(note: Note, since: float) -> str:
    return f"for {render.lasting(max(0.0, note.made - since))}, nobody has acknowledged it"


def how(note: Note) -> Literal["new", "reply", "edit"]:
    """What the whole text is, on a channel that can change its messages."""
    if note.ref is None:
        return "new"
    return "reply" if note.shared else "edit"


def rings(note: Note) -> bool:
    """Whether a changed message needs an answer too: an edit makes no sound."""
    return how(note) == "edit" and not note.update


def looks_back(note: Note) -> bool:
    """Whether it says what the agent did before: what has said so once goes on to."""
    one, critical = note.kind == "single", note.severity == "CRITICAL"
    return one and note.standing != "resolved" and (note.chart or (note.update and critical))


def _single(note: Note, item: Item, runbooks: Runbooks, before: str) -> Message:
    alert = item.alert
    since = render.at(item.since)
    if note.reminder and item.standing == "firing":
        since += f", {_unseen(note, item.since)}"
    rows = (
        Row("value", render.measured(alert)),
        Row("agent", word(alert.agent_id), code=True),
        Row("rule", word(alert.rule)),
        Row("started", since),
        Row("ended", render.at(item.until) if item.until is not None else ""),
        Row("done", "; ".join(one_line(action, _ACTION_LIMIT) for action in item.actions[-_MOST_ACTIONS:])),
        Row("before", before),
        Row("why", one_line(note.why, _WHY_LIMIT)),
    )
    open_ = item.standing != "resolved"
    name = word(alert.runbook or "")
    return Message(
        headline=render.headline(item),
        rows=tuple(row for row in rows if row.text),
        body=_cut(clean(alert.body).strip()),
        steps=_steps(runbooks, alert.runbook) if open_ else (),
        runbook=Row("runbook", runbooks.where(name), code=True) if name and open_ else None,
        link=runbooks.link(name) if open_ else "",
        id=Row("id", word(alert.alert_id), code=True),
    )


def _several(note: Note, *, files: bool) -> Message:
    elsewhere = not files and (note.kind == "digest" or len(note.items) > _SURELY_FIT)
    rows = (
        Row("counts", _counts(note)),
        Row("agents", _agents(note)),
        Row("why", one_line(note.why, _WHY_LIMIT)),
        Row("all of them", "fleawatch alerts --history" if elsewhere else "", code=True),
    )
    return Message(
        headline=_several_headline(note),
        rows=tuple(row for row in rows if row.text),
        entries=tuple(_entry(note, item) for item in note.items),
    )


def _several_headline(note: Note) -> str:
    total = sum(note.counts.values())
    mark = render.mark(note.severity, note.standing)
    if note.kind == "digest":
        return f"{mark} {one_line(note.title, render.TITLE_LIMIT) or 'Digest'}: {total:,} alerts".strip()
    rules = Counter(item.alert.rule for item in note.items)
    standing = note.standing.replace("_", " ").upper()
    what = word(next(iter(rules))).replace("_", " ") if len(rules) == 1 else f"{len(rules)} rules"
    return f"{mark} {note.severity} {standing}: {total:,} alerts, {what}".strip()


def _counts(note: Note) -> str:
    order = ("CRITICAL", "WARN", "INFO")
    by_severity = {
        severity: [
            f"{count:,} {standing.replace('_', ' ')}"
            for (one, standing), count in sorted(note.counts.items())
            if one == severity
        ]
        for severity in order
    }
    return "; ".join(f"{severity} {', '.join(found)}" for severity, found in by_severity.items() if found)


def _agents(note: Note) -> str:
    names = {line.agent_id for line in note.lines} or {item.alert.agent_id for item in note.items}
    return word(next(iter(names))) if len(names) == 1 else f"{len(names):,}"


def _entry(note: Note, item: Item) -> str:
    """One alert of several, on one line; of a digest in few words, whose list has the ids."""
    alert = item.alert
    if note.kind == "digest":
        value = f" {render.amount(alert.value, alert.unit or '')}" if alert.value is not None else ""
        return (
            f"{render.mark(alert.severity, item.standing)} {word(alert.agent_id)} {word(alert.rule)}{value}"
        )
    done = f"; {one_line(item.actions[-1], _ACTION_LIMIT)}" if item.actions else ""
    return f"{render.headline(item, _ENTRY_TITLE_LIMIT)}{done}; id: {word(alert.alert_id)}"


def _steps(runbooks: Runbooks, name: str | None) -> tuple[str, ...]:
    try:
        found = runbooks.steps(name or "")
    except ConfigError:  # a page that cannot be read keeps no alert
        return ()
    return tuple(one_line(step, _ACTION_LIMIT) for step in found[:_MOST_STEPS])


def _cut(body: str) -> str:
    rest = len(body) - BODY_LIMIT
    return body if rest <= 0 else f"{body[:BODY_LIMIT].rstrip()}… ({rest:,} more characters cut)"
