"""What a trading agent uses to be watched: it says what it has, what it closed, and that it is alive.

A call checks its values, numbers the event and leaves it in memory: no system call, no lock that anything slow is done
under. A thread of the emitter's own does the rest (`courier.py`), so trouble with Kafka or the disk is never the agent's.
"""

import logging
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Final, Literal, Self

from fleawatch.errors import ConfigError
from fleawatch.kit.backstage import Backstage
from fleawatch.kit.callbacks import Callback, Callbacks
from fleawatch.kit.checks import Check, Finding
from fleawatch.kit.courier import Courier
from fleawatch.kit.endpoint import Endpoint, bind
from fleawatch.kit.examiner import CHECK_SECS, Examiner
from fleawatch.kit.heart import Heart, tell
from fleawatch.kit.home import Home, next_epoch
from fleawatch.kit.lane import Lane
from fleawatch.kit.link import Link
from fleawatch.kit.newest import Newest, place_in_memory
from fleawatch.kit.open_emitters import OPEN
from fleawatch.kit.orders import Orders
from fleawatch.kit.pages import View, pages
from fleawatch.kit.plain import plain_equity, plain_trade
from fleawatch.kit.spool import Spool, newest_epoch
from fleawatch.kit.stats import Stats, Undelivered
from fleawatch.kit.threads import OwnLoop
from fleawatch.kit.tidy import tidy
from fleawatch.kit.turning import Turning
from fleawatch.kit.vitals import Vitals
from fleawatch.settings import Settings
from fleawatch_schemas import wire
from fleawatch_schemas.codec import decode_equity, decode_health, decode_trade
from fleawatch_schemas.wire import Equity, Health, Trade, encode
from fleawatch_schemas.wire_control import State

log = logging.getLogger(__name__)

INBOX_EVENTS: Final = 20_000
"""Handed over and not yet looked at: some 20 s of 1,000 events/s in which the emitter's thread had no turn at all."""
CLOSE_SECS: Final = 5.0
SPILL_LIMIT_BYTES: Final = 256 << 20
STALE_SECS: Final = 300.0

Status = Literal["ok", "degraded", "stopping"]


