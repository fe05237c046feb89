"""Bots under test: what they send, and the journal of what the broker acknowledged."""

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
from aiokafka import AIOKafkaProducer

from fleawatch.settings import Settings

STEP_SECS = 5.0  # event time between two events of a bot: hours of history, sent within minutes
BEGAN_SECS = 80_000.0  # ago: no event is in the future, and none is a day old, which would make it history
TICK_SECS = 0.1  # bots report on a timer's tick; what each tick costs is not what is tested
CLIENT = "fault-load"
EPOCH = 1_700_000_000_000


@dataclass(frozen=True, slots=True)
class Sent:
    """An acknowledged event, in the order in which its bot sent it. `figure`: equity, or the trade's net PnL."""

    agent: str
    topic: str
    epoch: int
    seq: int
    ts: float
    figure: float
    good: bool  # False: no reader can make sense of it


@dataclass(slots=True)
class Bot:
    name: str
    equity: float = 10_000.0
    step: int = 0
    epoch: int = EPOCH
    seq: dict[str, int] = field(default_factory=lambda: {"equity": 0, "trades": 0})
    falling: int = 0  # events for which it goes on losing


class Load:
    """`agents` bots that take turns. Random walks with shocks, crashes and recoveries, repeats, gaps, restarts, nonsense."""

    def __init__(self, settings: Settings, rng: random.Random, agents: int = 40) -> None:
        self._settings, self._rng = settings, rng
        self._bots = [Bot(f"bot-{number}") for number in range(agents)]
        self._began = time.time() - BEGAN_SECS
        self._stop = asyncio.Event()
        self.restarts = 0.0005  # by event
        self.copies = 1  # of each event
        self.journal: list[Sent] = []

    async def run(self, per_second: float) -> None:
        """Send until `stop`; every event is acknowledged when this returns, whatever became of the broker meanwhile."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.bootstrap_servers,
            client_id=CLIENT,
            enable_idempotence=True,
            linger_ms=5,
            request_timeout_ms=180_000,  # also the longest wait for room, while the broker is away
        )
        await producer.start()
        try:
            loop = asyncio.get_running_loop()
            began, count = loop.time(), 0
            acks: list[asyncio.Future[object]] = []
            while not self._stop.is_set():
                while count < (loop.time() - began) * per_second and not self._stop.is_set():
                    for sent, value in self._turn():
                        topic = self._settings.topic(sent.topic)
                        acks.append(await producer.send(topic, value, key=sent.agent.encode()))
                        self.journal.append(sent)  # what fails to be acknowledged raises below
                        count += 1
                await asyncio.sleep(TICK_SECS)
                if len(acks) > 50_000:
                    await asyncio.gather(*acks)
                    acks = []
            await asyncio.gather(*acks)
        finally:
            await producer.stop()

    def stop(self) -> None:
        self._stop.set()

    def fall(self, bots: int) -> None:
        """So many begin to lose a third of what they have."""
        for bot in self._bots[:bots]:
            bot.falling = 30

    def unusable(self, topic: str) -> None:
        """Somebody else has sent what nobody can use, and it was acknowledged."""
        self.journal.append(Sent("", topic, 0, 0, 0.0, 0.0, good=False))

    def some_bot(self) -> str:
        return self._rng.choice(self._bots).name

    def _turn(self) -> list[tuple[Sent, bytes]]:
        """The next events of some bot."""
        rng = self._rng
        bot = rng.choice(self._bots)
        bot.step += 1
        if bot.falling:
            bot.falling -= 1
        elif rng.random() < 0.002:
            bot.falling = rng.randrange(10, 30)
        move = rng.gauss(-0.012 if bot.falling else 0.0003, 0.002)
        if rng.random() < 0.004:
            move += rng.choice((-1, 1)) * 0.03
        bot.equity *= 1 + move
        if rng.random() < self.restarts:
            bot.epoch += 1000
            bot.seq = {"equity": 0, "trades": 0}
        events = [
            self._event(
                bot, "equity", bot.equity, {"equity": bot.equity, "balance": 1.0, "open_positions": 0}
            )
        ]
        if rng.random() < 0.3:
            net = round(rng.gauss(1.0, 20.0), 6)
            trade = {
                "trade_id": f"{bot.step}", "strategy": rng.choice(("trend", "carry")), "asset": rng.choice(("BTC", "ETH")),
                "side": "buy", "size": 1.0, "entry_price": 100.0, "exit_price": 100.0 + net, "entry_ts": self._now(bot) - 5,
                "exit_ts": self._now(bot),
            }  # fmt: skip
            events.append(self._event(bot, "trades", net, trade))
        if rng.random() < 0.01:
            events.append(events[-1])  # a sender that repeats itself
        return [event for event in events for _ in range(self.copies)]

    def _event(self, bot: Bot, topic: str, figure: float, fields: Mapping[str, object]) -> tuple[Sent, bytes]:
        rng = self._rng
        bot.seq[topic] += 2 if rng.random() < 0.0005 else 1  # one was lost before Kafka
        good = rng.random() >= 0.001
        ts = self._now(bot)
        event = {
            "v": 1 if good else "one",
            "agent_id": bot.name,
            "epoch": bot.epoch,
            "seq": bot.seq[topic],
            "ts": ts,
        }
        return Sent(bot.name, topic, bot.epoch, bot.seq[topic], ts, figure, good), orjson.dumps(
            event | dict(fields)
        )

    def _now(self, bot: Bot) -> float:
        return self._began + bot.step * STEP_SECS
