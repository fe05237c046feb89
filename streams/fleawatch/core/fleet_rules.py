"""The rules about the fleet, a group and a venue. Called for each partial that was joined; most of the time nothing is on."""

import msgspec

from fleawatch.core.alerts import FIRING, RESOLVED, Alerting, Cause, duration, level, settle
from fleawatch.core.equity_state import EquityState
from fleawatch.core.fleet import FLEET, PARTIALS, FleetState, GroupAlert
from fleawatch.core.fleet_health import NO_GROUP
from fleawatch.core.mass_trip import WITHIN_SECS, added, is_mass
from fleawatch.core.outputs import Output, alert_output
from fleawatch.core.rules import Rule, Rules
from fleawatch_schemas.wire import Alert
from fleawatch_schemas.wire_fleet import FleetGroup

VENUE_AGENTS = 2
"""One agent alone cannot tell its venue's trouble from its own."""
_NAMES = 20
_SILENT, _VENUE = "silent|", "venue|"


def check_fleet(st: FleetState, offset: int, out: list[Output]) -> None:
    """Every rule, after the record at `offset` was joined."""
    if st.account is not None:
        _check_drawdown(st, st.account, Cause(PARTIALS, 0, offset, 0, st.done, float(max(st.done, 0))), out)
    cause = Cause(PARTIALS, 0, offset, 0, offset, st.clock)
    _check_mass_trip(st, cause, out)
    rule = st.rules.fleet_silent
    for name, group in _joined([slot.status.groups for slot in st.slots.values()], st, _SILENT).items():
        share = group.hit / max(1, group.agents)
        holds = group.hit >= st.rules.silent_agents and share > rule.threshold
        clear = group.hit < st.rules.silent_agents or share <= rule.threshold * rule.resolve_ratio
        of_whom = "agents without a group" if name == NO_GROUP else f"agents of {name}"
        words = f"{group.hit} of {group.agents} {of_whom} are silent"
        _check_group(
            st,
            _SILENT + name,
            rule,
            cause,
            out,
            group=group,
            words=words,
            holds=holds,
            clear=clear,
            label="group",
        )
    rule = st.rules.exchange_down
    for name, group in _joined([slot.status.venues for slot in st.slots.values()], st, _VENUE).items():
        share = group.hit / max(1, group.agents)
        holds = group.hit >= VENUE_AGENTS and share > rule.threshold
        clear = share <= rule.threshold * rule.resolve_ratio
        words = f"{name} fails for {group.hit} of its {group.agents} agents"
        _check_group(
            st,
            _VENUE + name,
            rule,
            cause,
            out,
            group=group,
            words=words,
            holds=holds,
            clear=clear,
            label="venue",
        )


def use_rules(st: FleetState, rules: Rules, of_monitor: Rules, out: list[Output]) -> None:
    """Judge by `rules`, and the monitor by `of_monitor`, from the next partial on; resolve what by them never held."""
    cause = Cause(PARTIALS, 0, st.offset, 0, st.offset, st.clock)
    if rules is not st.rules:
        st.use(rules)
        out += settle(st, cause, "rule_changed")
        for key, group in list(st.groups.items()):
            out += [_of_group(key, output) for output in settle(group, cause, "rule_changed")]
            if not group.alerts:
                del st.groups[key]
    if of_monitor is not st.monitor.rules:
        st.monitor.use(of_monitor)
        out += settle(st.monitor, cause, "rule_changed")


def _of_group(key: str, output: Output) -> Output:
    """The end of an alert about a group or venue, as one of the fleet's."""
    alert = msgspec.json.decode(output.value, type=Alert)
    kind, _, name = key.partition("|")
    label = "group" if kind + "|" == _SILENT else "venue"
    title = f"{alert.rule.replace('_', ' ')} no longer applies: {name}"
    return alert_output(msgspec.structs.replace(alert, agent_id=FLEET, title=title, labels={label: name}))


def _check_drawdown(st: FleetState, account: EquityState, cause: Cause, out: list[Output]) -> None:
    rule = st.rules.fleet_drawdown
    drawdown = account.drawdown
    over = drawdown > rule.threshold
    if not over and not st.watch:
        return
    move = level(st, rule, cause, drawdown, holds=over, clear=drawdown <= rule.threshold * rule.resolve_ratio)
    if move is None:
        return
    under = sum(slot.status.agents.under_water for slot in st.slots.values())
    title = f"fleet drawdown {drawdown:.1%} exceeds {rule.threshold:.0%}"
    body = (
        f"Equity {account.last.equity:,.2f} USD of {st.members()} agents, {under} of them under water. "
        f"Flow-adjusted peak {account.peak:,.2f}."
    )
    values = (100 * drawdown, 100 * rule.threshold)
    said = _say(st, rule, cause, title=title, body=body, values=values, labels={}, resolved=move == RESOLVED)
    out.append(said)


