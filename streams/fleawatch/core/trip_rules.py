"""The guards of automatic control, sample by sample, and what the alert about a drawdown says of it."""

from fleawatch.core.alerts import FIRING, PENDING, Cause
from fleawatch.core.equity_state import EquityState
from fleawatch.core.trip import FRESH_SECS, NEVER, Stage, Trip
from fleawatch_schemas.ids import alert_id
from fleawatch_schemas.wire import Equity

_SAYS = {
    ("dry_run", False): "Dry run: it would have been told to pause.",
    ("dry_run", True): "Dry run: it would have been killed, unless many agents tripped at once.",
    ("on", False): "Control is on: it is to be paused.",
    ("on", True): "Control is on: it is to be killed, or only paused if many agents trip at once.",
}


def check_trip(st: EquityState, ev: Equity, cause: Cause) -> Stage:
    """After the alert has moved: what this sample makes due."""
    rules = st.rules
    rule, trip = rules.drawdown_exceeded, st.control.trip
    if st.drawdown <= rule.threshold or not rule.enabled:
        if trip is not None and trip.over:
            trip.over = False
            trip.kill_from = NEVER
            st.set_bounds()
        return ""
    at = st.received / 1000
    counts = _doubt(st, ev) == ""
    stage: Stage = ""
    if trip is None or not trip.over:
        firing = st.alerts.get(rule.name)
        if not counts or (firing is not None and firing.phase == PENDING):
            return ""
        under = firing.alert_id if firing is not None and firing.phase == FIRING else ""
        known = trip is not None and trip.under == under
        name = (
            alert_id(st.agent_id, rule.name, cause.topic, cause.epoch, cause.seq)
            if known or not under
            else under
        )
        trip = st.control.trip = Trip(name, under, at)
        st.set_bounds()
        stage = "pause"
    if trip.kill_sample(ev.ts, at, counts=counts, over=st.drawdown > rules.kill_drawdown):
        stage = "kill"
    return stage


def control_says(st: EquityState, ev: Equity) -> str:
    """What follows from the drawdown, for a person; "" where control is off."""
    mode, trip = st.rules.auto_control, st.control.trip
    if mode == "off":
        return ""
    if trip is None or not trip.over:
        return f" No command follows: {_doubt(st, ev) or 'the limit is no longer exceeded'}."
    return " " + _SAYS[mode, trip.kill_at != NEVER]


def _doubt(st: EquityState, ev: Equity) -> str:
    """Why nothing may follow from a sample, "" where it counts."""
    if ev.equity_basis == "cash":
        return "it reports its cash, which falls with each position that it opens"
    late = st.received / 1000 - ev.ts
    if late > FRESH_SECS:
        return f"the news was {late:.0f} s old when it came"
    return ""
