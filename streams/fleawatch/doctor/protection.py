"""Would an agent's drawdown be noticed, and what weakens that? Pure."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from fleawatch.control.records import LONGEST_SECS
from fleawatch.core.alerts import duration
from fleawatch.core.registry import Registry
from fleawatch.core.trip import FRESH_SECS
from fleawatch.doctor.findings import Finding, Level
from fleawatch.top.model import Row

AREA = "agents"
_Say = Callable[[Level, str, str], Finding]
LONG_FOR_SECS = 60.0
_STATES = {
    "stopped": "stopped: no equity comes, so drawdown is not known",
    "silent": "silent: no equity comes, so drawdown is not known",
    "no data": "nothing has ever come",
}


class Basis(NamedTuple):
    """Of an agent's newest equity event."""

    cash: bool
    flows: bool
    """It says what was deposited and withdrawn."""
    late_secs: float = 0.0
    """From its time to the broker's; negative: the agent's clock is ahead."""


def protection(
    row: Row, basis: Basis | None, registry: Registry, now: float, floor_secs: float
) -> Iterator[Finding]:
    """What is to be said of one agent; nothing: its protection is effective. Retired ones are not looked at."""
    agent = row.agent_id

    def say(level: Level, text: str, hint: str) -> Finding:
        return Finding(level, AREA, text, hint, agent)

    if row.entry.retired:
        return
    rule, origins = registry.rules_of(agent).drawdown_exceeded, registry.effective(agent).origins
    state = row.state(now, floor_secs)
    if not rule.enabled:
        origin = origins.get("drawdown_exceeded.enabled", "default")
        yield say("problem", f"no drawdown limit: the rule drawdown_exceeded is off ({origin})",
                  "`fleawatch rules show AGENT`; turn it on with `fleawatch rules apply`")  # fmt: skip
    elif rule.threshold >= 1:
        yield say("problem", f"a drawdown limit of {100 * rule.threshold:g} % is never reached",
                  "lower it with `fleawatch rules apply`")  # fmt: skip
    if state in _STATES:
        yield say("problem", _STATES[state],
                  "start it, or `fleawatch agents retire AGENT` when it is gone for good")  # fmt: skip
    elif state == "no equity":
        (alert,) = [one for one in row.open(now) if one.rule == "agent_unmonitored"][:1]
        yield say("problem", f"unmonitored: {alert.title.removeprefix(f'{agent}: ')}",
                  "docs/runbooks/data-quality.md; refused events are in the topic dead-letter")  # fmt: skip
    elif row.equity is None:
        yield say("problem", "alive without equity: there is nothing to measure a drawdown of",
                  "call `fw.equity(…)`, docs/kit.md")  # fmt: skip
    if row.used is not None and row.used >= 1:
        yield say("warning", f"over the drawdown limit now: {row.drawdown_pct:.1f} % of {row.limit_pct:g} %",
                  "docs/runbooks/drawdown-exceeded.md")  # fmt: skip
    yield from _weakened(row, basis, registry, say)


def _weakened(row: Row, basis: Basis | None, registry: Registry, say: _Say) -> Iterator[Finding]:
    rule = registry.rules_of(row.agent_id).drawdown_exceeded
    if row.entry.mode != "live":
        yield say("note", f"registered as {row.entry.mode}: alerts never exceed WARN", "")
    elif rule.enabled and rule.severity != "CRITICAL":
        yield say(
            "warning", f"a drawdown over the limit is {rule.severity} only", "`fleawatch rules show AGENT`"
        )
    if rule.enabled and rule.for_secs > LONG_FOR_SECS:
        yield say(
            "warning", f"no alert before {rule.for_secs:g} s over the limit", "`fleawatch rules show AGENT`"
        )
    if not row.entry.expected:
        yield say("warning", "silence is no alert (expected: false): nobody is told of a stop",
                  "`fleawatch agents apply` with expected: true")  # fmt: skip
    if basis is not None and abs(basis.late_secs) > LONGEST_SECS:
        yield from _untimely(basis.late_secs, say)
    if basis is not None and basis.cash:
        yield say("warning", "equity is cash: an open position looks like a loss, so this alerts but never pauses",
                  "send equity marked to market, docs/contracts.md")  # fmt: skip
    elif basis is not None and not basis.flows:
        yield say("note", "no net_deposits are sent: a withdrawal looks like a loss, a deposit hides one", "")


def _untimely(late_secs: float, say: _Say) -> Iterator[Finding]:
    hint = "run NTP there, or look what holds its events up; docs/runbooks/data-quality.md"
    if late_secs > FRESH_SECS:
        yield say("warning", f"its newest equity was {duration(late_secs)} old when it came: over the limit this alerts "
                  "but never pauses", hint)  # fmt: skip
    elif late_secs > 0:
        yield say("warning", f"its newest equity was {duration(late_secs)} old when it came: is its clock so far behind? "
                  "Then it refuses commands", hint)  # fmt: skip
    else:
        yield say("warning", f"its clock is {duration(-late_secs)} ahead: it refuses commands as expired, and obeys its "
                  "control state only", hint)  # fmt: skip
