"""Whom an agent's drawdown alert would reach: by the routes that hold here, on the channels whose notifiers run. Pure."""

from collections.abc import Collection, Iterator, Mapping

from fleawatch.alerting.routes import Part, Routes, part_of
from fleawatch.alerting.silences import labels_of
from fleawatch.core.registry import Agent, Registry
from fleawatch.doctor.channels import TO_PEOPLE
from fleawatch.doctor.findings import Finding, Level
from fleawatch.top.model import Row
from fleawatch_schemas.wire import Alert

AREA = "agents"
RULE = "drawdown_exceeded"
_HINT = f"`fleawatch routes test --alert rule={RULE} --alert agent=AGENT`; docs/routes.md"


def reach(
    rows: Mapping[str, Row], registry: Registry, routes: Routes, running: Collection[str]
) -> Iterator[Finding]:
    """Of live agents; nothing where no notifier runs at all, which is said once (`channels.py`)."""
    if not running:
        return
    for agent, row in rows.items():
        rule = registry.rules_of(agent).drawdown_exceeded
        if not rule.enabled or row.entry.mode != "live":
            continue
        alert = Alert(
            alert_id="0" * 16, agent_id=agent, rule=RULE, severity=rule.severity, status="firing", title=RULE, body="",
            started_ts=0.0, ts=0.0, runbook=rule.runbook,
        )  # fmt: skip
        labels = labels_of(alert, _known(row.entry))
        parts = {name: part_of(name, alert, labels, routes) for name in TO_PEOPLE}
        said = _said(parts, rule.severity, running)
        if said is not None:
            level, text = said
            yield Finding(level, AREA, text, _HINT, agent)


def _said(parts: Mapping[str, Part], severity: str, running: Collection[str]) -> tuple[Level, str] | None:
    direct = [name for name, part in parts.items() if part.direct]
    there = [name for name in direct if name in running]
    if there:
        return None
    where = f"goes to {' and '.join(direct)}, where no notifier runs" if direct else "goes to nobody"
    later = [name for name, part in parts.items() if name in running and not part.none]
    if later:
        return "warning", f"its drawdown alert ({severity}) {where}; later, perhaps, to {' and '.join(later)}"
    return "problem", f"nobody is told of its drawdown: that alert ({severity}) {where}"


def _known(agent: Agent) -> dict[str, str]:
    """What notifiers match routes with (`notifiers/logbook.py`)."""
    known = {"group": agent.group, "venue": agent.venue, "owner": agent.owner, "mode": agent.mode}
    return {**dict(agent.labels), **{name: text for name, text in known.items() if text}}
