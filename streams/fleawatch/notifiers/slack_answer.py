"""What an answer of Slack's means, of a webhook and of the Web API."""

from typing import Any

import orjson

from fleawatch.notifiers.post import Answer
from fleawatch.notifiers.retry import Attempt, Outcome, told_wait

# The webhook guide's "Handling errors": bad payloads 400, forbidden 403, unknown 404, archived channels 410.
_REFUSALS = frozenset({400, 401, 403, 404, 410, 413})
# Errors of chat.postMessage, chat.update and the files methods that a repeat may mend; all others are final.
_PASSING = frozenset(
    {"internal_error", "fatal_error", "request_timeout", "service_unavailable", "team_added_to_org"}
)
_PACED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"})


def of_webhook(answer: Answer) -> Attempt:
    """Slack says "ok" or one word in plain text: a page of HTML is somebody else's."""
    text = answer.body.decode("utf-8", "replace").strip()
    if answer.status == 429:
        return Attempt(Outcome.RETRY_AFTER, "429", told_wait(answer.headers.get("retry-after")))
    if answer.status == 200 and text == "ok":
        return Attempt(Outcome.DELIVERED)
    foreign = text.startswith("<") or "html" in answer.headers.get("content-type", "").lower()
    if answer.status in _REFUSALS and not foreign:
        return Attempt(Outcome.REFUSED, f"{answer.status} {text}")
    return Attempt(Outcome.RETRY, f"status {answer.status}, {'a page of HTML' if foreign else text}")


def of_api(answer: Answer) -> tuple[Attempt, dict[str, Any]]:
    """And the answer's fields. Only its own JSON can refuse or confirm."""
    try:
        said: Any = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        said = None
    if answer.status == 429:
        return Attempt(Outcome.RETRY_AFTER, "429", told_wait(answer.headers.get("retry-after"))), {}
    if answer.status != 200 or not isinstance(said, dict) or not isinstance(said.get("ok"), bool):
        return Attempt(Outcome.RETRY, f"status {answer.status}, not an answer of the Web API"), {}
    if said["ok"]:
        channel, ts = said.get("channel"), said.get("ts")
        ref = f"{channel}:{ts}" if isinstance(channel, str) and isinstance(ts, str) else None
        return Attempt(Outcome.DELIVERED, ref=ref), said
    error = str(said.get("error", ""))
    if error in _PACED:
        return Attempt(Outcome.RETRY_AFTER, error, told_wait(answer.headers.get("retry-after"))), {}
    if error in _GONE:
        return Attempt(Outcome.REF_GONE, error), {}
    return Attempt(Outcome.RETRY if error in _PASSING else Outcome.REFUSED, error), {}
