"""Alerts as the monitor publishes them, on a test's own topics."""

import time

import msgspec

from fleawatch.operator.compacted import write
from fleawatch.settings import Settings
from fleawatch_schemas.partition import partition_for
from fleawatch_schemas.wire import Alert, encode


def alert(number: int, **more: object) -> Alert:
    """A WARN of agent `btc-NUMBER` that began two minutes ago; its id begins with the number in four hex digits."""
    now = time.time()
    fields: dict[str, object] = {
        "alert_id": f"{number:04x}000000000000", "agent_id": f"btc-{number}", "rule": "api_latency", "severity": "WARN",
        "status": "firing", "title": f"btc-{number}: slow", "body": "", "value": 2.0, "threshold": 1.0, "unit": "ms",
        "started_ts": now - 120, "ts": now - 120, "runbook": "api-latency",
    }  # fmt: skip
    return msgspec.convert(fields | more, Alert)


async def publish(settings: Settings, *alerts: Alert) -> None:
    rows = [
        (key := one.agent_id.encode(), encode(one), partition_for(key, settings.partitions)) for one in alerts
    ]
    await write(settings.bootstrap_servers, settings.topic("alerts"), rows)
