"""Was a run right? Its findings, its offsets and its stored state against the oracle's."""

from collections import defaultdict

from benchmarks.contestant import Job
from benchmarks.kafka_log import Offsets, committed, ends_of, read_from
from benchmarks.oracle import Finding, Oracle, finding_in, packed, transition_in
from fleawatch.core.equity_state import EquityState
from fleawatch.engine.envelope import open_envelope
from fleawatch.engine.parts import split_key


async def problems(bootstrap: str, job: Job, oracle: Oracle, before: dict[str, Offsets]) -> list[str]:
    """What differs, in words; `before` are the output topics' ends before the run."""
    if job.name == "floor":  # it finds and keeps nothing
        return []
    found: list[str] = []
    done = await committed(bootstrap, job.group, job.input_topic)
    if done != oracle.events:
        found.append(f"{done} offsets are committed, not {oracle.events}")

    outputs = await read_from(bootstrap, job.output_topic, before[job.output_topic])
    anomalies = [finding_in(record.value or b"") for record in outputs]
    distinct = {Finding(one.agent_id, one.ts) for one in anomalies}
    if len(anomalies) != len(distinct) or distinct != oracle.anomalies:
        missing, extra = len(oracle.anomalies - distinct), len(distinct - oracle.anomalies)
        found.append(f"{len(anomalies)} anomalies, {missing} missing, {extra} that are none")

    if job.name == "plain":
        changes = sum((await ends_of(bootstrap, f"{job.group}-agents-changelog")).values())
        if changes < oracle.events:
            found.append(f"{changes} changelog records")
        return found
    alerts_topic = job.output_topic.replace("anomalies", "alerts")
    moves = [
        transition_in(record.value or b"")
        for record in await read_from(bootstrap, alerts_topic, before[alerts_topic])
    ]
    moves = [one for one in moves if not one.agent_id.startswith("_")]  # the fleet's and the monitor's own
    if sorted((one.alert_id, one.status) for one in moves) != sorted(oracle.alerts.elements()):
        found.append(f"{len(moves)} alert transitions, not {oracle.alerts.total()}, or others")
    if await _stored(bootstrap, f"{job.group}-equity-changelog") != oracle.packed_states():
        found.append("the stored state differs from the recomputed one")
    return found


async def _stored(bootstrap: str, changelog: str) -> dict[bytes, bytes]:
    """Each state as recovery would have it, packed: the highest (generation, offset) of each key counts."""
    best: dict[bytes, tuple[tuple[int, int], bytes]] = {}
    for record in await read_from(bootstrap, changelog):
        rank, body = open_envelope(record.value or b"")
        key = record.key or b""
        if key not in best or rank >= best[key][0]:
            best[key] = rank, body
    heads: dict[bytes, bytes] = {}
    parts: defaultdict[bytes, dict[bytes, bytes]] = defaultdict(dict)
    for key, (_, body) in best.items():
        agent, suffix = split_key(key)
        if suffix:
            parts[agent][suffix] = body
        else:
            heads[agent] = body
    return packed({agent: EquityState.unpack(head, parts[agent]) for agent, head in heads.items()})
