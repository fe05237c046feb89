"""Which strategies and assets lose their names when an agent's closed trades would take too many bytes."""

from collections.abc import Sequence

from fleawatch.core.ledger import OTHER, Ledger, smallest
from fleawatch.core.ledger_bytes import ASSET_BYTES, STRATEGY_BYTES, full_size

BYTES = 13_300
"""With the open hour and the rest of a state, 16 KiB at most: what remains when nothing has a name fits in."""


class Outline:
    """What a packed ledger takes: `rest` bytes, and so many for each name."""

    __slots__ = ("assets", "rest", "strategies")

    def __init__(self, rest: int, strategies: dict[str, int], assets: dict[str, int]) -> None:
        self.rest: int = rest
        self.strategies: dict[str, int] = strategies
        self.assets: dict[str, int] = assets

    def size(self) -> int:
        return self.rest + sum(self.strategies.values()) + sum(self.assets.values())


def make_room(life: Ledger, outlines: Sequence[Outline]) -> None:
    """Count the smallest names of `life` as `OTHER`, one after the other, until all fits into `BYTES`."""
    cells = sum([outline.size() for outline in outlines])
    while cells + full_size(life) > BYTES:
        strategies = {name: sums.count for name, sums in life.strategies.items() if name != OTHER}
        assets = {name: sums.count for name, sums in life.assets.items() if name != OTHER}
        strategy = smallest(strategies) if strategies else ""
        asset = smallest(assets) if assets else ""
        if assets and (not strategies or assets[asset] <= strategies[strategy]):
            life.fold_asset(asset)
            cells -= _saved([outline.assets for outline in outlines], asset, ASSET_BYTES)
        elif strategies:
            life.fold_strategy(strategy)
            cells -= _saved([outline.strategies for outline in outlines], strategy, STRATEGY_BYTES)
        else:
            return


def _saved(held: Sequence[dict[str, int]], name: str, most: int) -> int:
    """How many bytes it saves at least that `name` is `OTHER` from now on, a cell of which takes `most` at most."""
    saved = 0
    for sizes in held:
        if name in sizes:
            saved += sizes.pop(name) + sizes.get(OTHER, 0) - most
            sizes[OTHER] = most
    return saved


def fold_absent(ledger: Ledger, life: Ledger) -> None:
    """Count as `OTHER` what has no name in `life`."""
    for strategy in [name for name in ledger.strategies if name not in life.strategies]:
        ledger.fold_strategy(strategy)
    for asset in [name for name in ledger.assets if name not in life.assets]:
        ledger.fold_asset(asset)
