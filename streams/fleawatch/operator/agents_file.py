"""A file of agents: `agents`, each with what is known of it. See examples/agents.yaml."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fleawatch.core.registry import PATTERN
from fleawatch.core.rule_checks import nearest
from fleawatch.markets.calendars import known, names
from fleawatch.operator.documents import Mistake, Place, read
from fleawatch_schemas.agents import AgentRecord

FIELDS = tuple(name for name in AgentRecord.model_fields if name != "agent_id")


def read_agents(path: Path) -> dict[str, dict[str, Any]]:
    """By agent the fields that the file names, checked. What it does not name is left as it is.

    Raises:
        ConfigError: names each mistake with line, field, value and what was expected.
    """
    document = read(path)
    mistakes = [Mistake((name,), None, "agents") for name in document.content if name != "agents"]
    agents = document.section("agents")
    for agent_id, fields in agents.items():
        mistakes += _mistakes(("agents", agent_id), agent_id, fields)
    document.refuse(mistakes)
    return {agent_id: fields or {} for agent_id, fields in agents.items()}


def _mistakes(place: Place, agent_id: str, fields: Any) -> list[Mistake]:
    if fields is None:
        fields = {}
    if not isinstance(fields, dict):
        return [Mistake(place, fields, f"a mapping of {', '.join(FIELDS)}")]
    found = [
        Mistake((*place, name), None, f"a field of an agent{nearest(name, FIELDS)}")
        for name in fields
        if name not in FIELDS
    ]
    try:
        AgentRecord.model_validate({**fields, "agent_id": agent_id})
    except ValidationError as error:
        for one in error.errors():
            loc = [str(part) for part in one["loc"] if part != "agent_id"]
            value = one["input"] if loc else agent_id
            found.append(Mistake((*place, *loc), value, one["msg"].removeprefix("Input should be ")))
    calendar = fields.get("calendar")
    if isinstance(calendar, str) and not known(calendar):
        found.append(Mistake((*place, "calendar"), calendar, f"a market's calendar: {', '.join(names())}"))
    group = fields.get("group")
    if isinstance(group, str) and (PATTERN | {"="}) & set(group):
        found.append(Mistake((*place, "group"), group, "no * ? [ or = in a group's name"))
    return found
