"""Orders of people to agents, and the agents' answers: what the command line and the bot have in common.

An order is the desired state, which holds until another one does, and the command that is its fast path. The command is
signed and sent anew while its answer is waited for; the desired state is written once.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, NamedTuple, Self

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from fleawatch.control.entries import TOPIC as ENTRIES
from fleawatch.control.latch import STATE_OF
from fleawatch.control.records import (
    EXPIRED,
    FUTURE,
    LONGEST_SECS,
    Latched,
    command,
    control_state,
    opened,
    sealed,
)
from fleawatch.control.signing import BadSignature, Keyring, Signer
from fleawatch.engine.fetch import tolerant_consumer
from fleawatch.errors import BrokerUnavailable, TopicMismatch
from fleawatch.operator.compacted import read_latest, require_topics
from fleawatch.settings import Settings
from fleawatch.top.draw import shown
from fleawatch_schemas.partition import partition_for
from fleawatch_schemas.reasons import Rejected
from fleawatch_schemas.wire_control import Action, Command, CommandAck, ControlState
from fleawatch_schemas.wire_entry import AccountEntry

AGAIN_SECS: Final = 3.0
_ack = msgspec.json.Decoder(CommandAck).decode


class Order(NamedTuple):
    """With a `command_id` it is the same order when it is given again; without, each time another one."""

    agent_id: str
    action: Action
    reason: str
    by: str
    command_id: str | None = None


class Answer(NamedTuple):
    """`status` "latched": nothing was sent, for the agent is killed. `secs`: from the order to the answer.

    To an entry in an account it is the monitor that answers, not the agent.
    """

    agent_id: str
    status: Literal["applied", "refused", "unconfirmed", "latched"]
    detail: str
    secs: float


@dataclass(slots=True)
class _Sent:
    order: Order
    command: Command
    began: float
    again_at: float
    untimely: str = ""
    """Why the agent refused the command: by its clock. The control state may still be obeyed, and confirmed."""


class ControlDesk:
    """On one Kafka, between `async with` and its end. Signs if there is a key. Raises BrokerUnavailable, TopicMismatch."""

    def __init__(self, settings: Settings, servers: str) -> None:
        self._settings = settings
        self._servers = servers
        self._signer = Signer.of_settings(settings)
        self._keyring = Keyring.of_settings(settings)
        self._producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
        self._consumer = tolerant_consumer(bootstrap_servers=servers, enable_auto_commit=False)

    @property
    def signs(self) -> bool:
        return self._signer is not None

    async def __aenter__(self) -> Self:
        try:
            await self._producer.start()
            await self._consumer.start()
            await require_topics(self._consumer, self._topics(), self._servers)
        except TopicMismatch:
            await self._stop()
            raise
        except (KafkaError, OSError) as exc:
            await self._stop()
            raise BrokerUnavailable(
                f"no Kafka answers at {self._servers}: {exc}",
                hint="nothing was ordered; check FLEAWATCH_BOOTSTRAP_SERVERS and the network",
            ) from exc
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    def _topics(self) -> list[str]:
        return [self._settings.topic(name) for name in ("control-state", "commands", "command-acks", ENTRIES)]

    async def _stop(self) -> None:
        await self._producer.stop()
        await self._consumer.stop()

    async def states(self, agents: Iterable[str]) -> dict[str, ControlState]:
        """What each agent is to be, as it is written; nothing of one that nobody has ever ordered anything."""
        keys = {agent.encode(): agent for agent in agents}
        homes = {self._home(agent) for agent in keys.values()}
        latest = await read_latest(self._servers, self._settings.topic("control-state"), homes, tuple(keys))
        found = {}
        for key, raw in latest.items():
            if key in keys:
                try:
                    found[keys[key]] = opened(raw, ControlState, self._keyring)
                except (Rejected, BadSignature):
                    continue  # agents do not believe it either
        return found

    async def give(
        self,
        orders: Sequence[Order],
        *,
        timeout: float,  # noqa: ASYNC109 - what is waited for is the agents' answer
        told: Callable[[Answer], None] = lambda _: None,
    ) -> list[Answer]:
        """Order, and wait for the answers; `told` hears of each as it comes. At most one order for an agent."""
        if not orders:
            return []
        try:
            return await self._give(orders, timeout, told)
        except KafkaError as exc:
            raise BrokerUnavailable(
                f"Kafka at {self._servers}: {exc!r}", hint="what was ordered is not known: `fleawatch top`"
            ) from exc

    async def enter(self, entries: Sequence[AccountEntry], *, timeout: float) -> list[Answer]:  # noqa: ASYNC109 - as `give`
        """Enter something in agents' accounts, once, and wait until the monitor has. Raises BrokerUnavailable."""
        waiting = {entry.entry_id: entry for entry in entries}
        answers: list[Answer] = []
        try:
            await self._listen(entry.agent_id for entry in entries)
            began = time.monotonic()
            for entry in entries:
                await self._send(ENTRIES, entry.agent_id, entry)
            await self._producer.flush()
            while waiting and (left := began + timeout - time.monotonic()) > 0:
                for ack in await self._acks(min(left, 0.25)):
                    if waiting.get(ack.command_id) is not None:
                        del waiting[ack.command_id]
                        answers.append(
                            Answer(ack.agent_id, ack.status, shown(ack.detail), time.monotonic() - began)
                        )
        except KafkaError as exc:
            raise BrokerUnavailable(
                f"Kafka at {self._servers}: {exc!r}", hint="whether it was entered is not known"
            ) from exc
        secs = time.monotonic() - began
        return [*answers, *(Answer(entry.agent_id, "unconfirmed", "", secs) for entry in waiting.values())]

    async def _give(
        self, orders: Sequence[Order], seconds: float, told: Callable[[Answer], None]
    ) -> list[Answer]:
        answers: list[Answer] = []

        def answer(one: Answer) -> None:
            answers.append(one)
            told(one)

        states = await self.states(order.agent_id for order in orders)
        await self._listen(order.agent_id for order in orders)
        began = time.monotonic()
        waiting: dict[str, _Sent] = {}
        for order in orders:
            try:
                record, sent = self._records(order, states.get(order.agent_id), seconds)
            except Latched as why:
                answer(Answer(order.agent_id, "latched", str(why), 0.0))
                continue
            if record is not None:
                await self._send("control-state", order.agent_id, record)
            await self._send("commands", order.agent_id, sent)
            waiting[sent.command_id] = _Sent(order, sent, began, time.monotonic() + AGAIN_SECS)
        await self._producer.flush()
        began = time.monotonic()
        while waiting and (left := began + seconds - time.monotonic()) > 0:
            for ack in await self._acks(min(left, 0.25)):
                one = waiting.get(ack.command_id)
                if one is not None and one.order.agent_id == ack.agent_id:
                    if _untimely(one, ack):
                        one.untimely = ack.detail
                        continue
                    del waiting[ack.command_id]
                    answer(Answer(ack.agent_id, ack.status, shown(ack.detail), time.monotonic() - one.began))
            await self._send_again(waiting, began + seconds)
        for one in waiting.values():
            status: Literal["refused", "unconfirmed"] = "refused" if one.untimely else "unconfirmed"
            answer(Answer(one.order.agent_id, status, one.untimely, time.monotonic() - one.began))
        return answers

    def _records(
        self, order: Order, previous: ControlState | None, seconds: float
    ) -> tuple[ControlState | None, Command]:
        now = time.time()
        if order.action == "flatten":
            # Nobody waits for it any more when it has not come by then, and then it must not come.
            return None, command(
                order.agent_id, "flatten", reason=order.reason, now=now, by=order.by, secs=seconds
            )
        sent = command(
            order.agent_id,
            order.action,
            reason=order.reason,
            now=now,
            by=order.by,
            command_id=order.command_id,
        )
        if previous is not None and previous.command_id == sent.command_id:
            return None, msgspec.structs.replace(sent, version=previous.version)
        record = control_state(
            order.agent_id,
            STATE_OF[order.action],
            reason=order.reason,
            now=now,
            previous=previous,
            by=order.by,
            command_id=sent.command_id,
        )
        return record, msgspec.structs.replace(sent, version=record.version)

    async def _send_again(self, waiting: Mapping[str, _Sent], until: float) -> None:
        """With another nonce, as what an agent has seen it refuses."""
        for one in waiting.values():
            if time.monotonic() < one.again_at:
                continue
            one.again_at = time.monotonic() + AGAIN_SECS
            first = one.command
            left = until - time.monotonic() if first.action == "flatten" else LONGEST_SECS
            again = command(
                first.agent_id,
                first.action,
                reason=first.reason,
                now=time.time(),
                version=first.version,
                command_id=first.command_id,
                by=first.by,
                secs=max(0.1, left),
            )
            await self._send("commands", first.agent_id, again)

    async def _listen(self, agents: Iterable[str]) -> None:
        """To answers that are given from now on."""
        topic = self._settings.topic("command-acks")
        homes = [TopicPartition(topic, home) for home in sorted({self._home(agent) for agent in agents})]
        self._consumer.assign(homes)
        for home, end in (await self._consumer.end_offsets(homes)).items():
            self._consumer.seek(home, end)

    async def _acks(self, seconds: float) -> list[CommandAck]:
        found = await self._consumer.getmany(timeout_ms=int(1000 * seconds))
        acks = []
        for record in (record for records in found.values() for record in records):
            try:
                ack = _ack(record.value or b"")
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue
            if record.key == ack.agent_id.encode():
                acks.append(ack)
        return acks

    async def _send(self, topic: str, agent: str, record: ControlState | Command | AccountEntry) -> None:
        await self._producer.send(
            self._settings.topic(topic),
            sealed(record, self._signer),
            key=agent.encode(),
            partition=self._home(agent),
        )

    def _home(self, agent: str) -> int:
        return partition_for(agent.encode(), self._settings.partitions)


def _untimely(sent: _Sent, ack: CommandAck) -> bool:
    """The clocks differ, and there is a control state, which knows no clock: its confirmation may follow."""
    return (
        ack.status == "refused"
        and sent.order.action != "flatten"
        and ack.detail.startswith((EXPIRED, FUTURE))
    )
