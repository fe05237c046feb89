"""A scrape of a worker: its own registry, and the figures of the agents whose partitions it owns.

The figures of 1,000 agents are some 20,000 samples: through a collector of prometheus-client they would stand in the way
of alerts for a third of a second. So they are computed and rendered in slices, between which the event loop goes on.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from heapq import heappush, heapreplace

from prometheus_client import generate_latest

from fleawatch.agents.figures import Agent, fleet_samples
from fleawatch.engine.app import BatchApp
from fleawatch.engine.table import WriteBehindTable
from fleawatch.settings import Settings
from fleawatch.telemetry import AGENT, FLEET, AgentMetric, Telemetry
from fleawatch_schemas.wire import Metrics, Window
from fleawatch_schemas.wire_control import State

SLICE_SECS = 0.002
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_Lines = dict[str, list[str]]  # by metric


class Exposition:
    """Read at a scrape, kept nowhere: an agent's series end with the ownership of its partition."""

    def __init__(
        self,
        app: BatchApp,
        settings: Settings,
        telemetry: Telemetry,
        *,
        tables: tuple[WriteBehindTable, WriteBehindTable, WriteBehindTable],
        fleet: Callable[[Window], Metrics | None],
        control: Callable[[str], State | None],
        clock: Callable[[], float],
    ) -> None:
        """`tables`: of equity, trades and health. `fleet`: its figures, on the one worker that has it. `control`: what an
        agent shall do.
        """
        self._app = app
        self._prefix = settings.metrics_prefix
        self._window = settings.metrics_window
        self._limit = settings.metrics_max_agents
        self._equity_topic = settings.topic("equity")
        self._telemetry = telemetry
        self._tables = tables
        self._fleet = fleet
        self._control = control
        self._clock = clock
        self._scrape: asyncio.Task[bytes] | None = None

    async def text(self) -> bytes:
        """In Prometheus's text format. Who asks while a scrape is under way gets the same one."""
        if self._scrape is None or self._scrape.done():
            self._scrape = asyncio.create_task(self._text())
        return await asyncio.shield(self._scrape)

    async def _text(self) -> bytes:
        slices = Slices()
        chosen = await self._chosen(slices)
        by_partition: dict[int, _Lines] = {}
        ts = self._clock()
        for partition, key in chosen:
            if await slices.pause() and partition not in self._owned():
                continue
            lines = by_partition.setdefault(partition, {})
            for name, line in render(self._agent(partition, key), self._prefix, self._window, ts):
                lines.setdefault(name, []).append(line)
        owned = self._owned()
        parts = [self._own_metrics(slices)]
        for metric in AGENT:
            found = [
                lines[metric.name] for p, lines in by_partition.items() if p in owned and metric.name in lines
            ]
            if found:
                parts += [heading(metric, self._prefix), *("".join(lines) for lines in found)]
            await slices.pause()
        return "".join([*parts, *self._fleet_lines()]).encode()

    def _fleet_lines(self) -> Iterator[str]:
        metrics = self._fleet(self._window)
        samples = list(fleet_samples(metrics)) if metrics is not None else []
        for metric in FLEET:
            found = [sample for sample in samples if sample.name == metric.name]
            if found:
                yield heading(metric, self._prefix)
            for _, value, values in found:
                labels = _labels(metric.labels, values).removeprefix(",")
                yield f"{self._prefix}{metric.name}{f'{{{labels}}}' if labels else ''} {value}\n"

    def _owned(self) -> set[int]:
        return {tp.partition for tp in self._app.owned(self._equity_topic)}

    def _agent(self, partition: int, key: bytes) -> Agent:
        equity, trades, health = (
            table.states(partition).get(key) if table.holds(partition) else None for table in self._tables
        )
        agent_id = key.decode()
        return Agent(agent_id, equity, trades, health, self._control(agent_id))

    async def _chosen(self, slices: "Slices") -> list[tuple[int, bytes]]:
        """The agents to show: all, or the worst of them."""
        agents: list[tuple[int, bytes]] = []
        for partition in sorted(self._owned()):
            held = [table.states(partition) for table in self._tables if table.holds(partition)]
            agents += [(partition, key) for key in dict.fromkeys(key for states in held for key in states)]
            await slices.pause()
        self._telemetry.agents.set(len(agents))
        self._telemetry.left_out.set(max(0, len(agents) - self._limit))
        if len(agents) <= self._limit:
            return agents
        worst: list[tuple[tuple[int, int, float], bytes, int]] = []  # a heap: the least bad first
        for partition, key in agents if self._limit else ():
            await slices.pause()
            ranked = (self._agent(partition, key).badness(), key, partition)
            if len(worst) < self._limit:
                heappush(worst, ranked)
            elif ranked > worst[0]:
                heapreplace(worst, ranked)
        return [(partition, key) for _, key, partition in sorted(worst, reverse=True)]

    def _own_metrics(self, slices: "Slices") -> str:
        telemetry = self._telemetry
        telemetry.ready.set(0 if self._app.not_ready() or self._app.watchdog.reason else 1)
        telemetry.lag.clear()  # a partition that moved away has no lag here
        for tp, lag in self._app.lags().items():
            telemetry.lag.labels(tp.topic, tp.partition).set(lag)
        telemetry.scrape_seconds.set(slices.busy)
        telemetry.slice_seconds.set(slices.longest)
        return generate_latest(telemetry.registry).decode()


class Slices:
    """Work that lets others in every `SLICE_SECS`."""

    def __init__(self) -> None:
        self.busy = 0.0
        self.longest = 0.0
        self._began = time.perf_counter()

    async def pause(self) -> bool:
        """Whether others had their turn."""
        now = time.perf_counter()
        spent = now - self._began
        if spent < SLICE_SECS:
            return False
        self.busy += spent
        self.longest = max(self.longest, spent)
        await asyncio.sleep(0)
        self._began = time.perf_counter()
        return True


def heading(metric: AgentMetric, prefix: str) -> str:
    name = prefix + metric.name
    return f"# HELP {name} {metric.help} ({metric.unit})\n# TYPE {name} {metric.kind}\n"


def render(agent: Agent, prefix: str, window: Window, ts: float) -> Iterator[tuple[str, str]]:
    """(metric, its line) of every sample of `agent`."""
    first = f'agent_id="{agent.agent_id}"'
    for name, value, values in agent.samples(window, ts):
        labels = first + _labels(_LABELS[name], values) if values else first
        yield name, f"{prefix}{name}{{{labels}}} {value}\n"


def _labels(names: Iterable[str], values: Iterable[str]) -> str:
    return "".join(
        f',{name}="{value.translate(_ESCAPES)}"' for name, value in zip(names, values, strict=True)
    )


_LABELS = {metric.name: metric.labels for metric in AGENT}
