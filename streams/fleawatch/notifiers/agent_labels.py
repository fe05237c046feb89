"""What matchers see of an agent, beside its alerts: its group, venue, owner and mode, and its own labels, from the registry."""

from collections.abc import Mapping
from typing import Final

import msgspec

_PLAIN: Final[Mapping[str, str]] = {"mode": "live"}
"""What most agents are, and those of whom the registry says nothing yet."""


class _Record(msgspec.Struct):
    """Of the registry, what alerts are matched by."""

    group: str | None = None
    venue: str | None = None
    owner: str | None = None
    mode: str | None = None
    labels: dict[str, str] = {}


_decode = msgspec.json.Decoder(_Record).decode


class AgentLabels:
    """Plain agents are not remembered: a hundred thousand of them would be nothing but their names."""

    def __init__(self) -> None:
        self._agents: dict[str, Mapping[str, str]] = {}

    def take(self, agent_id: str, value: bytes | None) -> None:
        """A record of `agents`.

        Raises:
            msgspec.MsgspecError: it is none; nothing has changed.
        """
        if value is None:
            self._agents.pop(agent_id, None)
            return
        agent = _decode(value)
        known = {"group": agent.group, "venue": agent.venue, "owner": agent.owner, "mode": agent.mode}
        labels = {**agent.labels, **{name: text for name, text in known.items() if text}}
        if labels == _PLAIN:
            self._agents.pop(agent_id, None)
        else:
            self._agents[agent_id] = labels

    def of(self, agent_id: str) -> Mapping[str, str]:
        """Ids that begin with _ are ours, and no agents."""
        return self._agents.get(agent_id, {} if agent_id.startswith("_") else _PLAIN)
