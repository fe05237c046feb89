"""Which agents an order is for: ids, patterns, or everybody in a group or at a venue."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from fleawatch.errors import ConfigError
from fleawatch_schemas.agents import AgentRecord
from fleawatch_schemas.bounds import AGENT_ID_INPUT

_PATTERN = frozenset("*?[")
HELP = "An agent's id, a pattern of ids (btc-*), group=NAME or venue=NAME."


def targets(words: Sequence[str], agents: Mapping[str, AgentRecord]) -> tuple[list[str], list[str]]:
    """The agents that are meant, in order; and those of them that nobody has registered, named by their id.

    Raises:
        ConfigError: a pattern, group or venue fits no registered agent, or a word is no id.
    """
    known = sorted(agent for agent, record in agents.items() if not record.retired)
    found: dict[str, None] = {}
    unknown: list[str] = []
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            if name not in {"group", "venue"}:
                raise ConfigError(f"{word!r:.80}: agents are chosen by group= or venue=")
            fits = [agent for agent in known if getattr(agents[agent], name) == value]
        elif _PATTERN & set(word):
            fits = [agent for agent in known if fnmatchcase(agent, word)]
        elif re.fullmatch(AGENT_ID_INPUT, word) is None:
            raise ConfigError(f"{word!r:.80} is no agent's id")
        else:
            fits = [word]
            if word not in known:
                unknown.append(word)
        if not fits:
            raise ConfigError(f"no registered agent fits {word!r:.80}", hint="`fleawatch agents show`")
        found |= dict.fromkeys(fits)
    return list(found), unknown


def similar(agent: str, agents: Mapping[str, AgentRecord]) -> str:
    """What may have been meant."""
    close = get_close_matches(agent, list(agents), 3)
    return f" (there is {', '.join(close)})" if close else ""
