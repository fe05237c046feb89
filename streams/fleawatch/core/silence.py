"""The rules of silence: what did not come. Time alone moves them, so they are judged in ticks, by the worker that owns the
agent's partitions, and only while it reads those at their end: `since`. After any pause of ours (a broker, a restart, a
rebalance) every agent has its full grace again.

A tick looks at one agent. `next_look` says when one could next have an outcome, so that a second costs what is due in it and
not one look for every agent.
"""

from typing import NamedTuple

from fleawatch.core.alerts import (
    FIRING,
    PENDING,
    RESOLVED,
    Cause,
    Firing,
    Words,
    duration,
    is_open,
    level,
    resolve,
    tell,
)
from fleawatch.core.equity_state import EquityState
from fleawatch.core.health_state import HealthState
from fleawatch.core.outputs import Output
from fleawatch.core.rules import REPUBLISH_SECS
from fleawatch_schemas.reasons import Reason

UNDECLARED_SECS = 300.0
"""The equity interval of an agent that declares none and is in no registry, unless it was seen to be longer: one that sends
equity with its trades only must not be called unmonitored between two of them."""
APPLIED_SECS = 10.0
"""From append to state, at most: whoever is longer behind does not read at the end, and has another `since` afterwards."""
EARLY_SECS = 0.001
"""A look so much before its time finds nothing and is repeated; one that rounding made late would miss its second."""


class Side(NamedTuple):
    """What the worker knows of an agent's equity events beside its health."""

    state: EquityState | None
    since: (
        float | None
    )  # since when both partitions are read at their end; None: they are not, or not both here
    interval: float | None  # of the registry, which outranks what the agent says
    refused: str = ""  # reason of the last refusal since the last equity event, "" if there is none


def stopped(st: HealthState, now: float, since: float | None) -> tuple[Output, ...]:
    """The rule agent_stopped, and its repeats while it is open. When outputs are returned, the state has changed."""
    if since is None:
        return ()
    rule = st.rules.agent_stopped
    grace = _grace(st)
    if now <= max(st.received, since) + grace and not is_open(st, rule):
        return ()
    silent = now - st.received
    cause = Cause("health", st.home, st.offset, *st.named, now)
    if level(st, rule, cause, silent, holds=True, clear=False) != FIRING:
        return ()
    title = f"no sign of life for {duration(silent)}"
    said = "it said it was stopping" if st.status == "stopping" else f"its last status was {st.status}"
    body = f"Health is due every {duration(st.interval)}; {said}, up for {duration(st.uptime)}."
    return (tell(st, rule, cause, Words(title, body, silent, grace)),)


def unmonitored(st: HealthState, side: Side, now: float) -> tuple[Output, ...]:
    """The rule agent_unmonitored: signs of life, but no equity event was applied; without one drawdown is not seen.

    Named after the last equity event that was applied, as agent_stopped is after the last heartbeat; where there is none,
    after the first heartbeat of the process.
    """
    rule = st.rules.agent_unmonitored
    if side.since is None or not rule.enabled:
        return ()
    due = _equity_due(st, side, side.since)
    # alive is who gave a sign of life when equity was overdue: an agent that died is not called unmonitored first
    holds = _judged(st) and st.received > due and now > due
    if not holds and rule.name not in st.alerts:
        return ()
    applied = _applied(side)
    firing = st.alerts.get(rule.name)
    clear = firing is not None and applied >= firing.started
    interval = _interval(st, side)
    silent = now - max(applied or _last_time(side, now), st.judged_since)
    cause = _cause(st, side, now)
    move = level(st, rule, cause, silent / interval, holds=holds, clear=clear)
    if move == RESOLVED:
        return (resolve(st, rule, cause),)
    if move != FIRING:
        return ()
    title = f"alive but unmonitored: no equity for {duration(silent)}, {_why(side)}"
    body = f"Equity is due every {duration(interval)}. Until it comes no drawdown of this agent can be seen."
    return (tell(st, rule, cause, Words(title, body, silent / interval, rule.threshold)),)


def next_look(st: HealthState, side: Side, now: float, since: float) -> float:
    """The earliest time at which a tick could have an outcome, provided that `since` stays or grows.

    An event gives at least the shortest grace from its append time, whatever it changes. So a look at least that often, less
    the time from append to state, finds every change in time.
    """
    rules = st.rules
    rule = rules.agent_stopped
    shortest = rules.agent_stopped.threshold
    look = now + max(shortest / 2, shortest - APPLIED_SECS)
    firing = st.alerts.get(rule.name)
    if not rule.enabled:
        pass
    elif firing is None or firing.phase == RESOLVED:
        look = min(look, max(st.received, since) + _grace(st))
    else:
        look = min(look, _open_look(firing, now))
    rule = rules.agent_unmonitored
    if not rule.enabled:
        return look
    firing = st.alerts.get(rule.name)
    if firing is not None and firing.phase != RESOLVED:
        return now  # an equity event ends it, and does not say so here
    if side.since is not None and _judged(st):
        look = min(look, max(_equity_due(st, side, side.since), now))
    return look


def _open_look(firing: Firing, now: float) -> float:
    return now if firing.phase == PENDING else firing.published + REPUBLISH_SECS - EARLY_SECS


def _grace(st: HealthState) -> float:
    grace = max(st.rules.silent_intervals * st.interval, st.rules.agent_stopped.threshold)
    return grace + st.rules.stopping_grace_secs if st.status == "stopping" else grace


def _judged(st: HealthState) -> bool:
    return st.status != "stopping" and st.unreachable == 0 and not is_open(st, st.rules.agent_stopped)


def _interval(st: HealthState, side: Side) -> float:
    if side.interval is not None:
        return side.interval
    if st.equity_interval is not None:
        return st.equity_interval
    return UNDECLARED_SECS if side.state is None else max(UNDECLARED_SECS, side.state.interval)


def _applied(side: Side) -> float:
    """When the last equity event was applied, as far as this worker knows."""
    return 0.0 if side.state is None else side.state.received / 1000


def _last_time(side: Side, now: float) -> float:
    """The event time of the last equity event: what is left of it when the worker has restarted since."""
    return 0.0 if side.state is None else min(side.state.last.ts, now)


def _equity_due(st: HealthState, side: Side, since: float) -> float:
    """The shortest silence that counts is the same for both rules. Only the market's hours count."""
    rules = st.rules
    grace = max(rules.agent_unmonitored.threshold * _interval(st, side), rules.agent_stopped.threshold)
    return rules.calendar.after(max(_applied(side), st.judged_since, since), grace)


def _cause(st: HealthState, side: Side, now: float) -> Cause:
    state = side.state
    if state is None:
        return Cause("health", st.home, st.offset, st.epoch, 0, now)
    return Cause("equity", st.home, state.offset, state.last.epoch, state.last.seq, now)


def _why(side: Side) -> str:
    state = side.state
    if side.refused == Reason.FUTURE.value:
        return "quarantined: its times are in the future"
    if side.refused == Reason.STALE_EPOCH.value:
        return "stale: it comes from an earlier process of this agent"
    if side.refused:
        return f"rejected: {side.refused}"
    if state is not None and (state.epoch, state.seq) != (state.last.epoch, state.last.seq):
        return "stale: what comes is older than what was there"
    return "none came"
