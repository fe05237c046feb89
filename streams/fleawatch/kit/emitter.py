"""What a trading agent uses to be watched: it says what it has, what it closed, and that it is alive."""

import asyncio
import logging
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Literal, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from fleawatch.errors import BrokerUnavailable, ConfigError
from fleawatch.settings import Settings
from fleawatch_schemas.codec import decode_equity, decode_health, decode_trade
from fleawatch_schemas.wire import Equity, Health, Trade, encode

log = logging.getLogger(__name__)

GOODBYE_SECS = (
    3.0  # for the last word, and again to deliver what is on its way; a supervisor kills after 10 s
)


class AsyncEmitter:
    """Emits one agent's events, and a heartbeat every `heartbeat_secs` while it is open. Use as `async with`.

    Each call returns when all in-sync replicas have the event. While Kafka is away it waits, however long that takes,
    and the event is delivered once afterwards: put a timeout around the call if the agent must not wait (the event may
    still arrive later, never twice). Nothing is kept on disk: what waits is lost with the process.

    An event the monitor would refuse raises `fleawatch_schemas.reasons.Rejected` (a ValueError that names the field)
    here, where it can be fixed, and is not sent. Not for use from several event loops.
    """

    def __init__(
        self, agent_id: str, settings: Settings | None = None, *, heartbeat_secs: float = 10.0
    ) -> None:
        self.agent_id = agent_id
        self._settings = settings or Settings.load()
        self._heartbeat_secs = heartbeat_secs
        self._started = time.time()
        self._epoch = int(self._started * 1000)
        self._seq = {"equity": 0, "trades": 0, "health": 0}
        self._producer: AIOKafkaProducer | None = None
        self._heartbeat: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect, and send the first heartbeat.

        Raises:
            ConfigError: no servers are set.
            BrokerUnavailable: none of them answers.
            Rejected: the agent's id or the heartbeat's interval is not what the contract allows.
        """
        if not self._settings.bootstrap_servers:
            raise ConfigError("FLEAWATCH_BOOTSTRAP_SERVERS is not set", hint="host:port of a Kafka broker")
        self._encode_health("ok")  # refuse a bad id before anything is opened
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.bootstrap_servers,
            client_id=self.agent_id,
            enable_idempotence=True,
            acks="all",
        )
        try:
            await producer.start()
        except KafkaError as exc:
            await producer.stop()
            raise BrokerUnavailable(f"no broker answers at {self._settings.bootstrap_servers}") from exc
        self._producer = producer
        await self.health()
        self._heartbeat = asyncio.create_task(self._beat(), name=f"heartbeat of {self.agent_id}")

    async def stop(self) -> None:
        """Say that the agent is stopping, and disconnect: within 6 s, even if Kafka is away."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            with suppress(asyncio.CancelledError):
                await self._heartbeat
            self._heartbeat = None
        if self._producer is not None:
            producer = self._producer
            try:
                async with asyncio.timeout(GOODBYE_SECS):
                    await self.health("stopping")
            except (BrokerUnavailable, TimeoutError):
                log.warning("could not say that %s is stopping: no broker", self.agent_id)
            self._producer = None
            try:
                async with asyncio.timeout(GOODBYE_SECS):
                    await producer.stop()
            except TimeoutError:  # it waits for what cannot be delivered
                await producer.client.close()

    async def equity(
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
        raw = encode(
            Equity(
                v=1,
                agent_id=self.agent_id,
                epoch=self._epoch,
                seq=self._seq["equity"],
                ts=time.time() if ts is None else ts,
                equity=equity,
                balance=balance,
                open_positions=open_positions,
                net_deposits=net_deposits,
                unrealised_pnl=unrealised_pnl,
                equity_basis=equity_basis,
                currency=currency,
            )
        )
        decode_equity(raw)
        await self._send("equity", raw)

    async def trade(
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
        raw = encode(
            Trade(
                v=1,
                agent_id=self.agent_id,
                epoch=self._epoch,
                seq=self._seq["trades"],
                ts=exit_ts,
                trade_id=trade_id,
                strategy=strategy,
                asset=asset,
                side=side,
                size=size,
                entry_price=entry_price,
                exit_price=exit_price,
                entry_ts=entry_ts,
                exit_ts=exit_ts,
                fees=fees,
                slippage=slippage,
                funding=funding,
            )
        )
        decode_trade(raw)
        await self._send("trades", raw)

    async def health(
        self,
        status: Literal["ok", "degraded", "stopping"] = "ok",
        *,
        errors_1h: int | None = None,
        last_error: str | None = None,
        api_latency_ms: dict[str, float] | None = None,
        last_action_ts: float | None = None,
        equity_interval_secs: float | None = None,
    ) -> None:
        """Send a heartbeat now; the plain ones are sent without being asked for."""
        raw = self._encode_health(
            status,
            errors_1h=errors_1h,
            last_error=last_error,
            api_latency_ms=api_latency_ms,
            last_action_ts=last_action_ts,
            equity_interval_secs=equity_interval_secs,
        )
        await self._send("health", raw)

    def _encode_health(self, status: Literal["ok", "degraded", "stopping"], **details: Any) -> bytes:
        now = time.time()
        raw = encode(
            Health(
                v=1,
                agent_id=self.agent_id,
                epoch=self._epoch,
                seq=self._seq["health"],
                ts=now,
                status=status,
                uptime_secs=max(0.0, now - self._started),
                interval_secs=self._heartbeat_secs,
                **details,
            )
        )
        decode_health(raw)
        return raw

    async def _send(self, topic: str, raw: bytes) -> None:
        """Send validated bytes. Their seq is used up before anything is awaited: another call may come meanwhile."""
        if self._producer is None:
            raise RuntimeError("the emitter is not started: use it as `async with AsyncEmitter(...)`")
        self._seq[topic] += 1
        try:
            await self._producer.send_and_wait(self._settings.topic(topic), raw, key=self.agent_id.encode())
        except KafkaError as exc:
            raise BrokerUnavailable(f"an event for {topic} was not acknowledged: {exc}") from exc

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat_secs)
            try:
                await self.health()
            except BrokerUnavailable as exc:
                log.warning("heartbeat of %s not sent: %s", self.agent_id, exc)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
