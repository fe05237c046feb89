"""Records as the monitor publishes them, for what reads them."""

import json
from typing import Any

from fleawatch.core.registry import Registry
from fleawatch.top.model import Fleet
from fleawatch.top.records import Taken, take
from fleawatch_schemas.wire import Alert, Anomaly, Health, Metrics, Source, encode

NOW = 1_767_225_600.0
FLOOR = 90.0
NASTY = "\x1b[2J\x1b]0;owned\x07\u202eevil"


def metrics(agent_id: str, window: str = "all", ts: float = NOW - 1, **figures: Any) -> bytes:
    shown = {"equity": 10_000.0, "drawdown_pct": 1.5, "sharpe_ratio": 1.2, "n": 500} | figures
    made = {**dict.fromkeys(Metrics.__struct_fields__), **shown}
    return json.dumps(made | {"agent_id": agent_id, "ts": ts, "window": window, "undefined": {}}).encode()


def alert(agent_id: str, rule: str, number: int = 1, status: str = "firing", **more: Any) -> bytes:
    severity = more.pop("severity", "CRITICAL")
    title = more.pop("title", f"{agent_id}: {rule} it is")
    return encode(
        Alert(
            alert_id=f"{number:016x}",
            agent_id=agent_id,
            rule=rule,
            severity=severity,
            status=status,  # type: ignore[arg-type]  # one of the three, by the callers
            title=title,
            body="b",
            started_ts=NOW - 60,
            ts=NOW - 60,
            runbook="r",
        )
    )


def anomaly(agent_id: str, z: float, ts: float = NOW) -> bytes:
    made = Anomaly(
        anomaly_id="c" * 16, agent_id=agent_id, ts=ts, detector="zscore", return_=-0.1, z_score=z, baseline_mean=0.0,
        baseline_std=0.01, n=30, direction="loss" if z < 0 else "gain", equity=1.0, source=Source("equity", 0, 0),
    )  # fmt: skip
    return encode(made)


def health(agent_id: str, status: str = "ok") -> bytes:
    return encode(Health(1, agent_id, 1, 1, NOW, status, 5.0, 10.0))  # type: ignore[arg-type]  # as above


def fleet(*records: tuple[str, bytes, float]) -> Fleet:
    """(topic, value, when the topic took it); keys of `agents` and `rules` are made from the value."""
    made = Fleet(Registry(), FLOOR)
    for topic, value, ts in records:
        feed(made, topic, value, ts)
    return made


def feed(made: Fleet, topic: str, value: bytes, ts: float = NOW) -> None:
    document = json.loads(value)
    key = str(document.get("agent_id", document.get("scope", "")))
    if topic == "rules" and document.get("name"):
        key = f"{key}|{document['name']}"
    take(made, topic, Taken(key.encode(), value, ts))


def registered(agent_id: str, **fields: Any) -> bytes:
    return json.dumps({"agent_id": agent_id, **fields}).encode()


def rules(scope: str, name: str | None, **changes: Any) -> bytes:
    return json.dumps(
        {
            "scope": scope,
            "name": name,
            "version": 1,
            "by": "ops",
            "ts": NOW,
            "rules": {"drawdown_exceeded": changes},
        }
    ).encode()
