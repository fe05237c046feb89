"""Topic `notifications` as the notifiers read it: the kinds that concern them, by the contract in `fleawatch_schemas`."""

from typing import Literal

import msgspec
from msgspec import Struct

from fleawatch_schemas.wire import Status


class Delivery(Struct, frozen=True, gc=False, kw_only=True, tag="delivery", tag_field="kind"):
    """What a channel has said of an alert, or why it did not. `detail` of what was sent is `measure`'s."""

    channel: str
    alert_id: str
    status: Status
    outcome: Literal["sent", "failed", "suppressed"]
    attempts: int
    message_ref: str | None = None
    detail: str | None = None
    ts: float

    def key(self) -> bytes:
        return f"delivery|{self.channel}|{self.alert_id}|{self.status}".encode()


class Acknowledgement(Struct, frozen=True, gc=False, tag="ack", tag_field="kind"):
    """Somebody looks after an alert, or no longer does."""

    alert_id: str
    by: str
    ts: float
    note: str | None = None
    withdrawn: bool = False


class SilenceRecord(Struct, frozen=True, gc=False, tag="silence", tag_field="kind"):
    """From `ts` until `until_ts`."""

    silence_id: str
    matchers: dict[str, str]
    by: str
    ts: float
    until_ts: float
    comment: str | None = None
    maintenance: bool = False
    ended_by: str | None = None


Record = Delivery | Acknowledgement | SilenceRecord
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)
encode = msgspec.json.Encoder().encode


def read(raw: bytes) -> Record | None:
    """None: of a kind that does not concern us, or nothing that we can read."""
    try:
        return _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
