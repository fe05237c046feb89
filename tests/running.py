"""Our processes, as a user starts them, against a test's own topics."""

import json
from pathlib import Path

from engine_app.fleet import Fleet, python
from engine_app.log import produce
from fleawatch.core.rules import DEFAULTS
from fleawatch.settings import Settings


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """The variables that make a child process read these settings; `more` without the prefix."""
    plain = {
        "bootstrap_servers": settings.bootstrap_servers,
        "topic_prefix": settings.topic_prefix,
        "app_id": settings.app_id,
        "partitions": str(settings.partitions),
        "commit_interval_secs": str(settings.commit_interval_secs),
        **more,
    }
    return {f"FLEAWATCH_{name.upper()}": value for name, value in plain.items()}


async def fixed_share(settings: Settings) -> None:
    """False alarms are shared by ten agents, as an oracle without a registry has it. Before the workers start."""
    change = {"return_anomaly": {"parameters": {"fleet_agents": DEFAULTS.fleet_agents}}}
    record = {"scope": "fleet", "version": 1, "by": "tests", "ts": 0.0, "rules": change}
    topic = settings.topic("rules")
    await produce(settings.bootstrap_servers, topic, [(b"fleet", json.dumps(record).encode())])


def workers(settings: Settings, size: int, directory: Path, **more: str) -> Fleet:
    """`size` monitor workers."""
    return _fleet(settings, ["worker", "--loglevel", "info"], size, directory / "workers", **more)


def notifier(settings: Settings, channel: str, directory: Path, **more: str) -> Fleet:
    """One notifier of `channel`."""
    return _fleet(settings, ["notify", channel], 1, directory / f"notify-{channel}", **more)


def _fleet(settings: Settings, command: list[str], size: int, directory: Path, **more: str) -> Fleet:
    directory.mkdir(parents=True, exist_ok=True)
    env = environment(settings, data_dir=str(directory / "made" / "by-us"), **more)
    return Fleet(python("-m", "fleawatch.cli", *command), size, directory, env)
