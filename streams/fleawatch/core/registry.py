"""Who the agents are, and which rules hold for each. Pure: `agents.registry` keeps it current from the topics."""

from typing import Literal, NamedTuple

from fleawatch.core.rules import DEFAULTS, Rules

Mode = Literal["live", "paper", "backtest"]


class Agent(NamedTuple):
    """What is known of an agent beside its events; the defaults hold for one that is in no registry."""

    agent_id: str
    mode: Mode = "live"
    group: str | None = None
    labels: tuple[tuple[str, str], ...] = ()  # sorted
    venue: str | None = None
    currency: str = "USD"
    equity_interval_secs: float | None = None  # None: as the agent says
    calendar: str = "24/7"
    expected: bool = True  # its silence is an alert
    owner: str | None = None
    retired: bool = False
    registered: bool = False  # the registry has a record of it


class Registry:
    """The agents and the rules at this moment. `base` are the rules that hold without any override."""

    def __init__(self, base: Rules = DEFAULTS) -> None:
        self.base = base
        self._agents: dict[str, Agent] = {}

    def entry(self, agent_id: str) -> Agent:
        return self._agents.get(agent_id) or Agent(agent_id)

    def rules_of(self, agent_id: str) -> Rules:  # noqa: ARG002 -- overrides come next
        return self.base
