"""The topics `rules` and `agents` as an operator reads and writes them, and an agent's latest metrics."""

import json
from collections.abc import Mapping
from typing import Any

import click

from fleawatch.agents.registry import read_agent, read_overrides
from fleawatch.core.registry import Registry, agent_of, base_rules
from fleawatch.operator.compacted import read_latest, write
from fleawatch.settings import Settings
from fleawatch_schemas.agents import AgentRecord
from fleawatch_schemas.partition import partition_for
from fleawatch_schemas.reasons import Rejected
from fleawatch_schemas.rules import RuleOverrides


class Store:
    """On one Kafka. Nothing is kept: each call reads what is there."""

    def __init__(self, settings: Settings, servers: str) -> None:
        self._settings = settings
        self._servers = servers

    async def registry(self) -> Registry:
        """As a worker has it. What a worker passes over is said here, and passed over."""
        registry = Registry(base_rules(self._settings.liveness_floor_secs))
        for key, value in (await self._latest("rules", 1)).items():
            try:
                registry.put_overrides(key.decode(), read_overrides(key.decode(), value))
            except (Rejected, UnicodeDecodeError) as why:
                click.echo(f"rules: {key!r:.80} is not used: {why}", err=True)
        for agent_id, record in (await self.agents()).items():
            registry.put_agent(agent_id, agent_of(record))
        return registry

    async def agents(self) -> dict[str, AgentRecord]:
        """The records of the topic `agents`."""
        found = {}
        for key, value in sorted((await self._latest("agents", self._settings.partitions)).items()):
            try:
                found[key.decode()] = read_agent(key.decode(), value)
            except (Rejected, UnicodeDecodeError) as why:
                click.echo(f"agents: {key!r:.80} is not used: {why}", err=True)
        return found

    async def metrics(self, agent_id: str) -> dict[str, Any]:
        """The agent's latest metrics by window."""
        key = agent_id.encode()
        home = partition_for(key, self._settings.partitions)
        found = await read_latest(self._servers, self._settings.topic("metrics"), [home], key + b"|")
        return {name.rpartition(b"|")[2].decode(): json.loads(value) for name, value in found.items()}

    async def write_rules(self, records: Mapping[str, RuleOverrides | None]) -> None:
        """None: the scope says nothing any more."""
        await write(
            self._servers,
            self._settings.topic("rules"),
            [
                (key.encode(), None if one is None else one.model_dump_json().encode(), 0)
                for key, one in records.items()
            ],
        )

    async def write_agents(self, records: Mapping[str, AgentRecord]) -> None:
        await write(
            self._servers,
            self._settings.topic("agents"),
            [
                (
                    key.encode(),
                    one.model_dump_json().encode(),
                    partition_for(key.encode(), self._settings.partitions),
                )
                for key, one in records.items()
            ],
        )

    async def _latest(self, topic: str, partitions: int) -> dict[bytes, bytes]:
        return await read_latest(self._servers, self._settings.topic(topic), range(partitions))
