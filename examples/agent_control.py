"""An agent that obeys: `FLEAWATCH_BOOTSTRAP_SERVERS=127.0.0.1:9092 python examples/agent_control.py`.

Then `fleawatch pause my-agent --reason "a look at it"`, and `resume`, `kill`, `flatten`. See docs/control.md.
"""

import logging
import random
import signal
import sys
import time

from fleawatch import Emitter

logging.basicConfig(level=logging.INFO)
log = logging.getLogger("my-agent")


class Exchange:
    """In place of yours."""

    def __init__(self) -> None:
        self.cash, self.coins, self.price = 10_000.0, 0.0, 100.0

    def tick(self) -> None:
        self.price *= 1 + random.gauss(0, 0.001)

    def buy(self, coins: float) -> None:
        self.cash, self.coins = self.cash - coins * self.price, self.coins + coins

    def close_all(self) -> None:
        self.cash, self.coins = self.cash + self.coins * self.price, 0.0

    def cancel_entries(self) -> None:
        """Orders that would open a position; protective ones stay."""


exchange = Exchange()


def on_pause(reason: str) -> None:
    log.info("paused: %s", reason)
    exchange.cancel_entries()


def on_kill(reason: str) -> None:
    log.info("killed: %s", reason)
    exchange.cancel_entries()


def on_resume(reason: str) -> None:
    log.info("trading again: %s", reason)


def on_flatten(reason: str) -> None:
    log.info("closing everything: %s", reason)
    exchange.close_all()


signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # as Ctrl-C: the emitter says that the agent is stopping
with Emitter(
    "my-agent", on_pause=on_pause, on_resume=on_resume, on_kill=on_kill, on_flatten=on_flatten
) as fw:
    if not fw.wait_until_ready(10):
        log.warning("Kafka does not answer: nothing is opened until it does")
    while True:
        exchange.tick()
        if fw.control != "killed" and exchange.coins > 5:  # exits go on while paused
            exchange.close_all()
        if exchange.price < 100 and fw.may_open:  # asked last, right before the order
            exchange.buy(1.0)
        equity = exchange.cash + exchange.coins * exchange.price
        fw.equity(equity, balance=exchange.cash, open_positions=int(exchange.coins > 0))
        time.sleep(1)
