"""One run of the demo, with a broker that answers: topics, processes, stories, screen, and the end of it all."""

import asyncio
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import click

from fleawatch.local.demo.board import Board
from fleawatch.local.demo.feed import Feed
from fleawatch.local.demo.group import Group
from fleawatch.local.demo.processes import Child, ChildFailed, Children
from fleawatch.local.demo.roster import Profile
from fleawatch.local.demo.screen import Screen, screen_for
from fleawatch.local.demo.stories import Fault
from fleawatch.local.demo.summary import INPUTS, last_line, stories
from fleawatch.settings import Settings
from fleawatch.topics import ensure_topics

REFRESH_SECS = 0.25
READY_SECS = 120.0  # for the workers to share the partitions, and again for the first figures
SETTLE_SECS = 5.0  # at most, for the last alerts to reach the log
LIVENESS_FLOOR_SECS = 4.0  # the agents send a heartbeat every second


@dataclass(frozen=True, slots=True)
class Plan:
    settings: Settings  # of this run: servers, topic prefix, application id
    directory: Path
    profiles: tuple[Profile, ...]
    workers: int
    bars_per_second: float
    duration: float  # seconds after the first figures; 0: until it is stopped

    @property
    def notifications(self) -> Path:
        return self.directory / "notifications.txt"

    def environment(self) -> dict[str, str]:
        """What makes a child part of this run, and of no other on the same servers."""
        return {
            "FLEAWATCH_BOOTSTRAP_SERVERS": self.settings.bootstrap_servers,
            "FLEAWATCH_TOPIC_PREFIX": self.settings.topic_prefix,
            "FLEAWATCH_APP_ID": self.settings.app_id,
            "FLEAWATCH_DATA_DIR": str(self.directory),
            "FLEAWATCH_LIVENESS_FLOOR_SECS": str(LIVENESS_FLOOR_SECS),
            "FLEAWATCH_METRICS_PORT": "0",  # several processes cannot have one port
        }


class Run:
    def __init__(self, plan: Plan, began: float) -> None:
        """`began`: when the user started it, by the monotonic clock."""
        self._plan, self._began = plan, began
        self._board = Board()
        self._children = Children(plan.directory, plan.environment())
        self._agents: dict[str, Child] = {}
        self._over = asyncio.Event()

    async def run(self) -> list[str]:
        """Until its time is over or it is told to stop (SIGINT, SIGTERM, SIGHUP). Returns the lines of the summary.

        Raises:
            ChildFailed: a process ended although nobody had asked it to, or the monitor says nothing.
            BrokerUnavailable: Kafka does not answer.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._over.set)
        settings = self._plan.settings
        report = await ensure_topics(settings.bootstrap_servers, settings, create=True)
        partitions = {row.topic: row.partitions for row in report.rows}
        screen = screen_for(self._board, self._plan.profiles, self._began)
        try:
            await self._start_monitor()
            if not self._over.is_set():
                await self._start_agents()
            async with Feed(settings, partitions, self._board, screen.alert) as feed:
                with screen:
                    await self._watch(feed, screen)
                    screen.note("stopping")
                    await self._settle(feed)
                return await self._summary(feed)
        finally:
            await self._children.stop()

    async def _start_monitor(self) -> None:
        """Workers and notifier; returns when the workers have shared the partitions, so that no story is missed."""
        plan = self._plan
        click.echo(f"starting {plan.workers} worker(s), the log notifier, then {len(plan.profiles)} agents")
        for number in range(1, plan.workers + 1):
            await self._children.start(f"worker-{number}", "fleawatch.cli", "worker")
        await self._children.start("notify-log", "fleawatch.cli", "notify", "log", output=plan.notifications)
        deadline = time.monotonic() + READY_SECS
        async with Group(plan.settings.bootstrap_servers, plan.settings.app_id) as group:
            while not await group.settled(plan.workers) and time.monotonic() < deadline:
                if self._over.is_set():
                    return
                self._children.check()
                await asyncio.sleep(REFRESH_SECS)

    async def _start_agents(self) -> None:
        for number, profile in enumerate(self._plan.profiles):
            self._agents[profile.agent_id] = await self._children.start(
                profile.agent_id,
                "fleawatch.local.demo.agent",
                str(number),
                str(self._plan.bars_per_second),
                may_be_killed=True,
            )

    async def _watch(self, feed: Feed, screen: Screen) -> None:
        """Show what comes until it is over; make the crash happen."""
        started, ready = time.monotonic(), 0.0
        while not self._over.is_set():
            self._children.check()
            await feed.poll(REFRESH_SECS)
            now = time.monotonic()
            if not ready and any(row.ts for row in self._board.rows.values()):
                ready = now
                screen.note(f"ready: the first figures came back {now - self._began:.1f} s after the start")
            if ready:
                self._crash(now - ready, screen)
                if self._plan.duration and now - ready >= self._plan.duration:
                    return
            elif now - started > READY_SECS:
                raise ChildFailed(
                    f"no figures came from the monitor within {READY_SECS:.0f} s",
                    hint=f"its log: {self._plan.directory / 'worker-1.log'}",
                )
            screen.refresh()

    def _crash(self, seconds: float, screen: Screen) -> None:
        for profile in self._plan.profiles:
            story, child = profile.story, self._agents[profile.agent_id]
            if story is None or story.fault is not Fault.CRASH or child.expected_end:
                continue
            if seconds * self._plan.bars_per_second >= story.at_bar:
                child.signal(signal.SIGKILL)
                screen.note(f"{profile.agent_id} (process {child.process.pid}) was killed")

    async def _settle(self, feed: Feed) -> None:
        """Stop the agents; let what they sent last go all the way to the log."""
        await self._children.stop(list(self._agents.values()))
        stopped = time.monotonic()
        while (waited := time.monotonic() - stopped) < SETTLE_SECS:
            await feed.poll(REFRESH_SECS)
            if waited < self._plan.settings.commit_interval_secs + REFRESH_SECS:
                continue  # the workers' last outputs are still to come
            if await feed.at_end() and self._sent() >= len(self._board.transitions):
                return

    def _sent(self) -> int:
        return self._plan.notifications.read_bytes().count(b"\n")

    async def _summary(self, feed: Feed) -> list[str]:
        counts = await feed.counts([*INPUTS, "anomalies", "dead-letter"])
        return [*stories(self._plan.profiles, self._board), last_line(counts, self._board, self._sent())]
