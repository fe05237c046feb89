"""An agent that emits equity 300 times a second until it is killed, and notes each in a diary: epoch, seq, time."""

import os
import time

from fleawatch import Emitter

with Emitter("momentum-1") as fw:
    seq = 0
    while True:
        os.write(1, f"{fw.epoch} {seq} {time.time()}\n".encode())
        fw.equity(10_000.0, balance=9_000.0, open_positions=1)
        seq += 1
        time.sleep(0.003)
