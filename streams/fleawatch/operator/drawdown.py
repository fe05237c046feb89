"""Who is over his drawdown limit by what is known last: nobody resumes such an agent by accident."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from fleawatch.operator.compacted import read_latest
from fleawatch.operator.store import Store
from fleawatch.settings import Settings
from fleawatch_schemas.partition import partition_for


class Standing(NamedTuple):
    """In percent; `ts`: when the figure was true."""

    drawdown_pct: float
    limit_pct: float
    ts: float

    @property
    def over(self) -> bool:
        return self.drawdown_pct >= self.limit_pct


async def standings(settings: Settings, servers: str, agents: Sequence[str]) -> dict[str, Standing]:
    """By agent. One without figures, or without a limit, is not here. Raises BrokerUnavailable."""
    registry = await Store(settings, servers).registry()
    homes = {partition_for(agent.encode(), settings.partitions) for agent in agents}
    keys = {f"{agent}|all".encode(): agent for agent in agents}
    latest = await read_latest(servers, settings.topic("metrics"), homes, tuple(keys))
    found = {}
    for key, raw in latest.items():
        agent = keys.get(key)
        figures = json.loads(raw)
        drawdown = figures.get("drawdown_pct")
        if agent is None or drawdown is None:
            continue
        rule = registry.rules_of(agent).drawdown_exceeded
        if rule.enabled:
            found[agent] = Standing(drawdown, 100 * rule.threshold, figures["ts"])
    return found
