"""Dead letters seen and sent again by the commands that an operator types, with a worker running."""

import asyncio
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from core_records import Rec, unpacked
from engine_app.fleet import python
from engine_app.log import final_state, produce, wait_for_no_lag
from fleawatch.core.outputs import dead_letter
from fleawatch.core.trades import TradesState, figures
from fleawatch.settings import Settings
from fleawatch_schemas.partition import partition_for
from fleawatch_schemas.reasons import Reason, Rejected
from running import environment, workers

AHEAD = 600  # seconds that an event may be ahead


def trade(seq: int, ts: float, **changed: Any) -> tuple[bytes, bytes]:
    """Worth 10."""
    fields = {
        "v": 1, "agent_id": "momentum-1", "epoch": 1, "seq": seq, "ts": ts, "trade_id": f"t{seq}", "strategy": "trend",
        "asset": "BTC", "side": "buy", "size": 1.0, "entry_price": 100.0, "exit_price": 110.0, "entry_ts": 1.7e9,
        "exit_ts": 1.7e9 + 60,
    }  # fmt: skip
    return b"momentum-1", json.dumps(fields | changed).encode()


async def dlq(settings: Settings, *args: str) -> tuple[int, str]:
    """Exit code and all that was printed."""
    done = await asyncio.to_thread(
        subprocess.run,
        python("-m", "fleawatch.cli", "dlq", *args),
        env=environment(settings) | {"PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


async def listed(settings: Settings, *args: str) -> list[dict[str, Any]]:
    code, text = await dlq(settings, "ls", "--format", "json", *args)
    assert code == 0, text
    letters: list[dict[str, Any]] = json.loads(text)
    return letters


async def time_has_come(settings: Settings, event: tuple[bytes, bytes]) -> str:
    """A letter as the monitor wrote it when `event` was still too far ahead; a test cannot wait for 10 minutes. Its place."""
    key, value = event
    home = partition_for(key, settings.partitions)
    output = dead_letter("trades", home, Rec(1_000, 1, key, value), Rejected(Reason.FUTURE, "it was"))
    async with AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers) as producer:
        sent = await producer.send_and_wait(
            settings.topic("dead-letter"), output.value, output.key, headers=list(output.headers)
        )
    return f"{sent.partition}:{sent.offset}"


@pytest.mark.broker
async def test_retries_are_counted_once(topics: Settings, tmp_path: Path) -> None:
    """Breaks when a retry goes elsewhere than the original did, is counted again, or fails without being seen."""
    servers, source = topics.bootstrap_servers, topics.topic("trades")
    with workers(topics, 1, tmp_path) as fleet:
        now = time.time()
        await produce(
            servers,
            source,
            [
                trade(0, now),
                trade(1, now + AHEAD + 60),
                trade(2, now),
                trade(3, now, size=float("nan"), strategy="\x1b[31mred"),
                trade(4, now),
                trade(0, now - 60, epoch=0),
            ],
        )
        await wait_for_no_lag(servers, topics.app_id, [source], 60)
        letters = await listed(topics)
        assert [one["reason"] for one in letters] == ["stale_epoch", "not_finite", "future"]
        place = {one["reason"]: one["letter"] for one in letters}
        assert [one["letter"] for one in await listed(topics, "--reason", "future", "--since", "5m")] == [
            place["future"]
        ]
        assert await listed(topics, "--agent", "carry-2") == await listed(topics, "--topic", "health") == []
        code, text = await dlq(topics, "ls", "--agent", "momentum-1")
        assert code == 0
        assert "3 dead letters: " in text
        assert "not_finite 1" in text

        code, text = await dlq(topics, "show", place["not_finite"])
        assert code == 0
        assert "NaN or infinite" in text
        assert '"size": NaN' in text
        assert "\x1b" not in text

        code, text = await dlq(topics, "retry", place["future"], "--yes")
        assert code == 1
        assert f"not sent: {place['future']} future: its time comes in " in text
        come = await time_has_come(topics, trade(1, now))
        code, text = await dlq(topics, "retry", "--reason", "future", "--dry-run")
        assert (code, text.splitlines()[-1]) == (0, "would send 1")
        for _ in range(2):
            code, text = await dlq(topics, "retry", come, "--yes")
            assert code == 0, text
            assert "taken or dropped as duplicates 1, refused again 0" in text
        code, text = await dlq(topics, "retry", place["not_finite"], place["stale_epoch"], "--yes")
        assert code == 1
        assert "not sent: " + place["stale_epoch"] in text
        assert "sent 1: taken or dropped as duplicates 0, refused again 1" in text
        again = await listed(topics, "--reason", "not_finite")
        assert len(again) == 2
        assert f"refused again, now {again[0]['letter']}" in text
        assert fleet.stop() == [0], fleet.logs()

    changelog = await final_state(servers, f"{topics.app_id}-trades-changelog")
    (stored,) = [held for held in changelog.values() if held]
    state = unpacked(TradesState.unpack, b"momentum-1", stored)
    life = figures(state, "all", now)
    assert (life.count, life.net) == (4, 40.0)
    assert state.lost == 1  # the one with NaN: what is no JSON cannot say which it was


@pytest.mark.broker
async def test_what_is_no_whole_event_is_never_sent(topics: Settings) -> None:
    """A cut original, and letters that the monitor did not write; and a retry that no worker reads says so."""
    servers, topic = topics.bootstrap_servers, topics.topic("dead-letter")
    headers = {
        "reason": b"too_large", "detail": b"x", "source-topic": b"trades", "source-partition": b"0", "source-offset": b"3",
        "ts": b"1.0", "truncated-from": b"3000000",
    }  # fmt: skip
    good = headers | {"reason": b"future"}
    del good["truncated-from"]
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        for each in (headers, good | {"source-topic": b"commands"}, {"reason": b"future"}, good):
            await producer.send_and_wait(topic, b"{}", b"momentum-1", headers=list(each.items()))
    code, text = await dlq(topics, "retry", "0:0", "0:1", "0:2", "--yes")
    assert code == 1
    assert "only 2 of its 3,000,000 bytes were kept" in text
    assert "'commands', which no agent writes" in text
    assert "not the monitor's" in text
    assert "nothing to send" in text
    code, text = await dlq(topics, "retry", "0:3", "--yes", "--wait", "0")
    assert code == 0, text
    assert "not read by a worker within 0 s: 1" in text
    assert (await dlq(topics, "retry"))[0] == (await dlq(topics, "show", "0:9"))[0] == 2


class NotUtf8(str):
    """A header's name that no Python client would send."""

    __slots__ = ()

    def encode(self, *_: str) -> bytes:
        return b"\xff"


@pytest.mark.broker
async def test_a_header_that_the_client_cannot_read_hides_no_more_than_its_batch(topics: Settings) -> None:
    """Anybody who may write to the topic can send it; aiokafka raises UnicodeDecodeError wherever it meets one."""
    servers, topic = topics.bootstrap_servers, topics.topic("dead-letter")
    names = (["fine"], ["fine", NotUtf8()], ["fine"])
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        for last in (False, True):
            await producer.send_and_wait(topic, b"before")
            await producer.send_and_wait(topic, b"before")
            batch = producer.create_batch()
            builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, 0, 16_384)
            for index, each in enumerate(names):
                builder.append(index, 1_700_000_000_000, b"", b"in the batch", [(name, b"") for name in each])
            batch._builder, batch._relative_offset = builder, len(names)
            await (await producer.send_batch(batch, topic, partition=0))
            if not last:
                await producer.send_and_wait(topic, b"behind")

    code, text = await dlq(topics, "ls", "--format", "json")
    assert code == 0, text
    said, hint, rows = text.split("\n", 2)
    assert said.startswith("4 records, the first 0:3, cannot be read: a header's name is not UTF-8")
    assert hint.startswith("  hint: ")
    assert {one["letter"] for one in json.loads(rows)} == {f"0:{at}" for at in (0, 1, 2, 5, 6, 7, 8)}
    code, text = await dlq(topics, "retry", "--reason", "future")
    assert code == 0
    assert "the first 0:3" in text
    code, text = await dlq(topics, "show", "0:9")
    assert code == 2
    assert text.startswith("fleawatch: the record 0:9 cannot be read")
    assert "Traceback" not in text
    assert (await dlq(topics, "show", "0:8"))[0] == 0
