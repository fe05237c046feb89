"""Whatever arrives on an input topic, the worker goes on: bad input is in dead-letter with its reason, the state untouched."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from engine_app.log import read_all
from fleawatch.settings import Settings
from fleawatch_schemas.dead_letter import MAX_ORIGINAL_BYTES, DeadLetterHeaders
from fleawatch_schemas.reasons import Reason
from running import workers

AGENT = b"momentum-1"


def event(seq: int, equity: str = "100.0", **changed: object) -> bytes:
    fields = {
        "v": 1,
        "agent_id": AGENT.decode(),
        "epoch": 1,
        "seq": seq,
        "ts": time.time(),
        "equity": "EQUITY",
    }
    fields |= {"balance": 1.0, "open_positions": 0, **changed}
    return json.dumps(fields).replace('"EQUITY"', equity).encode()


HOSTILE: list[tuple[bytes | None, bytes | None, Reason]] = [
    (AGENT, event(2, "NaN"), Reason.NOT_FINITE),
    (AGENT, event(2, "-Infinity"), Reason.NOT_FINITE),
    (AGENT, event(2, "1e999"), Reason.NOT_FINITE),
    (AGENT, event(2, "true"), Reason.BAD_FIELD),
    (AGENT, event(2, '"abc"'), Reason.BAD_FIELD),
    (AGENT, event(2, "1e16"), Reason.OUT_OF_RANGE),
    (AGENT, event(2, "9" * 5000), Reason.OUT_OF_RANGE),
    (AGENT, event(2)[:-1] + b', "seq": 2}', Reason.DUPLICATE_KEY),
    (
        AGENT,
        event(2, deep=1).replace(b'"deep": 1', b'"deep": ' + b"[" * 200_000 + b"]" * 200_000),
        Reason.TOO_LARGE,
    ),
    (
        AGENT,
        event(2, deep=1).replace(b'"deep": 1', b'"deep": ' + b"[" * 20_000 + b"]" * 20_000),
        Reason.TOO_DEEP,
    ),
    (AGENT, event(2, v=2), Reason.WRONG_VERSION),
    (AGENT, event(2)[:40], Reason.NOT_JSON),
    (AGENT, b"\xff\xfe" + event(2), Reason.NOT_UTF8),
    (AGENT, b"null", Reason.NOT_AN_OBJECT),
    (AGENT, b"[]", Reason.NOT_AN_OBJECT),
    (AGENT, b"", Reason.NOT_JSON),
    (AGENT, None, Reason.NOT_JSON),
    (None, event(2), Reason.KEY_MISMATCH),
    (b"somebody-else", event(2), Reason.KEY_MISMATCH),
    (b"k" * 100_000, event(2), Reason.KEY_MISMATCH),
    (AGENT, event(2, ts=time.time() + 7200), Reason.FUTURE),
    (AGENT, event(2) + b" " * 300_000, Reason.TOO_LARGE),
    (AGENT, event(2) + b" " * 3_000_000, Reason.TOO_LARGE),  # compressed it is small: the broker takes it
]


@pytest.mark.broker
async def test_hostile_input_is_dead_lettered_and_changes_nothing(topics: Settings, tmp_path: Path) -> None:
    """Breaks when a record can stop the worker, is dropped without a trace, or is taken for another one's event."""
    source = topics.topic("equity")
    producer = AIOKafkaProducer(
        bootstrap_servers=topics.bootstrap_servers, compression_type="gzip", max_request_size=8_000_000
    )
    await producer.start()
    with workers(topics, 1, tmp_path) as fleet:
        try:
            await producer.send_and_wait(source, event(1), key=AGENT)
            for key, value, _ in HOSTILE:
                await producer.send_and_wait(source, value, key=key)
            await producer.send_and_wait(
                source, event(2, "50.0"), key=AGENT
            )  # a drop of half: it must be seen
        finally:
            await producer.stop()
        try:
            async with asyncio.timeout(60):
                while not (alerts := await values(topics, "alerts")):  # noqa: ASYNC110 -- another process answers
                    await asyncio.sleep(0.5)
        except TimeoutError:
            pytest.fail(fleet.logs())
        assert fleet.stop() == [0], fleet.logs()
    assert {alert["rule"] for alert in alerts} == {"drawdown_exceeded"}  # no gap, no second agent

    dead = await read_all(topics.bootstrap_servers, topics.topic("dead-letter"))
    letters = [
        (record, DeadLetterHeaders.decode(tuple(record.headers)))
        for records in dead.values()
        for record in records
    ]
    expected = sorted((reason, (value or b"")[:MAX_ORIGINAL_BYTES]) for _, value, reason in HOSTILE)
    assert sorted((headers.reason, record.value or b"") for record, headers in letters) == expected
    assert [headers.truncated_from for _, headers in letters if headers.truncated_from] == [
        len(HOSTILE[-1][1] or b"")
    ]


async def values(settings: Settings, topic: str) -> list[dict[str, object]]:
    found = await read_all(settings.bootstrap_servers, settings.topic(topic))
    told = [json.loads(record.value or b"") for records in found.values() for record in records]
    return [one for one in told if not one["agent_id"].startswith("_")]
