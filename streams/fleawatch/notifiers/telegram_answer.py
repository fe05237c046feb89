"""What an answer of the Bot API means: https://core.telegram.org/bots/api#making-requests."""

import re
from dataclasses import dataclass, replace
from typing import Any

import orjson

from fleawatch.notifiers.post import Answer
from fleawatch.notifiers.retry import Attempt, Outcome, told_wait

CHAT = re.compile(r"-?[0-9]{1,20}\Z|@[A-Za-z0-9_]{1,64}\Z")
_REFUSALS = frozenset({400, 401, 403, 404, 413})
# Descriptions of 400, which have no codes of their own.
_GONE = (
    "message to edit not found",
    "message can't be edited",
    "message_id_invalid",
    "no text in the message to edit",
)
_UNPARSED = ("can't parse entities", "button_data_invalid", "can't parse inline keyboard", "reply markup")
_SAME = "message is not modified"
_NO_THREAD = "message thread not found"


@dataclass(frozen=True, slots=True)
class Meaning:
    """`chat`: the chat's new id. `no_thread`: the topic is no longer there."""

    attempt: Attempt
    chat: str | None = None
    no_thread: bool = False


def ref_of(chat_id: object, message_id: object) -> str:
    """A message's reference in the delivery log: `chat:message`, both as the Bot API numbers them."""
    return f"{chat_id}:{message_id}"


def read_ref(ref: str | None) -> tuple[str, int] | None:
    """None where it is not one of this channel's."""
    chat, _, message_id = (ref or "").rpartition(":")
    return (chat, int(message_id)) if CHAT.match(chat) and re.fullmatch(r"[0-9]{1,18}", message_id) else None


def classify(answer: Answer) -> Meaning:
    """Only Telegram's own JSON can refuse or confirm. Anything else (a proxy's page, a redirect, `ok` without a status of
    200) proves nothing, so the message is sent again.
    """
    try:
        said: Any = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        said = None
    header = answer.headers.get("retry-after")
    if not isinstance(said, dict) or not isinstance(said.get("ok"), bool):
        if answer.status == 429:
            return Meaning(Attempt(Outcome.RETRY_AFTER, "status 429", told_wait(header)))
        return Meaning(Attempt(Outcome.RETRY, f"status {answer.status}, not an answer of the Bot API"))
    if said["ok"]:
        if answer.status == 200:
            return Meaning(Attempt(Outcome.DELIVERED, ref=_sent(said.get("result"))))
        return Meaning(Attempt(Outcome.RETRY, f"ok with status {answer.status}"))
    parameters = said["parameters"] if isinstance(said.get("parameters"), dict) else {}
    code = said["error_code"] if type(said.get("error_code")) is int else answer.status
    why = f"{code} {said.get('description', '')}"
    if code == 429:
        wait = told_wait(parameters.get("retry_after"))
        return Meaning(
            Attempt(Outcome.RETRY_AFTER, why, wait if header is None else max(wait, told_wait(header)))
        )
    if code == 400:
        return _bad_request(why, _chat(parameters.get("migrate_to_chat_id")))
    return Meaning(Attempt(Outcome.REFUSED if code in _REFUSALS else Outcome.RETRY, why))


def _bad_request(why: str, new_chat: str | None) -> Meaning:
    text = why.lower()
    attempt = Attempt(Outcome.REFUSED, why)
    if new_chat is not None:
        return Meaning(replace(attempt, outcome=Outcome.MIGRATED), chat=new_chat)
    if _NO_THREAD in text:
        return Meaning(replace(attempt, outcome=Outcome.MIGRATED), no_thread=True)
    if _SAME in text:  # what an earlier attempt has done, whose answer was lost
        return Meaning(Attempt(Outcome.DELIVERED))
    if any(words in text for words in _GONE):
        return Meaning(replace(attempt, outcome=Outcome.REF_GONE))
    if any(words in text for words in _UNPARSED):
        return Meaning(replace(attempt, outcome=Outcome.UNPARSED))
    return Meaning(attempt)


def _sent(result: object) -> str | None:
    """The reference of the message in a result."""
    if not isinstance(result, dict) or not isinstance(chat := result.get("chat"), dict):
        return None
    ref = ref_of(chat.get("id"), result.get("message_id"))
    return ref if read_ref(ref) else None


def _chat(value: object) -> str | None:
    known = not isinstance(value, bool) and isinstance(value, int | str) and CHAT.match(str(value))
    return str(value) if known else None
