"""One agent per input topic: a batch in, its outputs out, in one step without awaiting."""

import time
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from faust.types import TP

from fleawatch.agents.refusals import Refusals
from fleawatch.agents.telemetry import count
from fleawatch.agents.workload import Workload
from fleawatch.core.outputs import Output
from fleawatch.core.pipeline import Pipeline
from fleawatch.engine.app import BatchApp
from fleawatch.engine.produce import Outgoing
from fleawatch.engine.table import State, WriteBehindTable
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry
from fleawatch_schemas.topics import TOPICS


class Follower(Protocol):
    """Is told whose state has changed."""

    def changed(self, partition: int, keys: Iterable[bytes]) -> None: ...


def add_input(
    app: BatchApp,
    settings: Settings,
    telemetry: Telemetry,
    followers: Sequence[Follower],
    refusals: Refusals,
    *,
    workload: Workload,
    topic: str,
    pipeline: Pipeline[Any, Any],
    state_type: type[State],
) -> WriteBehindTable:
    """Let `app` apply `pipeline` to the input `topic` (a short name); returns the table of its states."""
    source = settings.topic(topic)
    table = app.batch_table(topic, source, state_type, settings.partitions)
    channel = app.topic(
        source, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )

    async def consume(stream: Any) -> None:
        async for tp, records in app.batches(stream):
            touched: set[bytes] = set()
            began = time.perf_counter()
            applied = pipeline.apply(tp.partition, records, table.states(tp.partition), touched)
            took = time.perf_counter() - began
            table.dirty(tp.partition).update(touched)
            app.applied(tp, records, address(settings, tp, applied.outputs))
            workload.applied(tp, records[-1].timestamp, sum(applied.rejected.values()))
            for follower in followers:
                follower.changed(tp.partition, touched)
            if topic == "equity" and applied.rejected:
                refusals.note(tp.partition, applied.outputs)
            count(telemetry, topic, applied, took)

    consume.__doc__ = f"Applies {topic} events to the {topic} table."
    app.agent(channel, name=f"fleawatch-{topic}")(consume)
    return table


def address(settings: Settings, tp: TP, outputs: Iterable[Output]) -> list[Outgoing]:
    """With full topic names. What is keyed by an agent goes to the agent's partition, which its input came from."""
    return [
        Outgoing(
            settings.topic(output.topic),
            output.key,
            output.value,
            output.headers,
            tp.partition if TOPICS[output.topic].by_agent else None,
        )
        for output in outputs
    ]
