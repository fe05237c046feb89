"""The agents' records in the registry, there before a run: a worker writes them else, and thresholds go by their number."""

from collections.abc import Callable, Iterator

from benchmarks.events import Sent
from fleawatch.core.registry import Registry, agent_of, base_rules
from fleawatch.core.rules import Rules
from fleawatch.markets.calendars import calendar_of
from fleawatch.settings import Settings
from fleawatch_schemas.agents import AgentRecord
from fleawatch_schemas.partition import partition_for


def records(agents: int) -> Iterator[AgentRecord]:
    """Of `equity_events`' agents, as a worker would write them."""
    for number in range(agents):
        yield AgentRecord(agent_id=f"agent-{number:05d}", currency="USD")


def as_sent(agents: int, partitions: int) -> Iterator[Sent]:
    """Records for the topic `agents`."""
    for each in records(agents):
        key = each.agent_id.encode()
        yield Sent(partition_for(key, partitions), key, each.model_dump_json().encode())


def rules_of(agents: int, settings: Settings) -> Callable[[str], Rules]:
    """The rules that a worker goes by that has read these records."""
    registry = Registry(base_rules(settings.liveness_floor_secs), calendar_of)
    for each in records(agents):
        registry.put_agent(each.agent_id, agent_of(each))
    return registry.rules_of
