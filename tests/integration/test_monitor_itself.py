"""The monitor's word on itself, on a real broker: the watchdog and the calls outside, a slow worker, rejected events."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiokafka import AIOKafkaProducer

from engine_app.fleet import TESTS, Fleet, python
from engine_app.log import produce, read_all
from fleawatch.kit import AsyncEmitter
from fleawatch.notifiers.ping import ATTEMPTS
from fleawatch.settings import Settings
from running import environment, notifier, workers

pytestmark = pytest.mark.broker
BEAT = 1.0
SECRET = "/ping/0f2c9b7e-aaaa-bbbb-cccc-1234567890ab"


async def rules(settings: Settings, **changes: Any) -> None:
    """For the whole fleet, before the workers start; the watchdog beats once a second."""
    document = {
        "scope": "fleet", "version": 1, "by": "ops", "ts": time.time(),
        "rules": {"watchdog": {"parameters": {"heartbeat_secs": BEAT}}, **changes},
    }  # fmt: skip
    await produce(
        settings.bootstrap_servers, settings.topic("rules"), [(b"fleet", json.dumps(document).encode())]
    )


async def told(settings: Settings, rule: str) -> list[dict[str, Any]]:
    by_partition = await read_all(settings.bootstrap_servers, settings.topic("alerts"))
    found = [json.loads(r.value or b"") for records in by_partition.values() for r in records]
    return [one for one in found if (one["agent_id"], one["rule"]) == ("_monitor", rule)]


async def until(
    settings: Settings, rule: str, fits: Callable[[dict[str, Any]], bool], seconds: float, fleet: Fleet
) -> dict[str, Any]:
    try:
        async with asyncio.timeout(seconds):
            while True:
                for one in await told(settings, rule):
                    if fits(one):
                        return one
                await asyncio.sleep(0.2)
    except TimeoutError:
        pytest.fail(f"{[(a['status'], a['title']) for a in await told(settings, rule)]}\n{fleet.logs()}")


class Outside:
    """A service that is called as long as all is well."""

    def __init__(self) -> None:
        self.calls: list[float] = []
        self.sent_away = 0
        self.status = 200
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        assert (request.method, request.path) == ("GET", SECRET)
        if self.status == 200:
            self.calls.append(time.monotonic())
        else:
            self.sent_away += 1
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})

    async def called_after(self, moment: float, seconds: float, *fleets: Fleet) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not (self.calls and self.calls[-1] > moment):  # noqa: ASYNC110 -- another process calls
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pytest.fail(f"not called within {seconds} s\n" + "\n".join(fleet.logs() for fleet in fleets))


@asynccontextmanager
async def outside() -> AsyncIterator[Outside]:
    service = Outside()
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", service.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}{SECRET}"
    try:
        yield service
    finally:
        await runner.cleanup()


async def test_the_call_outside_ends_with_the_worker_and_with_the_notifier(
    topics: Settings, tmp_path: Path
) -> None:
    """At 1/30 of the time: the watchdog once a second, a call every 2 s; 90 s are 3 s here."""
    await rules(topics)
    async with outside() as service:
        with (
            workers(topics, 1, tmp_path) as monitor,
            notifier(topics, "ping", tmp_path, ping_url=service.url, ping_interval_secs="2") as calling,
        ):
            await service.called_after(0.0, 40, monitor, calling)
            await service.called_after(time.monotonic(), 5, monitor, calling)
            monitor.workers[0].kill()
            monitor.workers[0].wait()
            killed = time.monotonic()
            await asyncio.sleep(6)
            assert service.calls[-1] - killed < 3, "no watchdog, no call"
            monitor.kill(0)  # starts another
            await service.called_after(killed + 6, 40, monitor, calling)

            service.status = 302
            async with asyncio.timeout(40):
                while service.sent_away < ATTEMPTS:  # noqa: ASYNC110 -- another process calls
                    await asyncio.sleep(0.05)
            service.status = 200
            await service.called_after(time.monotonic(), 15, monitor, calling)
            assert calling.stop() == [0], calling.logs()
            stopped = time.monotonic()
            await asyncio.sleep(4)
            assert service.calls[-1] <= stopped
            assert monitor.stop() == [0], monitor.logs()
        log = calling.logs(1000)
        assert "HTTP 302" in log
        assert "answers again" in log
        assert SECRET.rpartition("/")[2] not in log
    gaps = [later - earlier for earlier, later in pairwise(service.calls)]
    assert min(gaps) > 1.0, "about once in the interval, not with every watchdog"


async def test_the_watchdog_goes_on_under_its_id_when_a_worker_dies(topics: Settings, tmp_path: Path) -> None:
    """One alert, not one of each worker; and whichever is killed, another goes on with it."""
    await rules(topics)
    with workers(topics, 2, tmp_path) as monitor:
        first = await until(topics, "watchdog", lambda _: True, 40, monitor)
        await asyncio.sleep(6)  # until both have their partitions
        for index in (0, 1):
            monitor.kill(index)
            killed = time.time()
            await until(topics, "watchdog", lambda one, since=killed: one["ts"] > since + 3, 40, monitor)  # type: ignore[misc] # mypy does not infer lambdas with defaults
        beats = await told(topics, "watchdog")
        assert monitor.stop()[0] == 0, monitor.logs()
    assert {one["alert_id"] for one in beats} == {first["alert_id"]}
    times = sorted({one["ts"] for one in beats})
    assert min(b - a for a, b in pairwise(times)) > 0.5 * BEAT
    # what a kill left uncommitted is said again, from one place on; two that beat would go back and forth
    back = [b for a, b in pairwise(beats) if b["source"]["offset"] <= a["source"]["offset"]]
    assert len(back) <= 2, "not once for each worker"


async def test_a_worker_that_is_too_slow_is_told_and_over_when_it_has_caught_up(
    topics: Settings, tmp_path: Path
) -> None:
    slow = tmp_path / "slow"
    directory = tmp_path / "workers"
    directory.mkdir()
    await rules(topics, monitor_behind={"threshold": 1.5, "for_secs": 1})
    env = environment(topics, data_dir=str(tmp_path / "made")) | {"SLOW": str(slow)}
    command = python(str(TESTS / "engine_app" / "slow_worker.py"), "worker")
    with Fleet(command, 1, directory, env) as monitor:
        async with busy(topics):
            await until(topics, "watchdog", lambda _: True, 40, monitor)
            await asyncio.sleep(5)
            assert await told(topics, "monitor_behind") == [], "under load, but in time"
            await asyncio.to_thread(slow.touch)
            fired = await until(topics, "monitor_behind", lambda one: one["status"] == "firing", 30, monitor)
            await asyncio.to_thread(slow.unlink)
            over = await until(topics, "monitor_behind", lambda one: one["status"] == "resolved", 30, monitor)
        assert monitor.stop() == [0], monitor.logs()
    assert fired["value"] > 1.5
    assert "records of partition" in fired["body"]
    assert over["alert_id"] == fired["alert_id"]


@asynccontextmanager
async def busy(settings: Settings) -> AsyncIterator[None]:
    """Eight agents that send their equity five times a second."""

    async def live(name: str) -> None:
        async with AsyncEmitter(name, settings, heartbeat_secs=1.0) as emitter:
            while True:
                await emitter.equity(1000.0, balance=1000.0, open_positions=0)
                await asyncio.sleep(0.2)

    lives = [asyncio.create_task(live(f"bot-{index}")) for index in range(8)]
    try:
        yield
    finally:
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)


async def test_a_storm_of_rejected_events_is_one_alert_with_two_workers(
    topics: Settings, tmp_path: Path
) -> None:
    await rules(topics, rejected_events={"threshold": 100, "for_secs": 2})
    with workers(topics, 2, tmp_path) as monitor:
        await until(topics, "watchdog", lambda _: True, 40, monitor)
        async with AIOKafkaProducer(bootstrap_servers=topics.bootstrap_servers) as producer:
            for _ in range(50):
                for index in range(8):
                    await producer.send(topics.topic("equity"), b'{"v": 1, "eq', key=f"bot-{index}".encode())
                await asyncio.sleep(0.1)
        fired = await until(topics, "rejected_events", lambda one: one["status"] == "firing", 30, monitor)
        await asyncio.sleep(5)
        found = await told(topics, "rejected_events")
        assert monitor.stop() == [0, 0], monitor.logs()
    assert fired["value"] > 100
    assert {one["alert_id"] for one in found} == {fired["alert_id"]}
    assert len(found) == 1
