"""What goes wrong in the demo. Each story is a fault of an agent; the monitor is told nothing of it.

Bars count from the agent's first event. The times suit the default speed: everything has happened within 45 s.
"""

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    CRASH = "crash"  # the process is killed (SIGKILL) and says nothing more
    LEVERAGE = "leverage"  # sized far over what its limit allows, into a real crash
    FAT_FINGER = "fat-finger"  # one order 50 times too large, closed at once: its costs are real
    DRIFT = "drift"  # the position size grows without anybody having decided so


@dataclass(frozen=True, slots=True)
class Story:
    fault: Fault
    at_bar: int
    factor: float
    alert: str  # the rule that should notice
    cause: str


CRASH = Story(Fault.CRASH, 50, 0, "agent_stopped", "its process was killed (SIGKILL)")
LEVERAGE = Story(
    Fault.LEVERAGE,
    0,
    10,
    "drawdown_exceeded",
    "sized 10 times too large (1.2 times its equity), held as oil fell in 2008",
)
FAT_FINGER = Story(Fault.FAT_FINGER, 60, 50, "return_anomaly", "one order 50 times too large, closed at once")
DRIFT = Story(Fault.DRIFT, 60, 3, "strategy_drift", "its position size grows to 3 times what it was")
DRIFT_BARS = 25  # over which the size grows


def sizing(story: Story | None, bar: int) -> float:
    """Multiple of the agent's intended position size at this bar."""
    if story is None:
        return 1.0
    if story.fault is Fault.LEVERAGE:
        return story.factor
    if story.fault is Fault.DRIFT:
        grown = min(1.0, max(0.0, (bar - story.at_bar) / DRIFT_BARS))
        return 1.0 + (story.factor - 1.0) * grown
    return 1.0
