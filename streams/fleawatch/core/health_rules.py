"""The rules that read one heartbeat and what is kept of those before it. Rules of silence: `silence.py`."""

from fleawatch.core.alerts import Cause, Words, active, fires, tell
from fleawatch.core.error_counts import NONE
from fleawatch.core.health_state import HealthState
from fleawatch.core.latency import Endpoint
from fleawatch.core.outputs import Output
from fleawatch_schemas.wire import Health

REACHABLE = "reachable"
"""The check by which a bridge says whether its poll of the agent was answered."""
FRESH_SECS = 3600.0
"""What was not reported for so long is no reason for an alert any more."""
SPIKE_FLOOR_MS = 100.0
"""A p95 below it is no spike, whatever was usual: 2 ms in place of 0.3 ms concerns nobody."""
LEAST_USUAL_ERRORS = 1.0
"""Errors an hour: what usually has none has no multiple of it."""
_LISTED = 5


def check_health(st: HealthState, ev: Health, cause: Cause, out: list[Output]) -> None:
    """All of them, on an event that is newer than those before."""
    _check_reachable(st, ev, cause, out)
    _check_checks(st, ev, cause, out)
    if st.endpoints:
        _check_latency(st, cause, out)
    if st.errors.count != NONE:
        _check_errors(st, ev, cause, out)


def check_clock(st: HealthState, estimate: float, cause: Cause, out: list[Output]) -> None:
    """`estimate` is a block's; `cause` is at the append time, for the agent's own clock is in doubt."""
    rule = st.rules.clock_skew
    off = abs(estimate)
    if fires(st, rule, cause, off, out, holds=off > rule.threshold, clear=rule.calm(off)):
        if estimate < 0:
            title = f"clock is {off:.1f} s ahead"
            body = "Its times are later than their arrival at the broker. Synchronise it."
        else:
            title = f"clock is {off:.1f} s behind, or everything arrives that late"
            body = "No heartbeat took less from its own time to the broker. Synchronise it, or see what holds them up."
        out.append(tell(st, rule, cause, Words(title, body, off, rule.threshold)))


def _check_reachable(st: HealthState, ev: Health, cause: Cause, out: list[Output]) -> None:
    rule = st.rules.agent_unreachable
    failed = st.unreachable
    if failed == 0 and not active(st, rule):
        return
    if fires(st, rule, cause, failed, out, holds=failed >= rule.threshold, clear=failed == 0):
        title = f"unreachable: {failed} polls failed in a row"
        body = f"{ev.last_error or 'No error was given.'} Whether it still trades is not known."
        out.append(tell(st, rule, cause, Words(title, body, failed, rule.threshold)))


def _check_checks(st: HealthState, ev: Health, cause: Cause, out: list[Output]) -> None:
    """What `reachable` says is agent_unreachable's; the status of an agent that was not reached says nothing."""
    rule = st.rules.health_degraded
    bad: list[str] = []
    if False in st.checks.values():
        bad = [name for name, ok in st.checks.items() if not ok and name != REACHABLE]
    degraded = bool(bad) or (ev.status == "degraded" and st.unreachable == 0)
    if not degraded and not active(st, rule):
        return
    if fires(st, rule, cause, len(bad), out, holds=degraded, clear=not degraded):
        names = ", ".join(bad[:_LISTED]) + (", …" if len(bad) > _LISTED else "")
        title = f"health check failing: {names}" if bad else "reports itself degraded"
        out.append(tell(st, rule, cause, Words(title, ev.last_error or "No error was given.", len(bad), 0)))


def _check_latency(st: HealthState, cause: Cause, out: list[Output]) -> None:
    """One alert an agent, about the endpoint that is furthest above its limit: `threshold`, or less where less is usual."""
    rule = st.rules.api_latency
    now = cause.ts
    if not active(st, rule):
        # it is opened by a sample above the limit; most are below all limits
        least = min(rule.threshold, SPIKE_FLOOR_MS)
        for endpoint in st.endpoints.values():
            if endpoint.latest > least and endpoint.seen == now:
                limit = _latency_limit(st, endpoint)
                if endpoint.latest > limit and endpoint.p95_above(limit):
                    break
        else:
            return  # nearly always
    worst, name, p95, limit, usual = 0.0, "", 0.0, rule.threshold, None
    for candidate, endpoint in st.endpoints.items():
        its_p95 = endpoint.quantile(95)
        its_limit = _latency_limit(st, endpoint)
        if now - endpoint.seen <= FRESH_SECS and its_p95 is not None and its_p95 / its_limit > worst:
            worst, name, p95, limit, usual = (
                its_p95 / its_limit, candidate, its_p95, its_limit, endpoint.baseline,
            )  # fmt: skip
    if fires(st, rule, cause, p95, out, holds=worst > 1, clear=worst < rule.resolve_ratio):
        title = f"API slow: p95 of {name} {p95:,.0f} ms exceeds {limit:,.0f} ms"
        known = "not known yet" if usual is None else f"{usual:,.0f} ms"
        body = f"Over its last {len(st.endpoints[name].recent)} samples; the usual p95 is {known}."
        out.append(tell(st, rule, cause, Words(title, body, p95, limit)))


def _latency_limit(st: HealthState, endpoint: Endpoint) -> float:
    limit = max(st.rules.api_latency.threshold, 1e-9)
    usual = endpoint.baseline
    return limit if usual is None else min(limit, max(st.rules.latency_spike * usual, SPIKE_FLOOR_MS))


def _check_errors(st: HealthState, ev: Health, cause: Cause, out: list[Output]) -> None:
    rule = st.rules.error_rate
    stale = cause.ts - st.errors.seen > FRESH_SECS
    count = st.errors.count
    if count == 0 and not active(st, rule):
        return
    usual = st.errors.baseline()
    limit = rule.threshold
    if usual is not None and usual >= LEAST_USUAL_ERRORS:
        limit = min(limit, st.rules.errors_spike * usual)
    if count <= limit and not active(st, rule):
        return
    holds = count > limit and not stale
    if fires(st, rule, cause, count, out, holds=holds, clear=stale or count < limit * rule.resolve_ratio):
        known = "not known yet" if usual is None else f"{usual:g}"
        body = f"Usual in an hour: {known}. The last one: {ev.last_error or 'not given'}."
        title = f"{count} errors in the last hour, more than {limit:g}"
        out.append(tell(st, rule, cause, Words(title, body, count, limit)))
