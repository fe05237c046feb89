"""Publishes open alerts again when no event does: of agents that have gone quiet, and of rules that are seldom judged."""

import asyncio
from collections.abc import Callable, Mapping

from faust.types import TP

from fleawatch.agents.inputs import address
from fleawatch.agents.liveness import Reading
from fleawatch.agents.telemetry import count_outputs
from fleawatch.core.alerts import Cause, repeat
from fleawatch.core.outputs import Output
from fleawatch.engine.app import BatchApp
from fleawatch.engine.table import WriteBehindTable
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry

SLICE = 50  # alerts: 30 µs each where one is said


class Repeater:
    """Looks at every state of the owned partitions; most have nothing open, which is one question.

    Only where a partition is read at its end: who is behind, or was suspended, does not know whether an alert is still open,
    and its silence says so. Nothing that is stored changes, so nothing has to be written or replayed.
    """

    def __init__(
        self, app: BatchApp, settings: Settings, telemetry: Telemetry, clock: Callable[[], float]
    ) -> None:
        self._app, self._settings, self._telemetry, self._clock = app, settings, telemetry, clock
        self._reading = Reading(app)

    async def look(self, tables: Mapping[str, WriteBehindTable]) -> None:
        """At `tables`, by the short names of their topics, in slices between which what else is to be done gets its turn."""
        owned = {topic: self._app.owned(table.source_topic) for topic, table in tables.items()}
        self._reading.keep_only([tp for tps in owned.values() for tp in tps])
        for topic, tps in owned.items():
            for tp in tps:
                await self._look(topic, tp, tables[topic])

    async def _look(self, topic: str, tp: TP, table: WriteBehindTable) -> None:
        now = self._clock()
        if not table.holds(tp.partition) or self._reading.since(tp, now) is None:
            return
        open_ones = [state for state in table.states(tp.partition).values() if state.watch]
        for start in range(0, len(open_ones), SLICE):
            await asyncio.sleep(0)
            if not table.holds(tp.partition):
                return  # a rebalance came in another's turn
            outputs: list[Output] = []
            for state in open_ones[start : start + SLICE]:
                outputs += repeat(
                    state, Cause(topic, tp.partition, state.offset, state.epoch, state.seq, now)
                )
            self._app.outbox.put(tp, address(self._settings, tp, outputs))
            count_outputs(self._telemetry, outputs)
        await asyncio.sleep(0)
