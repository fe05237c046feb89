"""The rules that read an agent's equity. Called only for events where one of them may change."""

from fleawatch.core.alerts import Cause, Finding, level, occurrence
from fleawatch.core.anomaly import is_anomaly, newest_z, regime_change_score
from fleawatch.core.equity_state import EquityState
from fleawatch.core.outputs import Output, anomaly_output
from fleawatch.core.rules import KILL_DRAWDOWN, LARGE_LOSS
from fleawatch_schemas.ids import anomaly_id
from fleawatch_schemas.wire import Anomaly, Equity

_FIRING = 1


def check(st: EquityState, ev: Equity, cause: Cause, out: list[Output]) -> None:
    """The level rules: wiped out, drawdown, drift."""
    rules = st.rules
    money = ev.currency or "USD"

    wiped = None
    if ev.equity <= 0:
        title = f"wiped out, equity {ev.equity:,.2f} {money}"
        wiped = Finding(ev.equity, 0.0, title, f"{_money(st, ev)}.", -ev.equity)
    level(st, rules.wiped_out, wiped, clear=True, cause=cause, out=out)

    drawdown = st.drawdown
    limit = rules.drawdown_exceeded
    exceeded = None
    if drawdown > limit.threshold:
        kill = drawdown > KILL_DRAWDOWN
        action = ("kill" if kill else "pause") if ev.equity_basis != "cash" else ""
        exceeded = _drawdown(st, ev, KILL_DRAWDOWN if kill else limit.threshold, "exceeds", action)
    clear = drawdown < limit.threshold * limit.resolve_ratio
    level(st, limit, exceeded, clear=clear, cause=cause, out=out)

    limit = rules.drawdown_warning
    above = st.alerts.get("drawdown_exceeded")
    near = None
    if drawdown > limit.threshold and (above is None or above.phase != _FIRING):
        near = _drawdown(st, ev, limit.threshold, "is above", "")
    clear = drawdown < limit.threshold * limit.resolve_ratio
    level(st, limit, near, clear=clear, cause=cause, out=out)

    limit = rules.strategy_drift
    score = regime_change_score(st.returns)
    drift = None
    if score is not None and score > limit.threshold:
        title = f"returns vary {score:.1f} times more than before (regime change score, limit {limit.threshold:g})"
        body = f"Last 20 returns against the 80 before. {_money(st, ev)}."
        drift = Finding(score, limit.threshold, title, body, score)
    clear = score is None or score < limit.threshold * limit.resolve_ratio
    level(st, limit, drift, clear=clear, cause=cause, out=out)


def check_return(
    st: EquityState, ev: Equity, returned: float, cause: Cause, out: list[Output], *, gap: bool
) -> None:
    """The z-score of the return just pushed: an anomaly for subscribers, and an alert unless it spans a gap."""
    st.returns.resum()
    score = newest_z(st.returns)
    if score is None or not is_anomaly(score):
        return
    loss = score.z < 0
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
                direction="loss" if loss else "gain",
                equity=ev.equity,
                source=cause.source(),
                gap=gap,
            )
        )
    )
    if gap:
        return
    kind = "loss" if loss else "gain"
    found = Finding(
        score.z,
        st.rules.return_anomaly.threshold,
        f"unusual {kind} {returned:+.2%} (z {score.z:+.1f})",
        f"Usual return {score.mean:+.4%} ± {score.std:.4%} over {score.n} returns. {_money(st, ev)}.",
        abs(score.z),
        "CRITICAL" if returned <= -LARGE_LOSS else None,
    )
    occurrence(st, st.rules.return_anomaly, found, cause, out)


def _drawdown(st: EquityState, ev: Equity, limit: float, verb: str, action: str) -> Finding:
    now = st.drawdown
    title = f"drawdown {now:.1%} {verb} {limit:.0%}"
    return Finding(
        100 * now, 100 * limit, title, f"{_money(st, ev)}, peak {st.peak:,.2f}.", now, action=action
    )


def _money(st: EquityState, ev: Equity) -> str:
    return f"Equity {ev.equity:,.2f} {ev.currency or 'USD'}, worst drawdown so far {st.max_drawdown:.1%}"