def _check_mass_trip(st: FleetState, cause: Cause, out: list[Output]) -> None:
    """Over when fewer are over their limits, not when it was long ago."""
    rule = st.rules.mass_trip
    statuses = [slot.status for slot in st.slots.values()]
    over = sum([status.agents.tripped for status in statuses])
    if (over == 0 and not st.watch) or len(statuses) < st.partitions:
        return
    live = max(1, sum([status.agents.live for status in statuses]))
    trips = added([[(row.second, row.agents) for row in status.trips] for status in statuses])
    count = sum([trips[second] for second in trips if second >= int(st.clock) - WITHIN_SECS])
    share = count / live
    holds = is_mass(count, live, rule.threshold)
    clear = not holds and over <= live * rule.threshold * rule.resolve_ratio
    move = level(st, rule, cause, share, holds=holds, clear=clear)
    if move is None:
        return
    names = sorted({name for status in statuses for name in status.tripped_agents})[:_NAMES]
    title = f"{count} of {live} live agents fell over their drawdown limits within a minute"
    body = (
        f"Over now: {', '.join(names)}{', …' if over > len(names) else ''}. Where control is on they are paused; none of them"
        " is killed by itself. Look for one cause: the market, a venue, a price feed."
    )
    labels = {"agents": ",".join(names)}
    values = (100 * share, 100 * rule.threshold)
    said = _say(
        st, rule, cause, title=title, body=body, values=values, labels=labels, resolved=move == RESOLVED
    )
    out.append(said)


def _check_group(
    st: FleetState,
    key: str,
    rule: Rule,
    cause: Cause,
    out: list[Output],
    *,
    group: FleetGroup,
    words: str,
    holds: bool,
    clear: bool,
    label: str,
) -> None:
    alert = st.groups.get(key)
    if alert is None:
        if not holds:
            return
        alert = st.groups[key] = GroupAlert(key, st.rules)
    share = group.hit / max(1, group.agents)
    move = level(alert, rule, cause, share, holds=holds, clear=clear)
    if move in {FIRING, RESOLVED}:
        names = ", ".join(group.names) + (", …" if group.hit > len(group.names) else "")
        labels = {label: key.partition("|")[2], "agents": ",".join(group.names)}
        values = (100 * share, 100 * rule.threshold)
        out.append(
            _say(
                alert,
                rule,
                cause,
                title=words,
                body=names,
                values=values,
                labels=labels,
                resolved=move == RESOLVED,
            )
        )
    firing = alert.alerts.get(rule.name)
    if firing is None or (firing.phase == RESOLVED and cause.ts > firing.seen + rule.cooldown_secs):
        del st.groups[key]


def _joined(parts: list[dict[str, FleetGroup]], st: FleetState, prefix: str) -> dict[str, FleetGroup]:
    """The partitions' counts added up; those that alerts are open about are there even if nobody tells of them any more."""
    joined = {
        key.removeprefix(prefix): FleetGroup(0, 0, []) for key in sorted(st.groups) if key.startswith(prefix)
    }
    for part in parts:
        for name, group in part.items():
            if not group.hit and name not in joined and not any(name in p and p[name].hit for p in parts):
                continue
            was = joined.get(name) or FleetGroup(0, 0, [])
            names = sorted({*was.names, *group.names})[:_NAMES]
            joined[name] = FleetGroup(was.agents + group.agents, was.hit + group.hit, names)
    return joined


def _say(
    st: Alerting,
    rule: Rule,
    cause: Cause,
    *,
    title: str,
    body: str,
    values: tuple[float, float],
    labels: dict[str, str],
    resolved: bool,
) -> Output:
    firing = st.alerts[rule.name]
    alert = Alert(
        alert_id=firing.alert_id,
        agent_id=FLEET,
        rule=rule.name,
        severity=firing.severity,
        status="firing",
        title=title,
        body=body,
        value=values[0],
        threshold=values[1],
        unit=rule.unit,
        started_ts=firing.started,
        ts=cause.ts,
        runbook=rule.runbook,
        labels=labels,
        source=cause.source(),
    )
    if resolved:
        alert = msgspec.structs.replace(
            alert,
            status="resolved",
            reason="cleared",
            title=f"{rule.name.replace('_', ' ')} is over{_about(labels)}",
            body=f"It lasted {duration(cause.ts - firing.started)}.",
        )
    return alert_output(alert)


def _about(labels: dict[str, str]) -> str:
    name = labels.get("group", labels.get("venue", ""))
    return f": {name}" if name else ""
