"""The clock, the wait and the dice of a notifier, handed in so that tests run minutes in no time."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """`now` is monotonic seconds, `wall` those since 1970; `sleep` takes seconds; `dice` gives a number in [0, 1)."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    dice: Callable[[], float] = random.random
    wall: Callable[[], float] = time.time
