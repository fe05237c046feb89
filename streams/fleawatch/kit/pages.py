"""What the agent's port shows.

`/livez` is for what restarts an agent: it asks nothing but whether the agent's event loop turns. `/health` is for people
and for readiness: it includes the exchange, and an exchange that is away must not restart a bot that holds positions.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from fleawatch.kit.checks import Finding
from fleawatch.kit.endpoint import Page, Reply, json_reply
from fleawatch.kit.examiner import Examiner
from fleawatch.kit.stats import Stats
from fleawatch.kit.turning import Turning
from fleawatch.kit.vitals import Vitals
from fleawatch_schemas.wire import Equity
from fleawatch_schemas.wire_control import State

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class View(NamedTuple):
    """What the pages are made of. `connected`: events reach Kafka; None before the first has.

    `control`: what the agent is to be, and how many commands it has applied and refused.
    """

    agent_id: str
    examiner: Examiner
    vitals: Vitals
    turning: Turning | None
    uptime: Callable[[], float]
    stats: Callable[[], Stats]
    equity: Callable[[], Equity | None]
    connected: Callable[[], bool | None]
    control: Callable[[], tuple[State, int, int]]


def pages(view: View) -> dict[str, Page]:
    async def livez() -> Reply:
        if view.turning is None or view.turning.turns():
            return Reply(200, b"ok\n")
        return Reply(503, f"the event loop has not turned for {view.turning.stuck_secs():.0f} s\n".encode())

    async def health() -> Reply:
        found = await view.examiner.results()
        well = all(finding.ok for finding in found.values())
        document = {
            "status": "ok" if well else "degraded",
            "uptime_secs": round(view.uptime(), 3),
            "agent_id": view.agent_id,
            "control": view.control()[0],
            "checks": {name: _shown(finding) for name, finding in found.items()},
            "timestamp": time.time(),
        }
        return json_reply(200 if well else 503, document)

    async def metrics() -> Reply:
        found = await view.examiner.results()
        return Reply(200, exposition(view, found).encode(), METRICS_TYPE)

    return {"/livez": livez, "/health": health, "/metrics": metrics}


def exposition(view: View, found: Mapping[str, Finding]) -> str:
    """Prometheus' text format."""
    stats, equity, connected = view.stats(), view.equity(), view.connected()
    me = f'agent_id="{view.agent_id}"'  # of letters, digits, `_`, `.` and `-`: nothing to escape
    lines: list[str] = []

    def add(name: str, kind: str, about: str, samples: Iterable[tuple[str, float]]) -> None:
        samples = list(samples)
        if samples:
            full = f"fleawatch_agent_{name}"
            lines.extend((f"# HELP {full} {about}", f"# TYPE {full} {kind}"))
            lines.extend(f"{full}{{{labels}}} {value!r}" for labels, value in samples)

    add("uptime_seconds", "gauge", "Since the emitter was made.", [(me, view.uptime())])
    if equity is not None:
        add("equity", "gauge", "As last emitted.", [(me, float(equity.equity))])
        add("balance", "gauge", "As last emitted.", [(me, float(equity.balance))])
        add("open_positions", "gauge", "As last emitted.", [(me, equity.open_positions)])
    if view.vitals.acted_at is not None:
        add(
            "last_action_timestamp_seconds",
            "gauge",
            "When the strategy last said that it acted.",
            [(me, view.vitals.acted_at)],
        )
    add("errors_total", "counter", "Errors that the agent has told of.", [(me, view.vitals.errors)])
    add(
        "check_ok",
        "gauge",
        "1: the check passed.",
        [(f'{me},check="{_escaped(name)}"', int(one.ok)) for name, one in found.items()],
    )
    add(
        "check_latency_seconds",
        "gauge",
        "How long what was checked took to answer.",
        [
            (f'{me},check="{_escaped(name)}"', one.latency_ms / 1000)
            for name, one in found.items()
            if one.latency_ms is not None
        ],
    )
    add("events_emitted_total", "counter", "Events of all topics.", [(me, stats.emitted)])
    add(
        "events_delivered_total",
        "counter",
        "Acknowledged by Kafka, those of earlier processes too.",
        [(me, stats.delivered)],
    )
    add("events_spilled_total", "counter", "That went by way of the disk.", [(me, stats.spilled)])
    add("events_dropped_total", "counter", "Given up: no room, or refused by Kafka.", [(me, stats.dropped)])
    add("events_queued", "gauge", "Waiting for Kafka, in memory or on disk.", [(me, stats.queued)])
    state, applied, refused = view.control()
    add("control_state", "gauge", "1 for what the agent is to be.",
        [(f'{me},state="{one}"', int(one == state)) for one in ("running", "paused", "killed")])  # fmt: skip
    add("commands_total", "counter", "Commands to the agent, by what became of them.",
        [(f'{me},status="applied"', applied), (f'{me},status="refused"', refused)])  # fmt: skip
    if connected is not None:
        add("kafka_connected", "gauge", "1: events reach Kafka.", [(me, int(connected))])
    return "\n".join(lines) + "\n"


def _shown(finding: Finding) -> dict[str, object]:
    shown: dict[str, object] = {"ok": finding.ok}
    if finding.latency_ms is not None:
        shown["latency_ms"] = finding.latency_ms
    if finding.detail:
        shown["detail"] = finding.detail
    return shown


def _escaped(name: str) -> str:
    return name.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
