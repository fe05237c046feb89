"""The fleet's figures as they are published."""

import msgspec

from fleawatch.core.fleet import FLEET, FleetState
from fleawatch.core.metrics import metrics_of
from fleawatch_schemas.wire import Metrics, Window
from fleawatch_schemas.wire_fleet import FleetAgents, FleetFigures

_OF_TRADES = ("win_rate_pct", "profit_factor", "total_trades", "total_pnl")
_NAMES = 20


def fleet_metrics(st: FleetState, window: Window) -> Metrics | None:
    """The joined account's figures at the last second that is counted; None before the first agent."""
    if st.account is None:
        return None
    ts = float(st.done)
    metrics = metrics_of(FLEET, st.account, None, window, ts)
    last = st.account.last
    undefined = {name: why for name, why in metrics.undefined.items() if name not in _OF_TRADES}
    undefined |= dict.fromkeys(_OF_TRADES, "not_summed")
    return msgspec.structs.replace(
        metrics,
        balance_usd=last.balance,
        win_rate_pct=None,
        profit_factor=None,
        total_trades=None,
        total_pnl=None,
        undefined=undefined,
        fleet=fleet_figures(st),
    )


def fleet_figures(st: FleetState) -> FleetFigures:
    """Who is in the figures, and who is not."""
    missing = st.missing()
    statuses = [slot.status for _, slot in sorted(st.slots.items())]
    agents = FleetAgents(
        live=sum(one.agents.live for one in statuses),
        alive=sum(one.agents.alive for one in statuses),
        stopped=sum(one.agents.stopped for one in statuses),
        paused=sum(one.agents.paused for one in statuses),
        stale=sum(one.agents.stale for one in statuses),
        under_water=sum(one.agents.under_water for one in statuses),
        tripped=sum(one.agents.tripped for one in statuses),
    )
    left_out: dict[str, int] = {}
    for one in statuses:
        for currency, count in one.left_out.items():
            left_out[currency] = left_out.get(currency, 0) + count
    members = st.members()
    return FleetFigures(
        partial=bool(missing),
        missing=missing,
        agents=agents,
        members=members,
        left_out=left_out,
        left_out_agents=sorted(name for one in statuses for name in one.left_out_agents)[:_NAMES],
        under_water_pct=min(100.0, 100 * agents.under_water / members) if members else None,
    )
