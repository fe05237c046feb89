"""Composition root: settings → app, topics, tables, agents, timers. Nothing else builds anything.

`faust -A fleawatch.app worker` finds `app`, built from the environment on first use.
"""

import gc
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from fleawatch.agents.changelogs import changelog, refuse_lost
from fleawatch.agents.control import LOOK_SECS, Controller
from fleawatch.agents.control_book import ControlBook
from fleawatch.agents.control_chase import Chaser
from fleawatch.agents.control_feed import ControlFeed
from fleawatch.agents.control_send import ControlSender
from fleawatch.agents.endpoint import make_endpoint, serve
from fleawatch.agents.exposition import Exposition
from fleawatch.agents.fleet import FleetAgent
from fleawatch.agents.fleet_books import FleetTeller
from fleawatch.agents.fleet_view import FleetView
from fleawatch.agents.inputs import Follower, add_input
from fleawatch.agents.lanes import STEPS
from fleawatch.agents.liveness import Liveness
from fleawatch.agents.publish import Publisher
from fleawatch.agents.publish_attribution import AttributionPublisher
from fleawatch.agents.reconcile import Reconciler
from fleawatch.agents.refusals import Refusals
from fleawatch.agents.registration import Registration
from fleawatch.agents.registry import RegistryFeed
from fleawatch.agents.repeater import Repeater
from fleawatch.agents.rule_keeper import RuleKeeper
from fleawatch.agents.workload import Workload
from fleawatch.control.entries import entry_reader
from fleawatch.control.signing import Keyring
from fleawatch.core.bars import BarPlan
from fleawatch.core.equity_state import EquityStates
from fleawatch.core.fleet import FleetStates
from fleawatch.core.fleet_ledger import watched
from fleawatch.core.pipeline import equity_pipeline, health_pipeline, trades_pipeline
from fleawatch.core.registry import Registry, base_rules
from fleawatch.core.state import HealthState, TradesState
from fleawatch.engine.app import BatchApp
from fleawatch.markets.calendars import calendar_of
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry
from fleawatch.topics import ensure_topics

LIVENESS_INTERVAL_SECS = 1.0
REGISTRY_INTERVAL_SECS = 1.0
RECONCILE_INTERVAL_SECS = 5.0
FLEET_INTERVAL_SECS = 1.0
REPEAT_INTERVAL_SECS = 30.0
# What an event leaves behind is freed by its reference count: the collector finds next to nothing.
GC_THRESHOLDS = (50_000, 20, 100)


