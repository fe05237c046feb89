"""Would an agent stop when it is told to? What its answers so far say, and who may tell it. Pure but for the reading."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from fleawatch.core.registry import Registry
from fleawatch.doctor.findings import Finding
from fleawatch.operator.compacted import Record, read_all
from fleawatch.settings import Settings
from fleawatch.top.model import Row
from fleawatch_schemas.wire_control import CommandAck
from fleawatch_schemas.wire_entry import EntryKind

AREA = "control"
_ack = msgspec.json.Decoder(CommandAck).decode
_ENTRIES = tuple(f"{kind}-" for kind in EntryKind.__args__)  # type: ignore[attr-defined]  # a Literal has them


@dataclass(slots=True)
class Answers:
    """An agent's, of the week that the topic keeps. `refused`: why, when the newest answer is a refusal."""

    applied: bool = False
    refused: str = ""


async def answers(servers: str, settings: Settings) -> dict[str, Answers]:
    """By agent. What the monitor answered to entries in accounts is left out. Raises BrokerUnavailable."""
    found: dict[str, Answers] = {}

    def take(record: Record) -> None:
        try:
            ack = _ack(record.value or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return
        if record.key != ack.agent_id.encode() or ack.command_id.startswith(_ENTRIES):
            return
        one = found.setdefault(ack.agent_id, Answers())
        one.applied |= ack.status == "applied"
        one.refused = ack.detail if ack.status == "refused" else ""

    await read_all(servers, settings.topic("command-acks"), range(settings.partitions), take)
    return found


def obedience(
    rows: Mapping[str, Row], said: Mapping[str, Answers], registry: Registry, settings: Settings
) -> Iterator[Finding]:
    """Of agents that are not retired."""
    acting = [agent for agent in rows if registry.rules_of(agent).auto_control == "on"]
    ordered = [agent for agent, row in rows.items() if row.control_version >= 0]
    if settings.control_key is None:
        yield Finding("warning" if acting or ordered else "note", AREA,
                      "commands from here are unsigned: whoever can write to the topics can stop and start agents",
                      "`fleawatch keys generate`, docs/control.md")  # fmt: skip
    for agent, row in rows.items():
        mode = registry.rules_of(agent).auto_control
        if mode == "off":
            yield Finding("note", AREA, "auto_control is off: at a limit people are told, nothing is paused",
                          "docs/control.md; begin with dry_run", agent)  # fmt: skip
        elif mode == "dry_run":
            yield Finding(
                "note",
                AREA,
                "auto_control is dry_run: what would be done is said, nothing is done",
                "",
                agent,
            )
        one = said.get(agent, Answers())
        if one.refused:
            yield Finding("warning", AREA, f"its newest answer to a command is a refusal: {one.refused}",
                          "docs/control.md", agent)  # fmt: skip
        elif not one.applied and row.control_version >= 0:
            yield Finding("warning", AREA, f"was ordered to be {row.control} and has not confirmed a command this week",
                          "does it run, and does it use the kit? docs/runbooks/drawdown-exceeded.md", agent)  # fmt: skip
        elif not one.applied:
            yield Finding("warning" if mode == "on" else "note", AREA, "has not confirmed any command this week",
                          "try it before it matters: `fleawatch pause AGENT`, `fleawatch resume AGENT`", agent)  # fmt: skip
