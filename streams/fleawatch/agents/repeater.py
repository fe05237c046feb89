"""Publishes open alerts again when no event does: of agents that have gone quiet, and of rules that are seldom judged."""

import asyncio
from collections.abc import Callable, Mapping

from faust.types import TP

from fleawatch.agents.inputs import address
from fleawatch.agents.telemetry import count_outputs
from fleawatch.core.alerts import Cause, repeat
from fleawatch.engine.app import BatchApp
from fleawatch.engine.table import WriteBehindTable
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry


class Repeater:
    """Looks at every state of the owned partitions; most have nothing open, which is one question."""

    def __init__(
        self, app: BatchApp, settings: Settings, telemetry: Telemetry, clock: Callable[[], float]
    ) -> None:
        self._app, self._settings, self._telemetry, self._clock = app, settings, telemetry, clock

    async def look(self, tables: Mapping[str, WriteBehindTable]) -> None:
        """At `tables`, by the short names of their topics. What else is to be done gets its turn between partitions."""
        for topic, table in tables.items():
            for tp in self._app.owned(table.source_topic):
                if table.holds(tp.partition):
                    self._repeat(topic, tp, table)
                await asyncio.sleep(0)

    def _repeat(self, topic: str, tp: TP, table: WriteBehindTable) -> None:
        now = self._clock()
        for key, state in table.states(tp.partition).items():
            if not state.watch:
                continue
            cause = Cause(topic, tp.partition, state.offset, state.epoch, state.seq, now)
            if outputs := repeat(state, cause):
                table.dirty(tp.partition).add(key)
                self._app.outbox.put(tp, address(self._settings, tp, outputs))
                count_outputs(self._telemetry, outputs)
