"""The input: seeded, valid equity events of the contract, the same for every contender."""

import random
from collections.abc import Iterator
from typing import NamedTuple

from fleawatch_schemas.partition import partition_for
from fleawatch_schemas.wire import Equity, encode

EPOCH_MS = 1_700_000_000_000
INTERVAL_SECS = 10.0  # between two events of one agent, in event time
SIGMA = 0.002  # of a usual return
SHOCK = 8 * SIGMA


class Sent(NamedTuple):
    """One record as it is produced."""

    partition: int
    key: bytes
    value: bytes


def equity_events(count: int, agents: int, *, seed: int = 7, shock_share: float = 0.0005) -> Iterator[Equity]:
    """`count` events, round robin over the agents; each is a random walk in which `shock_share` of the steps are shocks."""
    rng = random.Random(seed)
    normal, uniform = rng.gauss, rng.random
    equity = [10_000.0] * agents
    balance = [10_000.0] * agents
    positions = [0] * agents
    names = [f"agent-{number:05d}" for number in range(agents)]
    for index in range(count):
        seq, who = divmod(index, agents)
        step = normal(0.0, SIGMA)
        if uniform() < shock_share:
            step += SHOCK if uniform() < 0.5 else -SHOCK
        equity[who] *= 1 + step
        if index % 7 == 0:  # a position was closed or opened
            balance[who] = equity[who]
            positions[who] = int(uniform() * 5)
        ts = EPOCH_MS / 1000 + seq * INTERVAL_SECS + who / 1000
        yield Equity(1, names[who], EPOCH_MS, seq, ts, equity[who], balance[who], positions[who])


def as_record(event: Equity, partitions: int) -> Sent:
    key = event.agent_id.encode()
    return Sent(partition_for(key, partitions), key, encode(event))
