"""One heartbeat: (state, event) → (state, outputs). Pure: no clock, no I/O."""

from fleawatch.core.alerts import RESOLVED, Cause, level, resolve
from fleawatch.core.health_rules import REACHABLE, check_clock, check_health
from fleawatch.core.health_state import CHECKS, LONGEST_CHECK, HealthState
from fleawatch.core.latency import take
from fleawatch.core.outputs import Output
from fleawatch.core.record import Record
from fleawatch_schemas.wire import Check, Health


def first(st: HealthState, ev: Health, record: Record, partition: int, out: list[Output]) -> None:
    step(st, ev, record, partition, out)


def step(st: HealthState, ev: Health, record: Record, partition: int, out: list[Output]) -> None:
    """Take an accepted event. Also a late one proves that the agent lives, and shows its clock."""
    received = record.timestamp / 1000
    st.received = received
    st.named = (ev.epoch, ev.seq)
    at = Cause("health", partition, record.offset, ev.epoch, ev.seq, received)
    if level(st, st.rules.agent_stopped, at, 0.0, holds=False, clear=True) == RESOLVED:
        out.append(resolve(st, st.rules.agent_stopped, at))
        st.judged_since = received
    elif ev.epoch != st.epoch:
        st.judged_since = received
    estimate = st.skew.push(received - ev.ts, received, ev.interval_secs)
    if estimate is not None:
        check_clock(st, estimate, at, out)
    if ev.ts < st.ts:
        return
    ts = st.ts = ev.ts
    if st.status == "stopping" != ev.status:
        st.judged_since = received
    st.status = ev.status
    st.interval = ev.interval_secs
    st.uptime = ev.uptime_secs
    if ev.last_action_ts is not None:
        st.last_action = ev.last_action_ts
    if ev.equity_interval_secs is not None and ev.equity_interval_secs != st.equity_interval:
        st.judged_since = received
        st.equity_interval = ev.equity_interval_secs
    _take_checks(st, ev, received)
    if ev.errors_1h is not None:
        st.errors.push(ev.errors_1h, ts)
    if ev.api_latency_ms is not None:
        take(st.endpoints, ev.api_latency_ms, ts)
    check_health(st, ev, Cause("health", partition, record.offset, ev.epoch, ev.seq, ts), out)


def _take_checks(st: HealthState, ev: Health, received: float) -> None:
    """A heartbeat without checks leaves them as they were, unless it says that all is well."""
    checks = ev.checks
    if checks is None:
        if ev.status == "ok" and st.checks:
            st.checks = {}
    else:
        st.checks = _kept(checks)
    if st.checks.get(REACHABLE, True):
        if st.unreachable:
            st.unreachable = 0
            st.judged_since = received
    elif checks is not None:
        st.unreachable = min(st.unreachable + 1, 0xFFFFFFFF)


def _kept(checks: dict[str, Check]) -> dict[str, bool]:
    """By name in order, as many as are kept: of too many the failing ones first."""
    kept = {_cut(name): result.ok for name, result in checks.items()}
    names = sorted(kept)
    if len(names) > CHECKS:
        names = sorted(sorted(names, key=kept.__getitem__)[:CHECKS])
    return {name: kept[name] for name in names}


def _cut(name: str) -> str:
    if 4 * len(name) <= LONGEST_CHECK:
        return name
    return name.encode()[:LONGEST_CHECK].decode("utf-8", "ignore")
