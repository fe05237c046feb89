"""The owner of `fleet-partials` joins the partitions to the fleet, watches it, and publishes its figures."""

from typing import Any, cast

import msgspec
from faust.types import TP

from fleawatch.agents.telemetry import count_outputs
from fleawatch.core.alerts import Cause
from fleawatch.core.fleet import FLEET, PARTIALS, FleetState, FleetStates
from fleawatch.core.fleet_metrics import fleet_metrics
from fleawatch.core.fleet_rules import check_fleet, use_rules
from fleawatch.core.monitor import MONITOR
from fleawatch.core.outputs import Output, dead_letter
from fleawatch.core.registry import Registry
from fleawatch.engine.app import BatchApp
from fleawatch.engine.produce import Outgoing
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry
from fleawatch_schemas.partition import partition_for
from fleawatch_schemas.reasons import Reason, Rejected
from fleawatch_schemas.topics import TOPICS
from fleawatch_schemas.wire import Metrics, Window, encode
from fleawatch_schemas.wire_fleet import FleetPartial, decode_partial

KEY = FLEET.encode()
LONGER_EVERY = 10  # rounds: 24 hours and the life in each, the windows between them in each tenth


class FleetAgent:
    """One worker at a time has it: the topic has one partition, and the state is that partition's table."""

    def __init__(
        self, app: BatchApp, settings: Settings, telemetry: Telemetry, registry: Registry, states: FleetStates
    ) -> None:
        self._app, self._settings, self._telemetry, self._registry = app, settings, telemetry, registry
        self._states = states
        self._source = settings.topic(PARTIALS)
        self._table = app.batch_table("fleet", self._source, cast("Any", states), 1)
        self._home = partition_for(KEY, settings.partitions)
        self._rounds = 0
        self._published: tuple[int, int] | None = None
        channel = app.topic(
            self._source, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )

        async def consume(stream: Any) -> None:
            """Joins partials to the fleet's state."""
            async for tp, records in app.batches(stream):
                self._apply(tp, records)

        app.agent(channel, name="fleawatch-fleet")(consume)

    def publish(self) -> None:
        """Once a second, if something was joined since."""
        for tp in self._app.owned(self._source):
            st = self._table.states(tp.partition).get(KEY)
            if st is None or self._published == (st.done, st.offset):
                continue
            self._published = (st.done, st.offset)
            windows: tuple[Window, ...] = ("24h", "all")
            if self._rounds % LONGER_EVERY == 0:
                windows = ("24h", "7d", "30d", "all")
            self._rounds += 1
            made = [metrics for window in windows if (metrics := fleet_metrics(st, window)) is not None]
            topic = self._settings.topic("metrics")
            self._app.outbox.put(
                None,
                [
                    Outgoing(topic, f"{FLEET}|{each.window}".encode(), encode(each), (), self._home)
                    for each in made
                ],
            )

    def figures(self, window: Window) -> Metrics | None:
        """The fleet's figures now; None on a worker that does not have it."""
        for tp in self._app.owned(self._source):
            st = self._table.states(tp.partition).get(KEY)
            if st is not None:
                return fleet_metrics(st, window)
        return None

    def _apply(self, tp: TP, records: list[Any]) -> None:
        states = self._table.states(tp.partition)
        st = cast("FleetState | None", states.get(KEY))
        if st is None:
            st = states[KEY] = self._states.create()
        out: list[Output] = []
        use_rules(st, self._registry.rules_of(FLEET), self._registry.rules_of(MONITOR), out)
        for record in records:
            if record.offset <= st.offset:
                continue
            try:
                partial = _decode(record.value)
            except Rejected as why:
                out.append(dead_letter(PARTIALS, tp.partition, record, why))
            else:
                st.take(partial, record, out)
                check_fleet(st, record.offset, out)
                cause = Cause(PARTIALS, tp.partition, record.offset, 0, record.offset, st.clock)
                st.monitor.check(st.slots, st.partitions, cause, out)
            st.offset = record.offset
        self._table.dirty(tp.partition).add(KEY)
        self._app.applied(tp, records, [self._addressed(each) for each in out])
        self._telemetry.events.labels(PARTIALS, "applied").inc(len(records))
        count_outputs(self._telemetry, out)

    def _addressed(self, output: Output) -> Outgoing:
        by_agent = TOPICS[output.topic].by_agent
        partition = partition_for(output.key, self._settings.partitions) if by_agent else None
        return Outgoing(
            self._settings.topic(output.topic), output.key, output.value, output.headers, partition
        )


def _decode(value: bytes | None) -> FleetPartial:
    try:
        return decode_partial(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise Rejected(Reason.BAD_FIELD, f"no partial: {exc}") from None
