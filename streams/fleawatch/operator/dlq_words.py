"""Every reason of `dead-letter` in words: what was found, what is to be fixed, and whether a retry can help."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from fleawatch.control.entries import TOPIC as ENTRIES
from fleawatch.core.sequence import WIDTH
from fleawatch.operator.dead_letters import Letter
from fleawatch_schemas.bounds import END_OF_TIME
from fleawatch_schemas.reasons import Reason

INPUTS = ("equity", "trades", "health")
"""Only these are ever written to again: a header is what somebody wrote."""
SOURCES = (*INPUTS, "fleet-partials", "alerts")
ROOM = 1_000_000
"""Bytes of key and value of what is sent again; the topics take 1 MiB with what is around them."""


class Words(NamedTuple):
    found: str
    fix: str
    never: str = ""
    """Why the same bytes are refused for ever; "" where a retry can help: time passes, a monitor is upgraded."""


_BYTES = "Once the sender is fixed it sends new bytes; these stay as they are. After an upgrade that takes them, retry."
EXPLAINED: dict[Reason, Words] = {
    Reason.TOO_LARGE: Words(
        "The message is longer than the 256 KiB that an event may have.",
        "Send one event a message; leave out large texts.",
        "its length does not change",
    ),
    Reason.NOT_UTF8: Words("The bytes are not UTF-8 text.", f"Encode the JSON as UTF-8. {_BYTES}"),
    Reason.TOO_DEEP: Words("Objects or lists are nested too deeply.", f"Send flat events. {_BYTES}"),
    Reason.NOT_JSON: Words(
        "The text is not JSON, or only the beginning of it.",
        f"Use a JSON library; a sender that died while writing leaves such a thing. {_BYTES}",
    ),
    Reason.DUPLICATE_KEY: Words(
        "A name occurs twice in an object, so that nobody can say which value is meant.",
        f"Write each field once. {_BYTES}",
    ),
    Reason.NOT_AN_OBJECT: Words("It is JSON, but no object.", f"Send one object a message. {_BYTES}"),
    Reason.WRONG_VERSION: Words(
        "Its contract version (`v`) is one that this monitor does not know.",
        "Upgrade the monitor before its agents, then retry; or have the agent send v 1.",
    ),
    Reason.MISSING_FIELD: Words("A field is missing that the contract asks for.", f"Send it. {_BYTES}"),
    Reason.BAD_FIELD: Words("A field has a value of another kind than the contract's.", f"Correct it. {_BYTES}"),
    Reason.BAD_AGENT_ID: Words(
        "The agent_id is not 1 to 64 of the characters A-Z a-z 0-9 _ . and -.", f"Rename the agent. {_BYTES}"
    ),
    Reason.NOT_FINITE: Words(
        "A number is NaN or infinite.",
        f"Find the division by zero or the missing price before it is sent. {_BYTES}",
    ),
    Reason.OUT_OF_RANGE: Words("A number is outside of its range.", f"Check units and signs. {_BYTES}"),
    Reason.KEY_MISMATCH: Words(
        "The record's key is not the event's agent_id, so it may be another one's.",
        "Send each event with its agent_id as the key (the kit does).",
        "it would have the same key again; its sender must send it anew under its agent_id",
    ),
    Reason.WRONG_PARTITION: Words(
        "The record is not in the partition that its key belongs to.",
        "Use Kafka's default partitioner (murmur2), and one FLEAWATCH_PARTITIONS everywhere; a topic that was given"
        " more partitions later is another cause.",
        "it would go to the same partition again; its sender must send it anew under its agent_id, partitioned by that key",
    ),
    Reason.STALE_EPOCH: Words(
        "The agent was started anew since: an event of its earlier life came after one of the new.",
        "Deliver what was kept on disk before the first new event (the kit does); or two processes use one id.",
        "that epoch has ended, and old events that keep coming look like a second process",
    ),
    Reason.FUTURE: Words(
        "Its time is more than 10 minutes ahead of its arrival.",
        "Correct the agent's clock, or the unit: `ts` is in seconds, not milliseconds. It can be sent again once that time"
        " has come.",
    ),
    Reason.CURRENCY_CHANGED: Words(
        "The account's currency is another one than before.",
        "A new currency is a new account: give it another agent_id, or correct the field.",
    ),
    Reason.UNDELIVERABLE: Words(
        "An alert that a channel's receiver refuses for good; the detail names the channel and says why.",
        "Mend the channel's settings. Other channels had it at once where it is CRITICAL: `fleawatch alerts --history`.",
        "an alert that is still open is published again by itself, and has another chance then",
    ),
}  # fmt: skip


class _Said(msgspec.Struct, gc=False):
    """What the value says, right or wrong."""

    ts: Any = None
    epoch: Any = None
    seq: Any = None
    entry: Any = msgspec.UNSET


_said = msgspec.json.Decoder(_Said).decode


def _read(value: bytes) -> _Said:
    try:
        return _said(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Said()


def obstacle(letter: Letter, now: float) -> str:
    """Why `letter` cannot be sent again at `now` (epoch seconds); "" when it can."""
    headers = letter.headers
    if headers is None:
        return "its headers are not the monitor's: where it came from is unknown"
    if headers.truncated_from is not None:
        return f"only {len(letter.value):,} of its {headers.truncated_from:,} bytes were kept"
    if headers.source_topic not in INPUTS:
        return f"it came from {headers.source_topic!r:.40}, which no agent writes"
    said = _read(letter.value)
    if headers.source_topic == ENTRIES and said.entry is not msgspec.UNSET:
        # it has no (epoch, seq): sent twice it would be counted twice
        return "it is an operator's entry in an account, which the monitor cannot know again; issue it anew, once"
    if never := EXPLAINED[headers.reason].never:
        return never
    if len(letter.key) + len(letter.value) > ROOM:
        return "it is larger than its topic takes"
    if isinstance(said.ts, int | float) and now < said.ts < END_OF_TIME:
        # the monitor takes up to 10 minutes ahead, and drawdown would not be seen in what comes late because of it
        return f"its time comes in {math.ceil(said.ts - now):,} s; before that it would make the agent's live events late"
    return ""


def far_behind(letters: Sequence[Letter]) -> list[Letter]:
    """Those that lie so far behind another of their agent that the monitor drops them as duplicates once it has that one."""
    newest: dict[tuple[str, bytes, int], int] = {}
    placed = []
    for letter in letters:
        said = _read(letter.value)
        if type(said.epoch) is int and type(said.seq) is int:
            agent = (letter.source[0], letter.key, said.epoch)
            newest[agent] = max(said.seq, newest.get(agent, said.seq))
            placed.append((letter, agent, said.seq))
    return [letter for letter, agent, seq in placed if newest[agent] - seq >= WIDTH]


def printable(data: bytes, limit: int) -> str:
    """Bytes of a stranger as text that a terminal can be shown: what does not print is escaped."""
    text = data[:limit].decode("utf-8", "surrogateescape")
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    if "\udc80" <= char <= "\udcff":
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode()
