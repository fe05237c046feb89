"""What a message says of an agent's last day, read from a real broker; and never for longer than a second."""

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from conftest import Kafka
from fleawatch.notifiers import equity_history
from fleawatch.notifiers.equity_history import EquityHistory
from fleawatch.settings import Settings
from fleawatch_schemas.partition import partition_for
from fleawatch_schemas.wire import Equity, encode

PARTITIONS = 2


def equity(agent: str, number: int, amount: float) -> bytes:
    return encode(
        Equity(v=1, agent_id=agent, epoch=1, seq=number, ts=1e9 + 30.0 * number, equity=amount, balance=amount,
          open_positions=0)
    )  # fmt: skip


@pytest.fixture
async def settings(kafka: Kafka) -> AsyncIterator[Settings]:
    prefix = f"test-{uuid4().hex[:8]}."
    found = Settings.load(bootstrap_servers=kafka.bootstrap, topic_prefix=prefix, partitions=PARTITIONS)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(found.topic("equity"), PARTITIONS, 1)])
    yield found
    await admin.delete_topics([found.topic("equity")])
    await admin.close()


@pytest.mark.broker
async def test_the_last_of_one_agent_among_many(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that hold little of it: breaks if the order of blocks is mixed up, or another agent's events are taken."""
    monkeypatch.setattr(equity_history, "SECS", 20.0)
    agents = [f"agent-{number}" for number in range(40)]
    async with AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers, linger_ms=20) as producer:
        for number in range(300):
            for agent in agents:
                amount = 10_000.0 + number if number < 299 else 8_000.0
                key = agent.encode()
                await producer.send(
                    settings.topic("equity"), equity(agent, number, amount), key=key,
                    partition=partition_for(key, PARTITIONS),
                )  # fmt: skip
            await producer.send(
                settings.topic("equity"), b"{}", key=b"agent-7", partition=number % PARTITIONS
            )
        await producer.flush()
    async with EquityHistory(settings) as history:
        for _ in range(2):
            look = await history.look("agent-7")
            assert look is not None
            assert look.words.startswith(
                "equity 10,000 2.5 h before, peak 10,298, now 8,000; last returns +0.01 %"
            )
            assert look.picture is not None
        assert await history.look("nobody") is None
        assert await history.look("_fleet") is None


async def test_a_broker_that_says_nothing_keeps_no_message() -> None:
    writers: list[asyncio.StreamWriter] = []

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, EquityHistory(Settings.load(bootstrap_servers=f"127.0.0.1:{port}")) as history:
        for _ in range(2):
            began = time.monotonic()
            assert await history.look("agent-7") is None
            assert time.monotonic() - began < 2 * equity_history.SECS
    assert writers
    for writer in writers:
        writer.close()
        await writer.wait_closed()


async def test_no_broker_keeps_no_message(caplog: pytest.LogCaptureFixture) -> None:
    async with EquityHistory(Settings.load(bootstrap_servers="127.0.0.1:1")) as history:
        assert await history.look("agent-7") is None
        assert await history.look("agent-7") is None