class Emitter:
    """Emits one agent's events, and a heartbeat every `heartbeat_secs`, between `start` and `close`; use it with `with`.

    No call waits for Kafka or raises because of it. A value that the monitor would refuse raises
    `fleawatch_schemas.reasons.Rejected`, a ValueError that names the field, at the call; nothing is sent then.
    From any thread; after a fork the child needs an emitter of its own.
    """

    def __init__(
        self,
        agent_id: str,
        settings: Settings | None = None,
        *,
        heartbeat_secs: float = 10.0,
        equity_interval_secs: float | None = None,
        labels: Mapping[str, str] | None = None,
        checks: Mapping[str, Check] | None = None,
        on_pause: Callback | None = None,
        on_resume: Callback | None = None,
        on_kill: Callback | None = None,
        on_flatten: Callback | None = None,
        stale_secs: float = STALE_SECS,
        health_port: int | None = None,
        health_host: str = "127.0.0.1",
        spill_dir: Path | None = None,
        spill_limit_bytes: int = SPILL_LIMIT_BYTES,
    ) -> None:
        """Nothing is opened yet. `settings` come from the environment unless given.

        `heartbeat_secs` is also how soon silence is noticed: after three of them, but not before the monitor's floor.
        `equity_interval_secs`, how often this agent means to send equity, and `labels` go with every heartbeat.
        `checks` (see `fleawatch.kit.checks`), by name, are made for every heartbeat and for `/health`; a further one, "strategy",
        is made from the first `acted` on, and fails after `stale_secs` without another.
        `on_pause`, `on_resume`, `on_kill` and `on_flatten` are called with the reason when the agent is told so: docs/control.md.
        `health_port`: where `/livez`, `/health` and `/metrics` are served, 0 for a free port, None for none.
        `spill_dir` is a folder of this agent's own, by default one in `FLEAWATCH_DATA_DIR`; it grows to `spill_limit_bytes`.
        """
        self.agent_id = agent_id
        self.epoch = 0
        self._settings = settings or Settings.load()
        self._spill_dir = spill_dir or self._settings.data_dir / "agents" / f"{agent_id}.spill"
        self._spill_limit = spill_limit_bytes
        self._heartbeat_secs = heartbeat_secs
        self._equity_interval_secs = equity_interval_secs
        self._labels = dict(labels or {})
        self._began = time.monotonic()
        self._stale_secs = stale_secs
        self._health_at = None if health_port is None else (health_host, health_port)
        self._vitals = Vitals()
        self._last_equity: Equity | None = None
        self._own_loop = OwnLoop(f"fleawatch {agent_id} async")
        callbacks = Callbacks(on_pause, on_resume, on_kill, on_flatten, loop=self._own_loop.get)
        self._orders = Orders(self._settings, agent_id, callbacks)
        # Half of the interval, so that a check that hangs delays no heartbeat by more.
        self._examiner = Examiner(
            checks or {}, check_secs=min(CHECK_SECS, heartbeat_secs / 2), loop=self._own_loop.get
        )
        self.health_port: int | None = None
        """Where the agent's port is, once it is open."""
        self._lanes = (Lane(), Lane(), Lane())
        self._inbox: deque[tuple[int, bytes]] = deque()
        self._home: Home | None = None
        self._newest: Newest | None = None
        self._backstage: Backstage | None = None
        self._state: Literal["new", "open", "closed", "forked"] = "new"

    def start(self, turning: Turning | None = None) -> None:
        """Begin; does not wait for Kafka. `turning` watches the agent's event loop, if it has one.

        Raises:
            ConfigError: no servers are set, another emitter holds the spill folder, or the port is taken.
            Rejected: the agent's id, the heartbeat's interval, a label or a check's name is not what the contract allows.
        """
        if self._state != "new":
            raise RuntimeError("an emitter is started once: make a new one")
        if not self._settings.bootstrap_servers:
            raise ConfigError("FLEAWATCH_BOOTSTRAP_SERVERS is not set", hint="host:port of a Kafka broker")
        self._refuse_bad_arguments()
        listening = bind(*self._health_at) if self._health_at else None
        try:
            self._home = Home(self._spill_dir)
            self.epoch = self._home.begin_epoch(newest_epoch(self._spill_dir))
        except OSError as exc:
            log.warning("%s: events are kept in memory only: %s", self.agent_id, exc)
            self.epoch = next_epoch(self._spill_dir, newest_epoch(self._spill_dir))
        except ConfigError:
            if listening is not None:
                listening.close()
            raise
        link = Link(self._settings, self.agent_id)
        orders = self._orders
        if self._home is not None:
            orders.remember_in(self._spill_dir)
            with suppress(OSError):  # the newest events are on disk as well, some milliseconds later
                self._newest = Newest(self._spill_dir, self.epoch, self._home.epoch_before, place_in_memory())
        if turning is not None:
            orders.of_loop(turning.loop)
            self._examiner.of_loop(turning.loop)
            self._examiner.add("event_loop", turning.turns)
        endpoint = None
        if listening is not None:
            self.health_port = listening.getsockname()[1]
            view = View(
                self.agent_id, self._examiner, self._vitals, turning, self._uptime, self.stats,
                lambda: self._last_equity, lambda: link.connected, lambda: (orders.state, *orders.counts),
            )  # fmt: skip
            endpoint = Endpoint(pages(view), listening)
        self._state = "open"
        OPEN.add(self)
        self.health()
        self._backstage = Backstage(
            self.agent_id,
            Courier(self._inbox, self._lanes, link, self._spill_limit),
            None if self._home is None else self._open_spool,
            Heart(self._examiner, self._beat, self._heartbeat_secs),
            orders,
            endpoint=endpoint,
            turning=turning,
        )
        self._backstage.start()

    def close(self, timeout: float = CLOSE_SECS) -> Undelivered:
        """Say that the agent is stopping, deliver what waits for at most `timeout` seconds, keep the rest on disk."""
        if self._state != "open" or self._backstage is None:
            return Undelivered(0, 0)
        with self._lanes[2].lock:  # no heartbeat says "ok" after this
            self.health("stopping")
            self._state = "closed"
        self._orders.shut()
        result = Undelivered(*self._backstage.end(timeout))
        self._own_loop.end()
        if self._newest is not None and not result.lost:
            self._newest.close()
        if self._home is not None:
            self._home.close()
        OPEN.discard(self)
        if result.lost or result.kept:
            log.warning(
                "%s: %d events not delivered are on disk for the next start, %d are lost",
                self.agent_id,
                *result,
            )
        return result

    def equity(
        self,
        equity: float,
        *,
        balance: float,
        open_positions: int,
        ts: float | None = None,
        net_deposits: float | None = None,
        unrealised_pnl: float | None = None,
        equity_basis: Literal["marked", "cash"] | None = None,
        currency: str | None = None,
    ) -> None:
        """Equity is cash plus open positions at market. `net_deposits`: since the account began, cumulative."""
        lane = self._lanes[0]
        with lane.lock:
            event = Equity(
                1, self.agent_id, self.epoch, lane.seq, time.time() if ts is None else ts, equity,
                balance, open_positions, net_deposits, unrealised_pnl, equity_basis, currency,
            )  # fmt: skip
            if plain_equity(event):
                raw = encode(event)
            else:
                event = tidy(event)
                raw = encode(event)
                decode_equity(raw)
            self._last_equity = event
            self._hand_over(0, raw)

    def trade(
        self,
        *,
        trade_id: str,
        strategy: str,
        asset: str,
        side: Literal["buy", "sell"],
        size: float,
        entry_price: float,
        exit_price: float,
        entry_ts: float,
        exit_ts: float,
        fees: float = 0.0,
        slippage: float = 0.0,
        funding: float = 0.0,
    ) -> None:
        """Report a closed round trip; `side` is the entry's, `slippage` per unit. It happened at `exit_ts`."""
        lane = self._lanes[1]
        with lane.lock:
            event = Trade(
                1, self.agent_id, self.epoch, lane.seq, exit_ts, trade_id, strategy, asset, side, size,
                entry_price, exit_price, entry_ts, exit_ts, fees, slippage, funding,
            )  # fmt: skip
            if plain_trade(event):
                raw = encode(event)
            else:
                event = tidy(event)
                raw = encode(event)
                decode_trade(raw)
            self._hand_over(1, raw)

    def health(
        self,
        status: Status = "ok",
        *,
        checks: Mapping[str, bool] | None = None,
        api_latency_ms: Mapping[str, float] | None = None,
        errors_1h: int | None = None,
        last_error: str | None = None,
        last_action_ts: float | None = None,
    ) -> None:
        """Send a heartbeat now; the usual ones are sent without being asked for."""
        lane = self._lanes[2]
        with lane.lock:
            results = {name: wire.Check(bool(ok)) for name, ok in checks.items()} if checks else None
            latency = {name: float(ms) for name, ms in api_latency_ms.items()} if api_latency_ms else None
            event = Health(
                1, self.agent_id, self.epoch, lane.seq, time.time(), status, self._uptime(), self._heartbeat_secs, results,
                errors_1h, last_error, latency, last_action_ts, self._equity_interval_secs,
                self._orders.labelled(self._labels),
            )  # fmt: skip
            raw = encode(tidy(event))
            decode_health(raw)
            self._hand_over(2, raw)

    def acted(self) -> None:
        """The strategy did what it does: call it once a round. Its check fails when that stays away."""
        if self._vitals.acted_at is None:
            self._examiner.add("strategy", lambda: self._vitals.acts(self._stale_secs))
        self._vitals.acted()

    def error(self, error: object) -> None:
        """Count an error, an exception or a text, and tell of the last one, with what looks like a secret removed."""
        self._vitals.error(error)

    @property
    def control(self) -> State:
        """What the agent is to be: "paused" (open nothing, manage exits) also until that is known, and after `close`."""
        return self._orders.state

    @property
    def may_open(self) -> bool:
        """Whether a position may be opened: ask it right before. Costs nothing, and never waits."""
        return self._orders.may_open

    def wait_until_ready(self, timeout: float | None = None) -> bool:
        """Wait until the control state has been read and the callbacks were told of it; False if that took too long."""
        return self._orders.wait(timeout)

    def flush(self, timeout: float = CLOSE_SECS) -> bool:
        """Wait until everything emitted so far, by anybody, is delivered; False if that took too long."""
        deadline = time.monotonic() + timeout
        while self.stats().queued:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        return True

    def stats(self) -> Stats:
        courier = self._backstage.courier if self._backstage else None
        return Stats(
            emitted=sum(lane.seq for lane in self._lanes),
            queued=courier.waiting_events if courier else len(self._inbox),
            spilled=courier.spilled if courier else 0,
            delivered=sum(lane.delivered for lane in self._lanes),
            dropped=sum(lane.dropped + lane.lost_at_door for lane in self._lanes),
        )

    def _refuse_bad_arguments(self) -> None:
        """Before anything is opened."""
        event = Health(
            1, self.agent_id, 0, 0, 0.0, "ok", 0.0, self._heartbeat_secs,
            equity_interval_secs=self._equity_interval_secs, labels=self._labels,
            checks={name: wire.Check(ok=True) for name in self._examiner.names},
        )  # fmt: skip
        decode_health(encode(event))

    def _beat(self, found: Mapping[str, Finding]) -> None:
        with self._lanes[2].lock:
            if self._state == "open":
                tell(self.health, self._vitals, found)

    def _uptime(self) -> float:
        return time.monotonic() - self._began

    def _hand_over(self, topic: int, raw: bytes) -> None:
        """The event is valid and its number used up, whatever becomes of it: a lost one shows as a gap."""
        lane = self._lanes[topic]
        if self._state != "open":
            lane.refuse_use(self._state, self.agent_id)
            return
        lane.seq += 1
        if self._newest is not None:
            self._newest.keep(topic, raw)
        if len(self._inbox) < INBOX_EVENTS:
            self._inbox.append((topic, raw))
        else:
            lane.lost_at_door += 1

    def _open_spool(self) -> Spool:
        """In the thread for the disk."""
        newest = self._newest
        spool = Spool(self._spill_dir, self.epoch, kept=() if newest is None else newest.found)
        if newest is not None and not spool.rescued:
            newest.forget()
        return spool

    def after_fork(self) -> None:
        """In the child: the threads are gone, so what is the parent's stays the parent's."""
        self._state = "forked"
        self._orders.shut()
        for lane in self._lanes:
            lane.lock = RLock()  # another thread, which is not here, may have held it
        if self._home is not None:
            self._home.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
