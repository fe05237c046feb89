"""A trading loop at 1,000 events a second until SIGTERM: nine snapshots of equity, then a trade, each timed and noted.

A line of the diary, written before a call is made: topic, epoch, seq, time; and of the call before it: wall-clock and CPU in µs,
and the wall-clock in µs of adding up to 20 right before it, which is the machine's own.
"""

import os
import signal
import sys
import threading
import time

from fleawatch import Emitter

RATE = 1_000
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())

with Emitter("trader-1", heartbeat_secs=1.0) as fw:
    seqs = {"equity": 0, "trades": 0}
    took = "- - -"
    due = time.perf_counter()
    while not stop.is_set():
        due += 1 / RATE
        time.sleep(max(0.0, due - time.perf_counter()))
        topic = "trades" if sum(seqs.values()) % 10 == 9 else "equity"
        seq, now = seqs[topic], time.time()
        os.write(1, f"{topic} {fw.epoch} {seq} {now} {took}\n".encode())
        before = time.perf_counter()
        sum(range(20))
        began, worked = time.perf_counter(), time.thread_time()
        if topic == "trades":
            fw.trade(
                trade_id=f"t-{seq}", strategy="s", asset="BTC-USD", side="buy", size=1.0, entry_price=100.0,
                exit_price=100.0 + 2.0 ** (seq % 40), entry_ts=now - 1, exit_ts=now,
            )  # fmt: skip
        else:
            fw.equity(10_000.0, balance=9_000.0, open_positions=1)
        ended, spent = time.perf_counter(), time.thread_time() - worked
        took = f"{(ended - began) * 1e6:.1f} {spent * 1e6:.1f} {(began - before) * 1e6:.1f}"
        seqs[topic] += 1
    fw.flush(60)
sys.exit(fw.stats().queued)
