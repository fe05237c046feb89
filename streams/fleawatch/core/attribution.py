"""PnL attribution as it is published: gross and net by strategy, by asset, by hour; what trading cost."""

from math import isfinite
from typing import cast

from fleawatch.core.ledger import Ledger, StrategySums
from fleawatch.core.trades import TradesState, ledger_of
from fleawatch_schemas.wire import AssetShare, Attribution, StrategyShare, Window


def attribution_of(st: TradesState, window: str, ts: float) -> Attribution:
    """The attribution of the trades that were closed in `window` ("24h", "7d", "30d", "all") up to `ts`."""
    return attribution(st.agent_id, ledger_of(st, window, ts), window, ts)


def attribution(agent_id: str, ledger: Ledger, window: str, ts: float) -> Attribution:
    total = StrategySums()
    for sums in ledger.strategies.values():
        total.merge(sums)
    hours = [0.0] * 24
    for hour, net in ledger.hours.items():
        hours[hour] = net.value
    turnover = ledger.turnover.value
    drag = 100 * total.fees.value / turnover if turnover > 0 else None
    return Attribution(
        agent_id=agent_id,
        ts=ts,
        window=cast("Window", window),
        by_strategy={name: _share(sums) for name, sums in ledger.strategies.items()},
        by_asset={
            name: AssetShare(sums.gross.value, sums.net.value, sums.count)
            for name, sums in ledger.assets.items()
        },
        by_hour=hours,
        totals=_share(total),
        fee_drag_pct=drag if drag is not None and isfinite(drag) else None,
        slippage_cost=total.slippage.value,
        funding=ledger.funding.value,
    )


def _share(sums: StrategySums) -> StrategyShare:
    return StrategyShare(sums.gross.value, sums.net.value, sums.count, sums.fees.value, sums.slippage.value)
