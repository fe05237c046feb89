"""Brings the registry's rules to the states: at restore, and when they change on a running worker."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from faust.types import TP

from fleawatch.agents.inputs import address
from fleawatch.agents.registration import Registration
from fleawatch.agents.telemetry import count_outputs
from fleawatch.core.alerts import Cause, settle
from fleawatch.core.registry import Registry
from fleawatch.core.rules import Rules
from fleawatch.engine.app import BatchApp
from fleawatch.engine.table import WriteBehindTable
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry

SLICE = 500  # states between two looks at what else is to be done


class RuleKeeper:
    """Every state in memory has its agent's rules; alerts that by them never held are resolved, by the partition's owner.

    Rules reach a state at once. Alerts are resolved when the partition is owned and its stream runs: a change in the middle of
    a rebalance is settled behind it.
    """

    def __init__(
        self,
        app: BatchApp,
        settings: Settings,
        telemetry: Telemetry,
        registry: Registry,
        *,
        registration: Registration,
        clock: Callable[[], float],
    ) -> None:
        self._app = app
        self._settings = settings
        self._telemetry = telemetry
        self._registry = registry
        self._registration = registration
        self._clock = clock
        self._tables: dict[str, WriteBehindTable] = {}
        self._unsettled: dict[tuple[str, int], set[bytes]] = {}

    def rules_of(self, agent_id: str) -> Rules:
        """For an agent's first event in an input topic."""
        self._registration.saw(agent_id)
        return self._registry.rules_of(agent_id)

    def keep(self, tables: Mapping[str, WriteBehindTable]) -> None:
        """Look after the states of these tables, by the short names of their input topics."""
        self._tables = dict(tables)
        for topic, table in tables.items():
            table.on_loaded = partial(self._loaded, topic)

    def _loaded(self, topic: str, partition: int, states: dict[bytes, Any]) -> None:
        for state in states.values():
            state.use(self.rules_of(state.agent_id))
        self._unsettled[topic, partition] = {key for key, state in states.items() if state.alerts}

    async def changed(self, agents: Collection[str] | None) -> None:
        """Other rules may hold for `agents` (None: for all): their states get them, and alerts are settled."""
        for topic, table in self._tables.items():
            for partition in table.held():
                if not table.holds(partition):
                    continue  # a rebalance came in another's turn
                states = table.states(partition)
                keys = (
                    list(states)
                    if agents is None
                    else [key for key in map(str.encode, agents) if key in states]
                )
                for start in range(0, len(keys), SLICE):
                    if start:
                        await asyncio.sleep(0)
                    self._use(topic, partition, states, keys[start : start + SLICE])
        self.settle()

    def _use(self, topic: str, partition: int, states: Mapping[bytes, Any], keys: Collection[bytes]) -> None:
        for key in keys:
            state = states.get(key)
            if state is None:
                continue
            rules = self._registry.rules_of(state.agent_id)
            if rules is not state.rules:
                state.use(rules)
                if state.alerts:
                    self._unsettled.setdefault((topic, partition), set()).add(key)

    def settle(self) -> None:
        """Resolve, in one step per partition, what no longer applies."""
        for topic, partition in list(self._unsettled):
            table = self._tables[topic]
            tp = TP(table.source_topic, partition)
            if not table.holds(partition):
                del self._unsettled[topic, partition]
            elif tp in self._app.owned(table.source_topic):
                self._settle(topic, tp, table, self._unsettled.pop((topic, partition)))

    def _settle(self, topic: str, tp: TP, table: WriteBehindTable, keys: Collection[bytes]) -> None:
        states = table.states(tp.partition)
        now = self._clock()
        for key in sorted(keys):
            state = states.get(key)
            if state is None:
                continue
            cause = Cause(topic, tp.partition, state.offset, state.epoch, state.seq, now)
            retired = self._registry.entry(state.agent_id).retired
            if outputs := settle(state, cause, "retired" if retired else "rule_changed"):
                table.dirty(tp.partition).add(key)
                self._app.outbox.put(tp, address(self._settings, tp, outputs))
                count_outputs(self._telemetry, outputs)
