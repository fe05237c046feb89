"""Topic `attribution`: where the money came from and went."""

from typing import Annotated

from pydantic import Field

from fleawatch_schemas.contract import AgentId, Contract, Count, Time
from fleawatch_schemas.metrics import Window


class AssetShare(Contract):
    """The trades of one asset."""

    gross: float
    net: float
    count: Count


class StrategyShare(AssetShare):
    """The trades of one strategy, with what they cost."""

    fees: float
    slippage_cost: Annotated[float, Field(ge=0)]


class AttributionRecord(Contract):
    """Keyed `agent_id|window`. Where there are very many strategies or assets, the smallest are `other`."""

    agent_id: AgentId
    ts: Time
    window: Window
    by_strategy: dict[str, StrategyShare]
    by_asset: dict[str, AssetShare]
    by_hour: Annotated[list[float], Field(min_length=24, max_length=24)]
    """Net PnL by the UTC hour of the entry, from 0 to 23."""
    totals: StrategyShare
    fee_drag_pct: float | None
    """Fees as a share of the sum of |gross|; null without any."""
    slippage_cost: Annotated[float, Field(ge=0)]
    funding: float
