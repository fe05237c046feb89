"""The states of the three input topics, by the topic's short name."""

from collections.abc import Mapping

from fleawatch.core.equity_state import EquityState
from fleawatch.core.health_state import HealthState
from fleawatch.core.trades import TradesState

STATES: Mapping[str, type[EquityState] | type[TradesState] | type[HealthState]] = {
    "equity": EquityState,
    "trades": TradesState,
    "health": HealthState,
}
__all__ = ["STATES", "EquityState", "HealthState", "TradesState"]
