"""The smallest watched agent: `FLEAWATCH_BOOTSTRAP_SERVERS=127.0.0.1:9092 python examples/agent.py`."""

import random
import time

from fleawatch import Emitter

equity = 10_000.0
with Emitter("my-agent") as fw:
    while True:
        equity *= 1 + random.gauss(0, 0.001)
        fw.equity(equity, balance=equity, open_positions=0)
        time.sleep(1)