class Monitor(BatchApp):
    """The monitor as one Faust worker sees it."""

    def __init__(self, settings: Settings, bootstrap_servers: str, registry: CollectorRegistry) -> None:
        super().__init__(
            settings.app_id,
            bootstrap_servers=bootstrap_servers,
            commit_interval=settings.commit_interval_secs,
            data_dir=str(settings.data_dir / "worker"),
            stall_secs=settings.stall_secs,
        )
        self.settings = settings
        self.telemetry = Telemetry(registry)
        self._endpoint: web.AppRunner | None = None
        self._topics_checked = False
        publisher = Publisher(self, settings, time.time)
        attributions = AttributionPublisher(self, settings, time.time)
        reconciler = Reconciler(self, settings, self.telemetry)
        agents = Registry(base_rules(settings.liveness_floor_secs), calendar_of)
        registration = Registration(self, settings, agents, time.time)
        keeper = RuleKeeper(
            self, settings, self.telemetry, agents, registration=registration, clock=time.time
        )
        self._registry_feed = RegistryFeed(bootstrap_servers, settings, agents, self.telemetry)
        book, view = ControlBook(settings.partitions), FleetView(settings.partitions)

        def confirm_secs(agent_id: str) -> float:
            return agents.rules_of(agent_id).command_unconfirmed.threshold

        self._control_feed = ControlFeed(
            bootstrap_servers,
            settings,
            self.telemetry,
            book=book,
            view=view,
            confirm_secs=confirm_secs,
            clock=time.time,
        )
        sender = ControlSender(self, settings, self.telemetry, book, confirm_secs)
        chaser = Chaser(self, settings, self.telemetry, registry=agents, book=book, sender=sender)
        controller = Controller(
            self, registry=agents, book=book, view=view, sender=sender, chaser=chaser, clock=time.time
        )
        refusals = Refusals()
        workload = Workload(self, settings)
        fleet = FleetTeller(self, settings, agents, workload=workload, controller=controller, clock=time.time)
        followers: dict[str, tuple[Follower, ...]] = {
            "equity": (publisher, reconciler, fleet.equity, controller),
            "trades": (publisher, reconciler, attributions),
            "health": (fleet.health,),
        }

        def table_of(topic: str, pipeline: Any, state_type: Any) -> Any:
            return add_input(
                self,
                settings,
                self.telemetry,
                followers[topic],
                refusals,
                workload=workload,
                topic=topic,
                pipeline=pipeline,
                state_type=state_type,
            )

        plan = BarPlan(settings.short_bar_secs, settings.long_bar_secs)
        of_equity = equity_pipeline(
            settings.partitions, keeper.rules_of, plan, entry_reader(Keyring.of_settings(settings))
        )
        of_equity.create = watched(of_equity.create)
        equity = table_of("equity", of_equity, EquityStates(plan))
        trades = table_of("trades", trades_pipeline(settings.partitions, keeper.rules_of), TradesState)
        health = table_of("health", health_pipeline(settings.partitions, keeper.rules_of), HealthState)
        liveness = Liveness(
            self,
            settings,
            self.telemetry,
            health=health,
            equity=equity,
            registry=agents,
            refusals=refusals,
            clock=time.time,
        )

        tables = {"equity": equity, "trades": trades, "health": health}
        keeper.keep(tables)
        repeater = Repeater(self, settings, self.telemetry, time.time)
        equity.on_loaded = _in_turn(
            equity.on_loaded, publisher.begin, fleet.equity.begin, workload.begin, controller.begin
        )
        trades.on_loaded = _in_turn(trades.on_loaded, publisher.begin)
        health.on_loaded = _in_turn(health.on_loaded, fleet.health.begin)
        liveness.on_changed = fleet.health.changed
        fleet_agent = FleetAgent(
            self, settings, self.telemetry, agents, FleetStates(settings.partitions, plan)
        )
        self._exposition = Exposition(
            self,
            settings,
            self.telemetry,
            tables=(equity, trades, health),
            fleet=fleet_agent.figures,
            control=book.state,
            clock=time.time,
        )

        async def follow_registry() -> None:
            async def changed(agents: set[str] | None) -> None:
                await keeper.changed(agents)
                liveness.look_again()
                await fleet.registry_changed(agents)

            await self._registry_feed.follow(changed)

        async def tend_registry() -> None:
            keeper.settle()
            registration.register(equity)

        async def look_at_trips() -> None:
            controller.look(equity)

        self.task(self._control_feed.follow)
        self.timer(LOOK_SECS, name="control")(look_at_trips)
        self.task(follow_registry)
        self.timer(REGISTRY_INTERVAL_SECS, name="registry")(tend_registry)

        async def publish() -> None:
            publisher.publish(equity, trades)
            attributions.publish(trades)

        async def reconcile() -> None:
            reconciler.check(equity, trades)

        async def check_liveness() -> None:
            liveness.check()

        async def repeat_open_alerts() -> None:
            await repeater.look(tables)

        async def tell_fleet() -> None:
            fleet.tell(equity, health)
            fleet_agent.publish()

        self.timer(settings.metrics_interval_secs / STEPS, name="publish-metrics")(publish)
        self.timer(LIVENESS_INTERVAL_SECS, name="liveness")(check_liveness)
        self.timer(RECONCILE_INTERVAL_SECS, name="reconcile")(reconcile)
        self.timer(REPEAT_INTERVAL_SECS, name="repeat")(repeat_open_alerts)
        self.timer(FLEET_INTERVAL_SECS, name="fleet")(tell_fleet)

    async def ensure_topics(self) -> None:
        """Create what is missing; a topic that is not as it must be refuses the start."""
        if self._topics_checked:
            return
        changelogs = [
            changelog(table.changelog_topic_name, table.partitions or 1) for table in self.tables.values()
        ]
        await refuse_lost(self.bootstrap_servers, self.settings.app_id, self.changelog_sources())
        await ensure_topics(self.bootstrap_servers, self.settings, create=True, extra=changelogs)
        self._topics_checked = True

    async def on_first_start(self) -> None:
        await self.ensure_topics()
        await self._registry_feed.load()
        await self._control_feed.load()
        self.conf.datadir.mkdir(parents=True, exist_ok=True)  # Faust makes the last part only
        gc.set_threshold(*GC_THRESHOLDS)
        await super().on_first_start()

    async def on_start(self) -> None:
        await super().on_start()
        if self.settings.metrics_port:
            endpoint = make_endpoint(self, self._exposition)
            self._endpoint = await serve(endpoint, self.settings.metrics_host, self.settings.metrics_port)

    async def on_shutdown(self) -> None:
        await super().on_shutdown()
        await self._registry_feed.stop()
        await self._control_feed.stop()
        if self._endpoint is not None:
            await self._endpoint.cleanup()

    def on_barrier(self, written: int, secs: float) -> None:
        self.telemetry.commits.inc()
        self.telemetry.changelog_bytes.inc(written)
        self.telemetry.flush_seconds.observe(secs)

    def on_restored(self, table: str, secs: float) -> None:
        self.telemetry.recovery_seconds.labels(table).set(secs)

    def on_barrier_failed(self) -> None:
        self.telemetry.barrier_failures.inc()


def _in_turn(
    *callbacks: Callable[[int, dict[bytes, Any]], None],
) -> Callable[[int, dict[bytes, Any]], None]:
    def call(partition: int, states: dict[bytes, Any]) -> None:
        for callback in callbacks:
            callback(partition, states)

    return call


def create_app(
    settings: Settings, bootstrap_servers: str, registry: CollectorRegistry | None = None
) -> Monitor:
    """The monitor for these settings, not started."""
    return Monitor(settings, bootstrap_servers, registry or CollectorRegistry())


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(name)
    from fleawatch.local.servers import find_servers

    settings = Settings.load()
    return globals().setdefault("app", create_app(settings, find_servers(settings)))
