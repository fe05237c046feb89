"""Who trades in the demo: eight archetypes, the stories among the first; more agents repeat them from later dates.

The dates were chosen to be quiet for the strategy (except for the oil crash of 2008), so that the stories stand out: over
fifteen years of history every strategy sees real anomalies of its own, and the monitor reports those too.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from fleawatch.local.demo import strategies
from fleawatch.local.demo.market import Bar, history
from fleawatch.local.demo.stories import CRASH, DRIFT, FAT_FINGER, LEVERAGE, Story
from fleawatch.local.demo.strategies import Strategy
from fleawatch.local.demo.trader import Trader


@dataclass(frozen=True, slots=True)
class Profile:
    name: str
    strategy: Callable[[], Strategy]
    asset: str
    since: date  # the first bar it trades
    exposure: float  # full position as a multiple of equity
    story: Story | None = None
    number: int = 1

    @property
    def agent_id(self) -> str:
        return f"{self.name}-{self.asset}" + (f"-{self.number}" if self.number > 1 else "")

    def start(self) -> tuple[Trader, tuple[Bar, ...]]:
        """A trader that has seen the closes its strategy needs, and the bars to trade."""
        strategy = self.strategy()
        bars = history(self.asset)
        midnight = (self.since - date(1970, 1, 1)).days * 86_400
        first = next(i for i, bar in enumerate(bars) if bar.ts >= midnight)
        trader = Trader(strategy, self.exposure, self.story)
        trader.warm_up(bars[max(0, first - strategy.warmup - 1) : first])
        return trader, bars[first:]


ARCHETYPES = (
    Profile("hold", strategies.BuyAndHold, "wti", date(2008, 6, 2), 0.12, LEVERAGE),
    Profile("crossover", strategies.MovingAverageCrossover, "ixic", date(2003, 4, 3), 0.4, CRASH),
    Profile("momentum", strategies.Momentum, "googl", date(2012, 1, 3), 0.25, FAT_FINGER),
    Profile("reversion", strategies.MeanReversion, "eurusd", date(2017, 2, 24), 0.5, DRIFT),
    Profile("breakout", strategies.Breakout, "wti", date(2011, 10, 3), 0.25),
    Profile("strength", strategies.RelativeStrength, "spx", date(2003, 1, 3), 0.6),
    Profile("hold", strategies.BuyAndHold, "googl", date(2012, 1, 3), 0.4),
    Profile("breakout", strategies.Breakout, "eurusd", date(2017, 2, 24), 1.0),
)
MAX_AGENTS = 8 * len(ARCHETYPES)


def roster(agents: int) -> tuple[Profile, ...]:
    """The first `agents` profiles. A repeat starts 30 days after the one before it and has no story."""
    return tuple(
        profile
        if lap == 0
        else replace(profile, since=profile.since + timedelta(days=30 * lap), story=None, number=lap + 1)
        for lap, profile in (
            (index // len(ARCHETYPES), ARCHETYPES[index % len(ARCHETYPES)]) for index in range(agents)
        )
    )
