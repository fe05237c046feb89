"""The way from memory to Kafka by way of the disk, with a connection that lands flights when it is told to."""

import asyncio
import shutil
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest

from fleawatch.kit import courier
from fleawatch.kit.courier import Courier
from fleawatch.kit.lane import Lane
from fleawatch.kit.link import Link
from fleawatch.kit.segment import Item
from fleawatch.kit.spool import Spool
from fleawatch_schemas.codec import decode_equity
from fleawatch_schemas.wire import Equity, Health, Trade, encode


class Gate:
    """A `Link` that holds every flight until it is open."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.landed: list[Item] = []

    async def carry(
        self, flight: Sequence[Item], landed: Callable[[int, int], None], refused: object
    ) -> None:
        await self.open.wait()
        self.landed += flight
        for item in flight:
            landed(item.topic, 1)

    async def close(self) -> None:
        pass


def equity(seq: int, epoch: int = 1) -> Item:
    return Item(0, encode(Equity(1, "bot", epoch, seq, 1.0, 1.0, 1.0, 0)))


def trade(seq: int) -> Item:
    return Item(1, encode(Trade(1, "bot", 1, seq, 2.0, "t", "s", "a", "buy", 1.0, 1.0, 1.0, 1.0, 2.0)))


def health(seq: int) -> Item:
    return Item(2, encode(Health(1, "bot", 1, seq, 1.0, "ok", 1.0, 10.0)))


class Bench:
    """A courier over a folder."""

    def __init__(self, folder: Path, limit: int = 1 << 20) -> None:
        self.folder = folder
        self.inbox: deque[tuple[int, bytes]] = deque()
        self.lanes = [Lane(), Lane(), Lane()]
        self.gate = Gate()
        self.courier = Courier(self.inbox, self.lanes, cast("Link", self.gate), limit)

    async def start(self) -> None:
        await self.courier.start(lambda: Spool(self.folder, 1), "disk")

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - of counters, which tell nobody
                await asyncio.sleep(0.01)

    def seqs(self) -> list[int]:
        return [decode_equity(item.raw).seq for item in self.gate.landed]


async def test_everything_lands_in_order_whether_it_went_by_disk_or_not(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.start()
    for seq in range(3_000):
        if seq == 1_500:
            bench.gate.open.set()
        bench.inbox.append(equity(seq))
        if seq % 100 == 0:
            await asyncio.sleep(0.01)
    await bench.until(lambda: bench.courier.waiting_events == 0)
    assert bench.seqs() == list(range(3_000))
    assert bench.courier.spilled > 0
    assert await bench.courier.finish(1.0) == 0
    assert not await asyncio.to_thread(lambda: list(tmp_path.iterdir()))


async def test_a_disk_that_fails_ends_neither_delivery_nor_order(tmp_path: Path) -> None:
    """What was on it is lost with it; what comes after is delivered from memory."""
    bench = Bench(tmp_path / "spill")
    await bench.start()
    for seq in range(10):
        bench.inbox.append(equity(seq))
    await bench.until(lambda: bench.courier.spilled == 10)
    shutil.rmtree(tmp_path / "spill")
    bench.gate.open.set()
    await bench.until(lambda: bool(bench.courier.disk_trouble))
    for seq in range(10, 20):
        bench.inbox.append(equity(seq))
    await bench.until(lambda: bench.lanes[0].delivered >= 20)
    assert bench.seqs() == list(range(20))
    assert await bench.courier.finish(1.0) == 0


async def test_a_full_spill_refuses_heartbeats_first_and_trades_last(tmp_path: Path) -> None:
    bench = Bench(tmp_path, limit=60_000)
    await bench.start()
    for seq in range(300):
        bench.inbox.extend((equity(seq), trade(seq), health(seq)))
        await asyncio.sleep(0.002)
    await bench.until(lambda: not bench.inbox)
    dropped = [lane.dropped for lane in bench.lanes]
    assert 0 < dropped[1] < dropped[0] < dropped[2]
    assert bench.courier.waiting_events == 900 - sum(dropped)
    bench.gate.open.set()
    await bench.until(lambda: bench.courier.waiting_events == 0)
    assert sum(lane.delivered for lane in bench.lanes) == 900 - sum(dropped)
    bench.inbox.append(health(300))
    await bench.until(lambda: bench.lanes[2].delivered == 301 - dropped[2])
    await bench.courier.finish(1.0)


async def test_memory_is_bounded_where_there_is_no_disk(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.courier.start(None, "disk")
    for seq in range(courier.MEMORY_EVENTS + courier.FLIGHT_EVENTS + 100):
        bench.inbox.append(trade(seq))
    await bench.until(lambda: not bench.inbox)
    assert bench.lanes[1].dropped >= 100
    assert bench.courier.waiting_events <= courier.MEMORY_EVENTS + courier.FLIGHT_EVENTS
    assert await bench.courier.finish(0.0) == bench.courier.waiting_events


async def test_on_a_full_disk_what_a_killed_process_left_still_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Would leave the events of the process before on disk, to come after this one's, when nobody takes them any more."""
    before = Spool(tmp_path, 1)
    before.append([equity(0), equity(1)])
    before.note_newest([equity(7)])
    before.close(in_order=False)  # as if killed

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.write", full)
    bench = Bench(tmp_path)
    bench.inbox.append(equity(0, epoch=2))
    await bench.start()
    bench.gate.open.set()
    await bench.until(lambda: bench.courier.waiting_events == 0)
    landed = [decode_equity(item.raw) for item in bench.gate.landed]
    assert [(one.epoch, one.seq) for one in landed] == [(1, 0), (1, 1), (1, 7), (2, 0)]
    await bench.courier.finish(1.0)
