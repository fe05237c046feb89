"""Records of an equity topic that nobody can use, with the reason for which each is rejected; and with that of other topics."""

import json
import time
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

from fleawatch_schemas.reasons import Reason


def event(agent: bytes, seq: int, equity: str = "100.0", **changed: object) -> bytes:
    """An event of `agent` now; `equity` is its text in JSON."""
    fields = {
        "v": 1,
        "agent_id": agent.decode(),
        "epoch": 1,
        "seq": seq,
        "ts": time.time(),
        "equity": "EQUITY",
    }
    fields |= {"balance": 1.0, "open_positions": 0, **changed}
    return json.dumps(fields).replace('"EQUITY"', equity).encode()


def hostile(agent: bytes) -> list[tuple[bytes | None, bytes | None, Reason]]:
    """(key, value, reason) of each kind; some are large, and go over the wire compressed."""
    deep = event(agent, 2, deep=1)
    return [
        (agent, event(agent, 2, "NaN"), Reason.NOT_FINITE),
        (agent, event(agent, 2, "-Infinity"), Reason.NOT_FINITE),
        (agent, event(agent, 2, "1e999"), Reason.NOT_FINITE),
        (agent, event(agent, 2, "true"), Reason.BAD_FIELD),
        (agent, event(agent, 2, '"abc"'), Reason.BAD_FIELD),
        (agent, event(agent, 2, "1e16"), Reason.OUT_OF_RANGE),
        (agent, event(agent, 2, "9" * 5000), Reason.OUT_OF_RANGE),
        (agent, event(agent, 2)[:-1] + b', "seq": 2}', Reason.DUPLICATE_KEY),
        (agent, deep.replace(b'"deep": 1', b'"deep": ' + b"[" * 200_000 + b"]" * 200_000), Reason.TOO_LARGE),
        (agent, deep.replace(b'"deep": 1', b'"deep": ' + b"[" * 20_000 + b"]" * 20_000), Reason.TOO_DEEP),
        (agent, event(agent, 2, v=2), Reason.WRONG_VERSION),
        (agent, event(agent, 2)[:40], Reason.NOT_JSON),
        (agent, b"\xff\xfe" + event(agent, 2), Reason.NOT_UTF8),
        (agent, event(agent, 2, note="\ud800"), Reason.NOT_UTF8),
        (agent, b"null", Reason.NOT_AN_OBJECT),
        (agent, b"[]", Reason.NOT_AN_OBJECT),
        (agent, b"", Reason.NOT_JSON),
        (agent, None, Reason.NOT_JSON),
        (None, event(agent, 2), Reason.KEY_MISMATCH),
        (b"somebody-else", event(agent, 2), Reason.KEY_MISMATCH),
        (b"k" * 100_000, event(agent, 2), Reason.KEY_MISMATCH),
        (agent, event(agent, 2, ts=time.time() + 7200), Reason.FUTURE),
        (agent, event(agent, 2, ts=253_370_764_800), Reason.FUTURE),  # the year 9999
        (agent, event(agent, 2) + b" " * 300_000, Reason.TOO_LARGE),
        (
            agent,
            event(agent, 2) + b" " * 3_000_000,
            Reason.TOO_LARGE,
        ),  # compressed it is small: the broker takes it
    ]


def with_unreadable_header(data: bytes | bytearray) -> bytearray:
    """A batch, with the header name "zz" as bytes that are not UTF-8: Kafka takes any."""
    spoilt = bytearray(data).replace(b"zz", b"\xff\xfe")
    spoilt[17:21] = calc_crc32c(bytes(spoilt[21:])).to_bytes(4, "big")
    return spoilt


async def send_unreadable(
    producer: AIOKafkaProducer, topic: str, partition: int, records: Sequence[tuple[bytes, bytes]]
) -> None:
    """(key, value) as one batch; the second record has a header name that is not UTF-8. `producer` is not idempotent."""
    batch = producer.create_batch()
    for number, (key, value) in enumerate(records):
        headers = [("zz", b"x")] if number == 1 else []
        assert batch.append(key=key, value=value, timestamp=int(time.time() * 1000), headers=headers)
    made = with_unreadable_header(batch._build())
    batch._buffer = made
    await (await producer.send_batch(batch, topic, partition=partition))


def reason_on(topic: str, value: bytes | None, reason: Reason) -> Reason:
    """Why such a record is rejected on `topic`. Of an equity event others see that their own fields are missing, before they
    look at what it is worth, when it was or who sent it.
    """
    unseen = reason in {Reason.BAD_FIELD, Reason.OUT_OF_RANGE, Reason.KEY_MISMATCH, Reason.FUTURE}
    if topic != "equity" and (unseen or (value is not None and b": 1e999" in value)):
        return Reason.MISSING_FIELD
    return reason
