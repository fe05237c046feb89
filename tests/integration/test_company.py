"""Fewer than two channels for what is critical: said by the one that finds itself alone."""

import contextlib
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer

from fleawatch.notifiers.company import say_if_alone
from fleawatch.settings import Settings


async def said(settings: Settings, name: str, caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    await say_if_alone(settings.bootstrap_servers, settings, name, after=0.0)
    return [record.getMessage() for record in caplog.records if record.name == "fleawatch.notifiers.company"]


@contextlib.asynccontextmanager
async def member(settings: Settings, channel: str) -> AsyncIterator[None]:
    """A notifier, as far as Kafka sees it."""
    consumer = AIOKafkaConsumer(
        settings.topic("alerts"), bootstrap_servers=settings.bootstrap_servers,
        group_id=f"{settings.app_id}-notify-{channel}",
    )  # fmt: skip
    await consumer.start()
    try:
        await consumer.getmany(timeout_ms=100)
        yield
    finally:
        await consumer.stop()


@pytest.mark.broker
async def test_a_notifier_that_is_alone_says_so(topics: Settings, caplog: pytest.LogCaptureFixture) -> None:
    async with member(topics, "telegram"):
        (line,) = await said(topics, "telegram", caplog)
        assert line.startswith("telegram: no other channel delivers CRITICAL alerts to people")
        assert await said(topics, "log", caplog) == []  # it calls nobody, so it is not asked
        async with member(topics, "sms"):
            assert await said(topics, "telegram", caplog) == []
        assert len(await said(topics, "telegram", caplog)) == 1
