"""The buttons under a Telegram message, and what comes back when one is pressed. The notifier shows them, the bot acts on them.

A button's data is `verb:id`; verbs and ids are short because Telegram takes 1 to 64 bytes
(https://core.telegram.org/bots/api#inlinekeyboardbutton, `callback_data`). An agent's id alone can have 64, so a button
names an alert, by its id, and the bot finds the agent. A button is no proof of anything: clients can send any data, so who
pressed is checked by the bot.
"""

import re
from typing import Literal, NamedTuple, TypedDict, get_args

DATA_LIMIT_BYTES = 64
Verb = Literal["ack", "silence", "pause"]
VERBS: tuple[Verb, ...] = get_args(Verb)
SILENCE_SECS = 3600.0
MESSAGE = "message"
"""In an id's place: all alerts that the message tells of, by its `message_ref` in the delivery log."""
_DATA = re.compile(rf"({'|'.join(VERBS)}):([0-9a-f]{{16}}|{MESSAGE})\Z")
_WORDS: dict[Verb, str] = {"ack": "Acknowledge", "silence": "Silence 1 h", "pause": "Pause"}


class Press(NamedTuple):
    """`alert_id` may be MESSAGE."""

    verb: Verb
    alert_id: str


class Button(TypedDict):
    """Telegram's InlineKeyboardButton."""

    text: str
    callback_data: str


def data(press: Press) -> str:
    return f"{press.verb}:{press.alert_id}"


def read(text: str) -> Press | None:
    """None: not one of ours, or of a later release.

    >>> read("ack:0b7d11aa93fe2c64"), read("ack:me")
    (Press(verb='ack', alert_id='0b7d11aa93fe2c64'), None)
    """
    found = _DATA.match(text)
    return Press(next(verb for verb in VERBS if verb == found[1]), found[2]) if found else None


def keyboard(alert_id: str, *, acknowledged: bool = False, agent: bool = True) -> list[list[Button]]:
    """Telegram's `inline_keyboard` under an open alert, or under all of a message (`MESSAGE`); under a resolved one: none.

    `agent`: it is about one agent, that can be paused.
    """
    verbs: list[Verb] = ["silence"] if acknowledged else ["ack", "silence"]
    if agent and alert_id != MESSAGE:
        verbs.append("pause")
    return [[{"text": _WORDS[verb], "callback_data": data(Press(verb, alert_id))} for verb in verbs]]
