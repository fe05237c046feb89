"""What a run came to: lost, counted twice, sent again. Compares the oracle's word with the changelogs and output topics."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from core_records import unpacked
from engine_app.log import final_state, read_all
from faults.load import Sent
from faults.oracle import Expected, expected
from fleawatch.core.equity_state import EquityState
from fleawatch.core.trades import TradesState, figures
from fleawatch.engine.parts import split_key
from fleawatch.settings import Settings
from fleawatch_schemas.wire import Alert, Anomaly, Metrics

NEAR = 1e-9  # relative
NEAR_RATIO = 1e-6  # running moments against two passes


@dataclass(slots=True)
class Verdict:
    """`lost` and `doubled` count events and outputs; `repeats` are outputs that came again under their id."""

    events: int
    lost: int = 0
    doubled: int = 0
    repeats: int = 0
    anomalies: int = 0  # expected ones, or the run proved little
    alerts: int = 0
    examples: list[str] = field(default_factory=list)

    def count(self, what: str, *, lost: int = 0, doubled: int = 0) -> None:
        self.lost += lost
        self.doubled += doubled
        if (lost or doubled) and len(self.examples) < 20:
            self.examples.append(f"{what}: lost {lost}, doubled {doubled}")


async def judge(settings: Settings, journal: Iterable[Sent]) -> Verdict:
    """After the load has stopped, the workers have caught up and left."""
    sent = list(journal)
    bots, unreadable = expected(sent)
    verdict = Verdict(len(sent))
    accounts = await _states(verdict, settings, "equity", EquityState)
    books = await _states(verdict, settings, "trades", TradesState)
    for agent, bot in bots.items():
        _judge_account(verdict, agent, bot, accounts.get(agent))
        _judge_book(verdict, agent, bot, books.get(agent))
    await _judge_metrics(verdict, settings, bots)
    anomalies = Counter(
        each.anomaly_id for each in await _values(settings, "anomalies", Anomaly) if each.detector == "zscore"
    )
    _judge_ids(verdict, "anomaly", set().union(*(bot.anomalies for bot in bots.values())), anomalies)
    alerts = Counter(
        (alert.alert_id, alert.status)
        for alert in await _values(settings, "alerts", Alert)
        if alert.rule == "drawdown_exceeded"
    )
    drawdowns = set().union(*(bot.drawdowns for bot in bots.values()))
    _judge_ids(verdict, "drawdown alert", drawdowns, alerts)
    verdict.repeats = sum(anomalies.values()) - len(anomalies)
    verdict.anomalies, verdict.alerts = len(anomalies), len(alerts)
    letters = Counter(
        (headers["source-topic"], headers["source-partition"], headers["source-offset"])
        for headers in [dict(record.headers) for record in await _records(settings, "dead-letter")]
    )
    verdict.count(
        "dead letters", lost=max(0, unreadable - len(letters)), doubled=max(0, len(letters) - unreadable)
    )
    verdict.repeats += sum(letters.values()) - len(letters)
    return verdict


def _judge_account(verdict: Verdict, agent: str, bot: Expected, state: EquityState | None) -> None:
    if bot.last == (-1, -1):
        return
    if state is None or (state.last.epoch, state.last.seq) < bot.last:
        verdict.count(f"{agent}'s equity", lost=1)
        return
    found = (state.last.equity, state.drawdown, state.max_drawdown)
    if found != pytest.approx((bot.equity, bot.drawdown, bot.max_drawdown), rel=NEAR, abs=NEAR):
        verdict.count(
            f"{agent}'s drawdowns {found}, not {(bot.equity, bot.drawdown, bot.max_drawdown)}", lost=1
        )


def _judge_book(verdict: Verdict, agent: str, bot: Expected, state: TradesState | None) -> None:
    if state is None:
        verdict.count(f"{agent}'s trades", lost=bot.trades)
        return
    found = figures(state, "all", 0.0)
    verdict.count(
        f"{agent}'s trades", lost=max(0, bot.trades - found.count), doubled=max(0, found.count - bot.trades)
    )
    if found.count == bot.trades and found.net != pytest.approx(bot.pnl, rel=NEAR, abs=1e-6):
        verdict.count(f"{agent}'s PnL {found.net}, not {bot.pnl}", lost=1, doubled=1)


async def _judge_metrics(verdict: Verdict, settings: Settings, bots: Mapping[str, Expected]) -> None:
    """The newest figures of each bot, as they were published."""
    newest: dict[str, Metrics] = {}
    for each in await _values(settings, "metrics", Metrics):
        known = newest.get(each.agent_id)
        if each.window == "24h" and (known is None or each.ts >= known.ts):
            newest[each.agent_id] = each
    for agent, bot in bots.items():
        if agent not in newest:
            verdict.count(f"{agent}'s metrics", lost=1)
            continue
        for name, wanted in bot.metrics.items():
            found = getattr(newest[agent], name)
            if found != pytest.approx(wanted, rel=NEAR_RATIO, abs=NEAR_RATIO):
                verdict.count(f"{agent}'s {name} {found}, not {wanted}", lost=1)


def _judge_ids(verdict: Verdict, what: str, wanted: set[Any], found: Counter[Any]) -> None:
    verdict.count(f"{what} {sorted(wanted - found.keys())[:3]}", lost=len(wanted - found.keys()))
    verdict.count(
        f"{what} {sorted(found.keys() - wanted)[:3]} of nothing", doubled=len(found.keys() - wanted)
    )


async def _states(verdict: Verdict, settings: Settings, table: str, kind: Any) -> dict[str, Any]:
    states = {}
    for stored in (
        await final_state(settings.bootstrap_servers, f"{settings.app_id}-{table}-changelog")
    ).values():
        for key in [key for key in stored if not split_key(key)[1]]:
            try:
                states[key.decode()] = unpacked(kind.unpack, key, stored)
            except ValueError as unreadable:
                verdict.count(f"{table} of {key.decode()}: {unreadable}", lost=1)
    return states


async def _records(settings: Settings, topic: str) -> list[Any]:
    found = await read_all(settings.bootstrap_servers, settings.topic(topic))
    return [record for records in found.values() for record in records]


async def _values(settings: Settings, topic: str, kind: Any) -> list[Any]:
    records = await _records(settings, topic)
    return [
        msgspec.json.decode(record.value, type=kind)
        for record in records
        if not (record.key or b"").startswith(b"_")
    ]
