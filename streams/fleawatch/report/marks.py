"""Which figures a report shows, and from where on each is good or asks for action."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Mark = Literal["good", "act", ""]
LEAST = 30
"""Returns behind a ratio, or trades: of fewer it says next to nothing (three calm hours have a Sharpe ratio of hundreds)."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A field of `metrics`. `good` is a range; below `act_below` or above `act_above` a person should act."""

    name: str
    title: str
    unit: str = ""
    digits: int = 2
    good: tuple[float, float] | None = None
    act_below: float | None = None
    act_above: float | None = None
    action: str = ""
    sample: Literal["n", "total_trades", ""] = ""

    def few(self, figures: object) -> int | None:
        """How many returns or trades are behind the figure, where they are too few to judge it by."""
        size = getattr(figures, self.sample, None) if self.sample else None
        return size if size is not None and size < LEAST else None

    def judged(self, figures: object) -> float | None:
        """The value, where it says something."""
        return None if self.few(figures) is not None else getattr(figures, self.name, None)

    def mark(self, figures: object) -> Mark:
        """Of the figure in `figures`, a record of `metrics`; no mark where too little is behind it."""
        value = self.judged(figures)
        if value is None:
            return ""
        if self.act_below is not None and value < self.act_below:
            return "act"
        if self.act_above is not None and value > self.act_above:
            return "act"
        if self.good is not None and self.good[0] < value < self.good[1]:
            return "good"
        return ""

    def levels(self) -> str:
        """For a person: `good > 1.5, act < 0.5: review strategy`."""
        parts = []
        if self.good is not None:
            low, high = self.good
            if low == _NO_FLOOR:
                parts.append(f"good < {high:g}")
            elif high == _NO_CEILING:
                parts.append(f"good > {low:g}")
            else:
                parts.append(f"good {low:g} to {high:g}")
        if self.act_below is not None:
            parts.append(f"act < {self.act_below:g}: {self.action}")
        if self.act_above is not None:
            parts.append(f"act > {self.act_above:g}: {self.action}")
        return ", ".join(parts)

    def show(self, value: float | None) -> str:
        if value is None:
            return "undefined"
        unit = self.unit if self.unit != "money" else ""
        return f"{value:,.{self.digits}f}" + (f" {unit}" if unit else "")


_NO_FLOOR, _NO_CEILING = float("-inf"), float("inf")

FIGURES = (
    Figure("equity", "Equity", "money"),
    Figure("balance_usd", "Balance", "USD"),
    Figure("open_positions", "Open positions", digits=0),
    Figure("pnl_24h_usd", "PnL, 24 h", "USD"),
    Figure(
        "sharpe_ratio",
        "Sharpe ratio",
        good=(1.5, _NO_CEILING),
        act_below=0.5,
        action="review strategy",
        sample="n",
    ),
    Figure("sortino_ratio", "Sortino ratio", sample="n"),
    Figure(
        "calmar_ratio",
        "Calmar ratio",
        good=(1.0, _NO_CEILING),
        act_below=0.5,
        action="review risk",
        sample="n",
    ),
    Figure(
        "max_drawdown_pct",
        "Max drawdown",
        "%",
        good=(_NO_FLOOR, 15.0),
        act_above=25.0,
        action="stop and review",
    ),
    Figure("drawdown_pct", "Drawdown now", "%"),
    Figure(
        "win_rate_pct",
        "Win rate",
        "%",
        1,
        good=(45.0, 65.0),
        act_below=35.0,
        action="review signals",
        sample="total_trades",
    ),
    Figure(
        "profit_factor",
        "Profit factor",
        good=(1.5, _NO_CEILING),
        act_below=1.0,
        action="losing money",
        sample="total_trades",
    ),
    Figure("total_trades", "Trades", digits=0),
    Figure("total_pnl", "PnL of trades", "money"),
    Figure("volatility", "Volatility of a return", digits=5),
    Figure("regime_change_score", "Regime change score"),
    Figure("n", "Returns behind the ratios", digits=0),
)

REASONS: Mapping[str, str] = {
    "no_equity_events": "no equity events",
    "no_trades": "no trades",
    "too_few": "too few returns",
    "no_variance": "the returns do not vary",
    "no_downside": "no loss",
    "no_drawdown": "no drawdown",
    "no_losing_trade": "no losing trade",
    "wiped_out": "wiped out",
    "not_in_usd": "not in USD",
    "overflow": "too large to say",
}
