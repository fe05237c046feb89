"""The states of the three input topics, by the topic's short name."""

from fleawatch.core.equity_state import EquityState
from fleawatch.core.health import HealthState
from fleawatch.core.trades import TradesState

STATES = {"equity": EquityState, "trades": TradesState, "health": HealthState}
__all__ = ["STATES", "EquityState", "HealthState", "TradesState"]
