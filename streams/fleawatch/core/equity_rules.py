"""The rules that read an agent's equity. Called only for events where one of them may change."""

from typing import Literal

from fleawatch.core.alerts import Cause, Words, fires, is_open, occurrence, tell
from fleawatch.core.anomaly import is_anomaly, newest_z, regime_change_score
from fleawatch.core.equity_state import EquityState
from fleawatch.core.outputs import Output, anomaly_output
from fleawatch.core.trip_rules import check_trip, control_says
from fleawatch_schemas.ids import anomaly_id
from fleawatch_schemas.wire import Anomaly, Equity


def check_money(st: EquityState, ev: Equity, cause: Cause, out: list[Output]) -> None:
    """Wiped out, drawdown exceeded, drawdown near its limit."""
    rules = st.rules
    rule = rules.wiped_out
    broke = ev.equity <= 0
    if fires(st, rule, cause, -ev.equity, out, holds=broke, clear=not broke):
        title = f"wiped out, equity {ev.equity:,.2f} {ev.currency or 'USD'}"
        out.append(tell(st, rule, cause, Words(title, _money(ev), ev.equity, 0.0)))

    rule = rules.drawdown_exceeded
    drawdown = st.drawdown
    kill = drawdown > rules.kill_drawdown
    # a cash-basis agent's equity falls whenever it opens a position: no action follows from it
    action = "" if ev.equity_basis == "cash" else "kill" if kill else "pause"
    over = drawdown > rule.threshold
    cools = rules.auto_control != "on"  # what is paused again, is told again
    told = fires(
        st, rule, cause, drawdown, out, holds=over, clear=rule.calm(drawdown), action=action, cools=cools
    )
    due = check_trip(st, ev, cause)
    if told or (due and rules.auto_control != "off" and is_open(st, rule)):
        limit = rules.kill_drawdown if kill else rule.threshold
        words = _drawdown(st, ev, "exceeds", limit)
        out.append(tell(st, rule, cause, words._replace(body=words.body + control_says(st, ev))))

    # the warning is not opened while the limit itself is exceeded; one that was open stays, unrepeated, until it clears
    above = is_open(st, rule)
    rule = rules.drawdown_warning
    over = drawdown > rule.threshold and not above
    if fires(st, rule, cause, drawdown, out, holds=over, clear=rule.calm(drawdown)):
        out.append(tell(st, rule, cause, _drawdown(st, ev, "is above", rule.threshold)))


def check_drift(st: EquityState, cause: Cause, out: list[Output]) -> None:
    """Regime change: the last 20 returns vary otherwise than the 80 before."""
    rule = st.rules.strategy_drift
    score = None if st.calibrated else regime_change_score(st.returns)
    value = -1.0 if score is None else score  # where other detectors alert now, what was open is over
    if fires(st, rule, cause, value, out, holds=value > rule.threshold, clear=rule.calm(value)):
        title = f"strategy drift, regime change score {value:.2f} exceeds {rule.threshold:g}"
        body = f"The last 20 returns vary {1 + value:.1f} times as much as the ones before."
        out.append(tell(st, rule, cause, Words(title, body, value, rule.threshold)))


def check_return(
    st: EquityState, ev: Equity, returned: float, cause: Cause, out: list[Output], *, gap: bool
) -> None:
    """The z-score of the return just pushed: an anomaly for subscribers; an alert in the profile classic, but for gaps."""
    score = newest_z(st.returns)
    if score is None or not is_anomaly(score):
        return
    kind: Literal["loss", "gain"] = "loss" if score.z < 0 else "gain"
    out.append(
        anomaly_output(
            Anomaly(
                anomaly_id=anomaly_id(st.agent_id, "zscore", cause.topic, cause.epoch, cause.seq),
                agent_id=st.agent_id,
                ts=ev.ts,
                detector="zscore",
                return_=returned,
                z_score=score.z,
                baseline_mean=score.mean,
                baseline_std=score.std,
                n=score.n,
                direction=kind,
                equity=ev.equity,
                source=cause.source(),
                gap=gap,
            )
        )
    )
    if gap or st.calibrated:
        return
    rule = st.rules.return_anomaly
    if abs(score.z) <= rule.threshold:
        return
    severity = (
        "CRITICAL" if score.z < 0 else rule.severity
    )  # as the guide has it; the ceiling is `occurrence`'s matter
    if occurrence(st, rule, cause, abs(score.z), severity):
        title = f"unusual {kind} {returned:+.2%} (z {score.z:+.1f})"
        body = f"Usual: {score.mean:+.4%} ± {score.std:.4%} over {score.n} returns. {_money(ev)}"
        out.append(tell(st, rule, cause, Words(title, body, score.z, rule.threshold)))


def _drawdown(st: EquityState, ev: Equity, verb: str, limit: float) -> Words:
    body = f"{_money(ev)} Flow-adjusted peak {st.peak:,.2f}, worst drawdown so far {st.max_drawdown:.1%}."
    return Words(f"drawdown {st.drawdown:.1%} {verb} {limit:.0%}", body, 100 * st.drawdown, 100 * limit)


def _money(ev: Equity) -> str:
    return f"Equity {ev.equity:,.2f} {ev.currency or 'USD'}, {ev.open_positions} open positions."
