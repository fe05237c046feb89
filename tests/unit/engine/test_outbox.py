"""Outputs: in order, bounded, and never forgotten when they fail."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any

import pytest
from faust.types import TP

from fleawatch.engine.outbox import MAX_UNACKED, Outbox
from fleawatch.engine.produce import Outgoing

P0, P1 = TP("topic", 0), TP("topic", 1)


class Broker:
    """Takes records at once and acknowledges them when told to."""

    def __init__(self) -> None:
        self.taken: list[bytes | None] = []
        self.acks: list[asyncio.Future[Any]] = []
        self.refusing: Exception | None = None
        self.errors: list[BaseException] = []

    async def send(self, outputs: Sequence[Outgoing]) -> list[Awaitable[Any]]:
        if self.refusing is not None:
            raise self.refusing
        await asyncio.sleep(0)
        self.taken += [output.value for output in outputs]
        acks = [asyncio.get_running_loop().create_future() for _ in outputs]
        self.acks += acks
        return list(acks)

    async def on_error(self, exc: BaseException) -> None:
        self.errors.append(exc)

    def acknowledge(self) -> None:
        for ack in self.acks:
            if not ack.done():
                ack.set_result(None)


def outputs(*values: int) -> list[Outgoing]:
    return [Outgoing("out", b"key", b"%d" % value) for value in values]


async def turn() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
async def outbox(broker: Broker) -> AsyncIterator[Outbox]:
    outbox = Outbox(broker.send, broker.on_error)
    pump = asyncio.create_task(outbox.pump())
    yield outbox
    pump.cancel()
    await asyncio.gather(pump, return_exceptions=True)


async def test_sent_in_the_order_of_put(broker: Broker, outbox: Outbox) -> None:
    """Breaks when each put is sent by a task of its own: "resolved" could overtake "firing"."""
    for value in range(0, 40, 2):
        outbox.put(P0 if value % 4 else P1, outputs(value, value + 1))
    await asyncio.sleep(0.05)
    assert broker.taken == [b"%d" % value for value in range(40)]


async def test_known_in_the_step_in_which_they_are_put(outbox: Outbox) -> None:
    """Breaks when put awaits: a barrier in between would commit without them."""
    outbox.put(P0, outputs(1))
    outbox.put(P1, outputs(2))
    outbox.put(P1, [])
    assert [len(outbox.unacked(tp)) for tp in (P0, P1, None)] == [1, 1, 0]


async def test_acknowledged_ones_are_forgotten(broker: Broker, outbox: Outbox) -> None:
    outbox.put(P0, outputs(1, 2))
    await turn()
    broker.acks[0].set_result(None)
    await turn()
    assert len(outbox.unacked(P0)) == 1  # both of one put, or none
    broker.acknowledge()
    await turn()
    assert outbox.unacked(P0) == []


async def test_a_failed_one_stays(broker: Broker, outbox: Outbox) -> None:
    """Breaks when a failed future is discarded: the next barrier would commit past the lost output."""
    outbox.put(P0, outputs(1))
    await turn()
    broker.acks[0].set_exception(RuntimeError("rejected"))
    await turn()
    for _ in range(2):
        (failed,) = outbox.unacked(P0)
        with pytest.raises(RuntimeError, match="rejected"):
            await failed
    assert [str(error) for error in broker.errors] == ["rejected"]


async def test_a_send_that_raises_stops_the_pump(broker: Broker, outbox: Outbox) -> None:
    """Breaks when the pump goes on: what follows would be out while what failed is not."""
    broker.refusing = RuntimeError("too large")
    outbox.put(P0, outputs(1))
    await turn()
    broker.refusing = None
    outbox.put(P0, outputs(2))
    await turn()
    assert broker.taken == []
    assert [str(error) for error in broker.errors] == ["too large"]
    assert len(outbox.unacked(P0)) == 2


async def test_a_producer_that_closes_fails_what_is_under_way(broker: Broker, outbox: Outbox) -> None:
    """Breaks when a cancelled acknowledgement leaves the future pending: the last barrier would wait for ever."""
    outbox.put(P0, outputs(1))
    await turn()
    broker.acks[0].cancel()
    await turn()
    with pytest.raises(ConnectionError):
        await outbox.unacked(P0)[0]


async def test_agents_wait_while_too_much_is_under_way(broker: Broker, outbox: Outbox) -> None:
    """Breaks without backpressure: an absent broker would fill the memory."""
    for value in range(MAX_UNACKED):
        outbox.put(P0, outputs(value))
    waiting = asyncio.create_task(outbox.room())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    broker.acknowledge()
    await asyncio.wait_for(waiting, 10)
