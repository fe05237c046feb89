"""What a journal must have come to, by NumPy over whole histories: no code of the monitor but the making of ids.

Definitions: a return's z-score against the other returns of the last 100 (at least 20), an anomaly beyond 3; a drawdown
fires above 15 % and is over below 13.5 %; within 300 s of its end it fires again only when it is worse. Sharpe ratio: of the
returns between the closes of bars of five minutes, aligned to UTC, the first from the first event; the open bar counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from faults.load import Sent
from fleawatch_schemas.ids import alert_id, anomaly_id

WINDOW, LEAST, LIMIT_Z = 100, 20, 3.0
BAR_SECS, BARS_A_YEAR = 300, 105_120
LIMIT, OVER, COOLDOWN_SECS = 0.15, 0.135, 300.0
Drawdown = tuple[str, str]
"""Alert id and status."""


@dataclass(slots=True)
class Expected:
    """Of one bot."""

    last: tuple[int, int] = (-1, -1)  # epoch and seq of the last equity event
    equity: float = 0.0
    drawdown: float = 0.0
    max_drawdown: float = 0.0
    trades: int = 0
    pnl: float = 0.0
    anomalies: set[str] = field(default_factory=set)
    drawdowns: set[Drawdown] = field(default_factory=set)
    metrics: dict[str, float] = field(default_factory=dict)  # of the last day, which is all there is


def expected(journal: Iterable[Sent]) -> tuple[dict[str, Expected], int]:
    """By bot; and how many events nobody can read."""
    of: dict[str, dict[str, dict[tuple[int, int], Sent]]] = {}
    unreadable = 0
    for sent in journal:
        if sent.good:
            of.setdefault(sent.agent, {"equity": {}, "trades": {}})[sent.topic].setdefault(
                (sent.epoch, sent.seq), sent
            )
        else:
            unreadable += 1
    found = {
        agent: _bot(agent, list(topics["equity"].values()), list(topics["trades"].values()))
        for agent, topics in of.items()
    }
    return found, unreadable


def _bot(agent: str, equity: list[Sent], trades: list[Sent]) -> Expected:
    nets = np.array([sent.figure for sent in trades])
    found = Expected(trades=len(trades), pnl=float(nets.sum()))
    found.metrics = {"total_trades": len(trades), "total_pnl": found.pnl}
    if len(trades):
        found.metrics["win_rate_pct"] = 100 * float((nets > 0).mean())
    if not equity:
        return found
    values = np.array([sent.figure for sent in equity])
    drawdowns = 1 - values / np.maximum.accumulate(values)
    found.last = (equity[-1].epoch, equity[-1].seq)
    found.equity, found.drawdown, found.max_drawdown = (
        float(values[-1]),
        float(drawdowns[-1]),
        float(drawdowns.max()),
    )
    returns = values[1:] / values[:-1] - 1
    for at in range(LEAST - 1, len(returns)):
        others = returns[max(0, at - WINDOW + 1) : at]
        if len(others) + 1 >= LEAST and abs(returns[at] - others.mean()) > LIMIT_Z * others.std(ddof=1):
            sent = equity[at + 1]
            found.anomalies.add(anomaly_id(agent, "zscore", "equity", sent.epoch, sent.seq))
    found.drawdowns = _drawdowns(agent, equity, drawdowns)
    found.metrics |= {"equity": found.equity, "drawdown_pct": 100 * found.drawdown}
    if len(returns) >= WINDOW:
        found.metrics["volatility"] = float(returns[-WINDOW:].std(ddof=1))
    bars = np.array([sent.ts // BAR_SECS for sent in equity])
    closes = np.append(values[:-1][np.diff(bars) > 0], values[-1])
    by_bar = closes / np.append(values[0], closes[:-1]) - 1
    if len(by_bar) > 1:
        found.metrics["sharpe_ratio"] = float(by_bar.mean() / by_bar.std(ddof=1) * np.sqrt(BARS_A_YEAR))
    return found


def _drawdowns(
    agent: str, equity: list[Sent], drawdowns: "np.ndarray[tuple[int], np.dtype[np.float64]]"
) -> set[Drawdown]:
    transitions: set[Drawdown] = set()
    opened, worst, ended = "", 0.0, -1e18
    for sent, drawdown in zip(equity, drawdowns, strict=True):
        if opened:
            worst = max(worst, float(drawdown))
            if drawdown < OVER:
                transitions.add((opened, "resolved"))
                opened, ended = "", sent.ts
        elif drawdown > LIMIT and (sent.ts >= ended + COOLDOWN_SECS or drawdown > worst):
            opened, worst = (
                alert_id(agent, "drawdown_exceeded", "equity", sent.epoch, sent.seq),
                float(drawdown),
            )
            transitions.add((opened, "firing"))
    return transitions
