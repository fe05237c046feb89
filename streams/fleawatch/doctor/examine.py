"""All examinations, one after the other: what a later one needs and is not there ends them."""

import asyncio
import platform
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version

from aiokafka.errors import KafkaError

from fleawatch import __version__
from fleawatch.doctor.bot import bot
from fleawatch.doctor.channels import TO_PEOPLE, channels
from fleawatch.doctor.cluster import LAG_SECS, Cluster, Group, clock_difference, newest_equity
from fleawatch.doctor.findings import Finding
from fleawatch.doctor.obedience import answers, obedience
from fleawatch.doctor.protection import protection
from fleawatch.doctor.reach import reach
from fleawatch.errors import ConfigError, FleawatchError
from fleawatch.local.probe import probe
from fleawatch.operator.routes_file import routes_of
from fleawatch.settings import Settings
from fleawatch.top.glance import glance
from fleawatch.topics import Report, compare_topics
from fleawatch_schemas.partition import partition_for

ANSWER_SECS = 5.0
SKEW_SECS = 2.0  # agents' own are an alert from 5 s on
LAG = 1_000
QUIET_SECS = 30.0  # a monitor speaks every second while agents do
_PACKAGES = ("aiokafka", "faust-streaming", "numpy")


async def examine(servers: str, settings: Settings) -> AsyncIterator[Finding]:
    """From the ground up: broker, versions, topics, clock, workers, channels, agents."""
    began = time.monotonic()
    try:
        brokers = await probe(servers, ANSWER_SECS)
    except FleawatchError as exc:
        yield Finding("problem", "broker", str(exc), exc.hint)
        return
    took = time.monotonic() - began
    yield Finding("ok", "broker", f"Kafka at {servers}: {brokers} broker(s), answers in {1000 * took:.0f} ms")
    try:
        async with Cluster(servers, settings) as cluster:
            yield Finding("ok", "versions", await _versions(cluster))
            topics = list(_topics(await compare_topics(servers, settings, create=False)))
            for one in topics:
                yield one
            if any(one.level == "problem" for one in topics):
                return
            yield _clock(await clock_difference(servers, settings))
            groups = await cluster.groups([
                settings.app_id, *(f"{settings.app_id}-notify-{name}" for name in TO_PEOPLE)
            ])  # fmt: skip
            async for one in _workers(cluster, groups.get(settings.app_id)):
                yield one
            running = {
                name: groups[group].members
                for name in TO_PEOPLE
                if (group := f"{settings.app_id}-notify-{name}") in groups
            }
            for one in (*channels(settings, running), *await bot(settings)):
                yield one
            async for one in _agents(servers, settings, running):
                yield one
    except FleawatchError as exc:
        yield Finding("problem", "broker", str(exc), exc.hint)
    except (KafkaError, TimeoutError, OSError) as exc:
        yield Finding(
            "problem", "broker", f"Kafka did not answer: {str(exc) or type(exc).__name__}", "try again"
        )


async def _versions(cluster: Cluster) -> str:
    found = [f"fleawatch {__version__}", f"Python {platform.python_version()}"]
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"no {package}")
    broker = await cluster.version()
    return ", ".join([*found, f"Kafka {broker}"] if broker else found)


def _topics(report: Report) -> Iterator[Finding]:
    hint = (
        "missing: `fleawatch topics create`; wrong: `fleawatch topics check` shows all, nothing changes them"
    )
    for text in report.problems:
        yield Finding("problem", "topics", text, hint)
    if not report.problems:
        tuned = sum(bool(row.differences) for row in report.rows)
        yield Finding(
            "ok", "topics", f"{len(report.rows)} as they must be" + (f", {tuned} tuned" if tuned else "")
        )


def _clock(difference: float | None) -> Finding:
    if difference is None:
        return Finding("note", "clock", "not compared with the broker's: no event came while waiting for one")
    if abs(difference) > SKEW_SECS:
        which = "ahead of" if difference > 0 else "behind"
        return Finding("warning", "clock", f"the broker's clock is {abs(difference):.1f} s {which} this machine's",
                       "run NTP on both: liveness and staleness are judged by them")  # fmt: skip
    return Finding(
        "ok", "clock", f"the broker's agrees with this machine's within {max(0.1, abs(difference)):.1f} s"
    )


async def _workers(cluster: Cluster, group: Group | None) -> AsyncIterator[Finding]:
    if group is None or not group.members:
        yield Finding("problem", "workers", "no worker runs: nothing is watched", "`fleawatch worker`")
        return
    if group.state != "Stable":
        yield Finding("warning", "workers", f"{group.members} worker(s), the group is {group.state}: it is being shared out",
                      "look again in a minute")  # fmt: skip
    else:
        yield Finding("ok", "workers", f"{group.members} worker(s)")
    first = await cluster.lag()
    if max(first.values()) <= LAG:
        yield Finding("ok", "lag", ", ".join(f"{name} {lag}" for name, lag in first.items()))
        return
    await asyncio.sleep(LAG_SECS)
    for name, lag in (await cluster.lag()).items():
        if lag > LAG:
            falling = lag >= first[name]
            yield Finding(
                "problem" if falling else "warning", "lag",
                f"{name}: {lag:,} records behind, and {'not catching up' if falling else 'catching up'}",
                "more workers, up to one a partition; their logs say what holds them up",
            )  # fmt: skip


async def _agents(servers: str, settings: Settings, running: Mapping[str, int]) -> AsyncIterator[Finding]:
    floor = settings.liveness_floor_secs
    fleet, left_out = await glance(servers, settings)
    if left_out:
        yield Finding("warning", "agents", left_out, "look again")
    now = time.time()
    rows = {agent: row for agent, row in sorted(fleet.rows.items()) if not row.entry.retired}
    if not rows:
        yield Finding("note", "agents", "none has sent anything yet")
        return
    alive = any((row.age(now) or floor) < QUIET_SECS / 2 for row in rows.values())
    if alive and now - fleet.monitor_ts > QUIET_SECS:
        yield Finding("problem", "workers", "agents live, but no monitor has published anything for half a minute",
                      "look into the workers' logs")  # fmt: skip
    homes: dict[int, set[str]] = {}
    for agent in rows:
        homes.setdefault(partition_for(agent.encode(), settings.partitions), set()).add(agent)
    bases = await newest_equity(servers, settings, homes)
    found = [
        one
        for agent, row in rows.items()
        for one in protection(row, bases.get(agent), fleet.registry, now, floor)
    ]
    try:
        found += reach(
            rows, fleet.registry, routes_of(settings), [name for name, members in running.items() if members]
        )
    except ConfigError as exc:
        yield Finding("warning", "channels", f"whom alerts reach is not known: {exc}", exc.hint)
    for one in sorted(found, key=lambda one: (one.level != "problem", one.level != "warning", one.text)):
        yield one
    for one in obedience(rows, await answers(servers, settings), fleet.registry, settings):
        yield one
    lacking = {one.agent for one in found if one.level == "problem"}
    yield Finding(
        "ok", "agents", f"drawdown protection is effective for {len(rows) - len(lacking)} of {len(rows)}"
    )
