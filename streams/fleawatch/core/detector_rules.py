"""What the calibrated detectors find, as alerts: shocks are `return_anomaly`, the slower changes `strategy_drift`."""

from dataclasses import replace

from fleawatch.core.alerts import Cause, Words, duration, occurrence, tell
from fleawatch.core.detectors.suite import Finding
from fleawatch.core.equity_state import EquityState
from fleawatch.core.outputs import Output
from fleawatch_schemas.wire import Equity

_TITLES = {
    "volatility up": "volatility rose",
    "volatility down": "volatility collapsed",
    "win rate": "fewer gains than usual",
    "drift": "returns are worse than usual",
}


def check_detectors(st: EquityState, ev: Equity, returned: float, cause: Cause, out: list[Output]) -> None:
    """The alarms that `Suite.push` has just told."""
    findings = st.suite.findings
    found = findings[0]
    if found.check == "shock":
        rule = st.rules.return_anomaly
        severity = "CRITICAL" if returned <= -st.rules.large_loss else rule.severity
        if occurrence(st, rule, cause, found.statistic, severity):
            kind = "loss" if returned < 0 else "gain"
            title = f"unusual {kind} {returned:+.2%} ({abs(st.suite.shock.score):.1f} σ)"
            money = f"Equity {ev.equity:,.2f} {ev.currency or 'USD'}, {ev.open_positions} open positions."
            words = Words(title, f"{_why(st, found, ev.ts)} {money}", found.statistic, found.threshold)
            out.append(tell(st, replace(rule, unit=found.unit), cause, words))
    rule = st.rules.strategy_drift
    for found in findings:
        if found.check != "shock" and occurrence(st, rule, cause, found.statistic, rule.severity):
            title = f"strategy drift, {_TITLES[found.check]} since {_clock(found.since)}"
            words = Words(title, _why(st, found, ev.ts), found.statistic, found.threshold)
            out.append(tell(st, replace(rule, unit=found.unit), cause, words))


def _why(st: EquityState, found: Finding, ts: float) -> str:
    text = f"Check {found.check}: {found.statistic:.1f} {found.unit}, threshold {found.threshold:.1f}"
    if found.since < ts:
        text += f", since {_clock(found.since)} ({duration(ts - found.since)})"
    return f"{text}; set to {st.suite.per_day:.2g} false alarms a day."


def _clock(ts: float) -> str:
    """Time of day.

    >>> _clock(1_767_225_600.0 + 3723)
    '01:02:03 UTC'
    """
    second = int(ts) % 86400
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02} UTC"
