"""From topics to a report."""

from collections.abc import Callable
from difflib import get_close_matches

import msgspec

from fleawatch.errors import UnknownAgent
from fleawatch.operator.compacted import read_latest
from fleawatch.report.content import Report, when
from fleawatch.report.curve import Curve
from fleawatch.report.read import AgentTopics
from fleawatch.settings import Settings
from fleawatch_schemas.anomalies import AnomalyEvent
from fleawatch_schemas.attribution import AttributionRecord
from fleawatch_schemas.codec import validate
from fleawatch_schemas.metrics import MetricsRecord
from fleawatch_schemas.reasons import Rejected

SECONDS = {"24h": 86_400.0, "7d": 7 * 86_400.0, "30d": 30 * 86_400.0}
_ANOMALIES = 1000


class _Snapshot(msgspec.Struct):
    """What a curve needs of an equity event."""

    ts: float
    equity: float
    net_deposits: float | None = None


_snapshot = msgspec.json.Decoder(_Snapshot).decode


async def collect(
    servers: str, settings: Settings, agent_id: str, window: str, say: Callable[[str], None], *, curves: bool
) -> Report:
    """Read what is known of `agent_id`; with `curves` also its equity and anomalies in `window`.

    Raises:
        UnknownAgent: neither metrics nor attribution name it.
        BrokerUnavailable: Kafka cannot be reached.
        TopicMismatch: there are no such topics.
    """
    key = f"{agent_id}|{window}".encode()
    async with AgentTopics(servers, settings, agent_id, say) as topics:
        say("reading metrics")
        metrics = await topics.latest("metrics", key)
        say("reading attribution")
        attribution = await topics.latest("attribution", key)
        if metrics is None and attribution is None:
            raise await _unknown(servers, settings, agent_id)
        report = Report(
            agent_id,
            window,
            validate(metrics, MetricsRecord) if metrics else None,
            validate(attribution, AttributionRecord) if attribution else None,
        )
        if not curves:
            return report
        notes = []
        since = max(0.0, report.ts - SECONDS[window]) if window in SECONDS else 0.0
        say("reading equity")
        curve = Curve()
        async for record in topics.history("equity", since):
            try:
                snapshot = _snapshot(record.value or b"")
            except (msgspec.MsgspecError, RecursionError):
                continue  # the monitor has it in dead-letter
            if snapshot.ts >= since:
                curve.add(snapshot.ts, snapshot.equity, snapshot.net_deposits)
        if curve.points and window in {"30d", "all"}:
            notes.append(
                f"Curves begin at {when(curve.points[0].ts)}: the equity topic keeps raw events for a week."
            )
        say("reading anomalies")
        anomalies: list[AnomalyEvent] = []
        async for record in topics.history("anomalies", since):
            try:
                anomaly = validate(record.value or b"", AnomalyEvent)
            except Rejected:
                continue
            if anomaly.ts >= since:
                anomalies.append(anomaly)
        newest = {anomaly.anomaly_id: anomaly for anomaly in anomalies}  # a replay repeats some
        if len(newest) > _ANOMALIES:
            notes.append(f"The last {_ANOMALIES:,} of {len(newest):,} anomalies are shown.")
        last = tuple(newest.values())[-_ANOMALIES:]
    return Report(agent_id, window, report.metrics, report.attribution, curve, last, tuple(notes))


async def _unknown(servers: str, settings: Settings, agent_id: str) -> UnknownAgent:
    """With the most similar of the agents that have registered: a mistyped id may live in any partition."""
    keys = await read_latest(servers, settings.topic("agents"), range(settings.partitions))
    near = get_close_matches(agent_id, sorted(key.decode(errors="replace") for key in keys), 1)
    hint = (
        f"did you mean {near[0]}?"
        if near
        else "is a worker running, and has the agent sent equity or trades?"
    )
    return UnknownAgent(f"nothing is known of agent {agent_id!r}", hint=hint)
