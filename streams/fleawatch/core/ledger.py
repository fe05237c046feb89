"""Where money came from and went: sums over trades by strategy, by asset and by the UTC hour of the entry.

Every sum is compensated, and sums of ledgers are: a year of trades that nearly cancel keeps its cents.
"""

from collections.abc import Collection

from fleawatch_schemas.wire import Trade

STRATEGIES = 6
ASSETS = 16
"""So many are told apart; the ones with the fewest trades are `OTHER` together."""
NAME_BYTES = 400
"""Of all strategies' or assets' names in a ledger: they are an agent's to choose, up to 256 bytes each."""
OTHER = "other"
"""An agent that calls a strategy so gets them together."""


def gross_of(trade: Trade) -> float:
    move = trade.exit_price - trade.entry_price
    return (move if trade.side == "buy" else -move) * trade.size


class Total:
    """A sum that keeps the digits which plain addition drops (Neumaier 1974)."""

    __slots__ = ("rest", "total")

    def __init__(self, total: float = 0.0, rest: float = 0.0) -> None:
        self.total: float = total
        self.rest: float = rest

    def add(self, x: float) -> None:
        before = self.total
        self.total = total = before + x
        self.rest += (before - total) + x if abs(before) >= abs(x) else (x - total) + before

    def merge(self, other: "Total") -> None:
        self.add(other.total)
        self.rest += other.rest

    @property
    def value(self) -> float:
        return self.total + self.rest


class AssetSums:
    """The trades of one asset."""

    __slots__ = ("count", "gross", "net")

    def __init__(self) -> None:
        self.count: int = 0
        self.gross: Total = Total()
        self.net: Total = Total()

    def merge(self, other: "AssetSums") -> None:
        self.count += other.count
        self.gross.merge(other.gross)
        self.net.merge(other.net)


class StrategySums:
    """The trades of one strategy, with what they cost. `slippage` is not negative."""

    __slots__ = ("count", "fees", "gross", "net", "slippage")

    def __init__(self) -> None:
        self.count: int = 0
        self.gross: Total = Total()
        self.net: Total = Total()
        self.fees: Total = Total()
        self.slippage: Total = Total()

    def merge(self, other: "StrategySums") -> None:
        self.count += other.count
        self.gross.merge(other.gross)
        self.net.merge(other.net)
        self.fees.merge(other.fees)
        self.slippage.merge(other.slippage)


class Ledger:
    """The sums over some trades. Totals of gross, net, fees and slippage are those of the strategies."""

    __slots__ = (
        "assets", "count", "funding", "hours", "loss_squares", "losses", "profit_squares", "profits", "strategies", "turnover",
        "wins",
    )  # fmt: skip

    def __init__(self) -> None:
        self.strategies: dict[str, StrategySums] = {}
        self.assets: dict[str, AssetSums] = {}
        self.hours: dict[int, Total] = {}  # net PnL
        self.count: int = 0
        self.wins: int = 0  # net above zero
        self.profits: Total = Total()
        self.losses: Total = Total()  # not negative
        self.profit_squares: Total = Total()
        self.loss_squares: Total = Total()
        self.turnover: Total = Total()  # Σ|gross|
        self.funding: Total = Total()

    def add(self, trade: Trade) -> None:
        gross = gross_of(trade)
        slippage = abs(trade.slippage * trade.size)
        net = gross - trade.fees + trade.funding - slippage
        self.count += 1
        strategy = self.strategies.get(trade.strategy)
        if strategy is None:
            strategy = self.strategy(trade.strategy)
        strategy.count += 1
        strategy.gross.add(gross)
        strategy.net.add(net)
        if trade.fees:
            strategy.fees.add(trade.fees)
        if slippage:
            strategy.slippage.add(slippage)
        asset = self.assets.get(trade.asset)
        if asset is None:
            asset = self.asset(trade.asset)
        asset.count += 1
        asset.gross.add(gross)
        asset.net.add(net)
        self.hour(int(trade.entry_ts // 3600) % 24).add(net)
        self.turnover.add(abs(gross))
        if trade.funding:
            self.funding.add(trade.funding)
        if net > 0:
            self.wins += 1
            self.profits.add(net)
            self.profit_squares.add(net * net)
        elif net < 0:
            self.losses.add(-net)
            self.loss_squares.add(net * net)

    def hour(self, hour: int) -> Total:
        total = self.hours.get(hour)
        if total is None:
            total = self.hours[hour] = Total()
        return total

    def strategy(self, name: str) -> StrategySums:
        """The sums of `name`; where there are too many, a new one takes the place of the smallest."""
        sums = self.strategies.get(name)
        if sums is None:
            while crowded(self.strategies, name, STRATEGIES):
                self.fold_strategy(smallest({known: one.count for known, one in self.strategies.items()}))
            sums = self.strategies[name] = StrategySums()
        return sums

    def asset(self, name: str) -> AssetSums:
        """As `strategy`."""
        sums = self.assets.get(name)
        if sums is None:
            while crowded(self.assets, name, ASSETS):
                self.fold_asset(smallest({known: one.count for known, one in self.assets.items()}))
            sums = self.assets[name] = AssetSums()
        return sums

    def fold_strategy(self, name: str) -> None:
        """Count `name` as other from now on."""
        left = self.strategies.pop(name)
        self.strategy(OTHER).merge(left)

    def fold_asset(self, name: str) -> None:
        left = self.assets.pop(name)
        self.asset(OTHER).merge(left)

    def merge(self, other: "Ledger") -> None:
        """Add the trades of `other`; those that are known here come first, so that no new name drives them out."""
        for strategy in sorted(other.strategies, key=lambda name: name not in self.strategies):
            self.strategy(strategy).merge(other.strategies[strategy])
        for asset in sorted(other.assets, key=lambda name: name not in self.assets):
            self.asset(asset).merge(other.assets[asset])
        for hour, net in other.hours.items():
            self.hour(hour).merge(net)
        self.count += other.count
        self.wins += other.wins
        self.profits.merge(other.profits)
        self.losses.merge(other.losses)
        self.profit_squares.merge(other.profit_squares)
        self.loss_squares.merge(other.loss_squares)
        self.turnover.merge(other.turnover)
        self.funding.merge(other.funding)


def smallest(counts: dict[str, int]) -> str:
    """The name with the fewest trades; the oldest of several, so that a new one has time to grow."""
    return min([name for name in counts if name != OTHER], key=counts.__getitem__)


def crowded(known: Collection[str], name: str, most: int) -> bool:
    """Whether one has to leave before `name` can come."""
    names = [one for one in known if one != OTHER]
    if name == OTHER or not names:
        return False
    return len(names) >= most or sum([len(one.encode()) for one in names]) + len(name.encode()) > NAME_BYTES
