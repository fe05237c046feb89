"""Small textbook strategies. Each sees one close at a time and answers what it wants to hold.

The answer is a fraction of the full position: 1 is fully long, −1 fully short, 0 flat. What "full" means in money is
the sizing of the agent, not the strategy's business.
"""

from collections import deque
from itertools import pairwise
from statistics import fmean, pstdev
from typing import Protocol


class Strategy(Protocol):
    warmup: int  # closes it must have seen before its answer means anything

    def target(self, close: float) -> float: ...


class BuyAndHold:
    warmup = 0

    def target(self, close: float) -> float:  # noqa: ARG002 it holds whatever the price
        return 1.0


class MovingAverageCrossover:
    """Long while the fast average is above the slow one, short while it is below."""

    def __init__(self, fast: int = 5, slow: int = 20) -> None:
        self.warmup = slow
        self._fast, self._closes = fast, deque[float](maxlen=slow)

    def target(self, close: float) -> float:
        self._closes.append(close)
        recent = list(self._closes)[-self._fast :]
        return 1.0 if fmean(recent) >= fmean(self._closes) else -1.0


class MeanReversion:
    """Against the distance from the mean, in standard deviations, at most fully: the farther, the larger."""

    def __init__(self, lookback: int = 20) -> None:
        self.warmup = lookback
        self._closes = deque[float](maxlen=lookback)

    def target(self, close: float) -> float:
        self._closes.append(close)
        spread = pstdev(self._closes)
        if spread == 0:
            return 0.0
        return max(-1.0, min(1.0, -(close - fmean(self._closes)) / spread))


class Breakout:
    """Donchian channel: follows a close outside the range of the last closes, and stays until the other side breaks."""

    def __init__(self, lookback: int = 20) -> None:
        self.warmup = lookback
        self._closes = deque[float](maxlen=lookback)
        self._side = 1.0

    def target(self, close: float) -> float:
        if self._closes:
            if close > max(self._closes):
                self._side = 1.0
            elif close < min(self._closes):
                self._side = -1.0
        self._closes.append(close)
        return self._side


class Momentum:
    """In the direction of the return over the lookback."""

    def __init__(self, lookback: int = 15) -> None:
        self.warmup = lookback
        self._closes = deque[float](maxlen=lookback + 1)

    def target(self, close: float) -> float:
        self._closes.append(close)
        return 1.0 if close >= self._closes[0] else -1.0


class RelativeStrength:
    """RSI: full when oversold (30 or less), half when overbought (70 or more), in proportion between."""

    def __init__(self, lookback: int = 14) -> None:
        self.warmup = lookback
        self._closes = deque[float](maxlen=lookback + 1)

    def target(self, close: float) -> float:
        self._closes.append(close)
        closes = list(self._closes)
        moves = [later - earlier for earlier, later in pairwise(closes)]
        gains, losses = sum(m for m in moves if m > 0), -sum(m for m in moves if m < 0)
        if gains + losses == 0:
            return 0.75
        rsi = 100 * gains / (gains + losses)
        return max(0.5, min(1.0, 1.0 - 0.5 * (rsi - 30) / 40))
