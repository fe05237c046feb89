"""A bot's pages `show_config` and `health` → what a heartbeat says of it."""

import time
from collections.abc import Mapping
from typing import Any, Final

from fleawatch.bridge.figures import number
from fleawatch.bridge.health_page import Said

LOOP_STALE_SECS: Final = 300.0
"""The bot's own loop turns every few seconds; with many pairs and a slow exchange it may take a minute or two."""
_RUNNING: Final = {"running", "paused", "reload_config"}  # a paused one still manages its open trades
_LABELS: Final = {
    "exchange": "exchange",
    "strategy": "strategy",
    "trading_mode": "trading_mode",
    "bot_name": "bot",
}
_LONGEST: Final = 64


def said(found: Mapping[str, Any]) -> Said:
    """Checks `running` (nobody has stopped it) and `loop` (it turns). Times are compared with this machine's clock.

    Raises:
        Unreadable: a time is no number.
    """
    config, health = found["show_config"], found["health"]
    now = time.time()
    turned, started = health.get("last_process_ts"), health.get("bot_startup_ts")
    last = None if turned is None else number(turned, "last_process_ts")
    checks = {
        "running": config.get("state") in _RUNNING,
        "loop": last is not None and now - last < LOOP_STALE_SECS,
    }
    labels = {
        name: config[field][:_LONGEST]
        for field, name in _LABELS.items()
        if isinstance(config.get(field), str)
    }
    return Said(
        status="ok" if all(checks.values()) else "degraded",
        uptime_secs=None if started is None else max(0.0, now - number(started, "bot_startup_ts")),
        checks=checks,
        last_action_ts=last,
        labels={**labels, "mode": "paper" if config.get("dry_run") is True else "live"},
    )
