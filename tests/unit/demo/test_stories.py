"""Each fault leads to its alert by the monitor's own pipeline, offline: it is told nothing of the stories."""

from dataclasses import dataclass, replace

import pytest

from fleawatch.core.equity_state import EquityState
from fleawatch.core.health_state import HealthState
from fleawatch.core.pipeline import equity_pipeline, health_pipeline
from fleawatch.core.registry import base_rules
from fleawatch.core.silence import stopped
from fleawatch.local.demo.agent import HEARTBEAT_SECS
from fleawatch.local.demo.roster import ARCHETYPES, Profile
from fleawatch.local.demo.run import LIVENESS_FLOOR_SECS
from fleawatch.local.demo.stories import CRASH, DRIFT, FAT_FINGER, LEVERAGE
from fleawatch_schemas.codec import decode_alert
from fleawatch_schemas.partition import partition_for
from fleawatch_schemas.wire import Alert, Equity, Health, encode

PARTITIONS = 12
BARS = 160  # 40 s at the default speed: every story has shown by then


@dataclass(frozen=True)
class Record:
    offset: int
    timestamp: int
    key: bytes
    value: bytes


def _alerts(profile: Profile, bars: int = BARS) -> list[tuple[int, Alert]]:
    """(bar, alert) of the agent's first bars, in order."""
    trader, history = profile.start()
    pipeline, states = equity_pipeline(PARTITIONS), dict[bytes, EquityState]()
    key = profile.agent_id.encode()
    found = []
    for number, bar in enumerate(history[:bars]):
        step = trader.on_bar(bar)
        value = encode(
            Equity(
                v=1,
                agent_id=profile.agent_id,
                epoch=1,
                seq=number,
                ts=step.ts,
                equity=step.equity,
                balance=step.balance,
                open_positions=step.open_positions,
                unrealised_pnl=step.unrealised_pnl,
            )
        )
        record = Record(number, 1_800_000_000_000, key, value)
        applied = pipeline.apply(partition_for(key, PARTITIONS), [record], states, set())
        assert not applied.rejected
        found += [(number, decode_alert(o.value)) for o in applied.outputs if o.topic == "alerts"]
    return found


def _of(profile: Profile, rule: str) -> list[tuple[int, Alert]]:
    return [(bar, a) for bar, a in _alerts(profile) if a.rule == rule and a.status == "firing"]


BY_STORY = {profile.story: profile for profile in ARCHETYPES if profile.story}


def test_leverage_into_the_oil_crash_of_2008_exceeds_the_drawdown_limit() -> None:
    fired = _of(BY_STORY[LEVERAGE], LEVERAGE.alert)
    bar, alert = fired[0]
    assert alert.severity == "CRITICAL"
    assert 20 <= bar <= 80
    assert {again.alert_id for _, again in fired} == {alert.alert_id}, "one drawdown, one incident"
    sober = replace(BY_STORY[LEVERAGE], story=None)
    assert _of(sober, LEVERAGE.alert) == [], "the cause is the size, not the market alone"


def test_a_fat_finger_is_a_critical_anomaly_on_its_bar() -> None:
    ((bar, alert),) = _of(BY_STORY[FAT_FINGER], FAT_FINGER.alert)
    assert (bar, alert.severity) == (FAT_FINGER.at_bar, "CRITICAL")
    assert _of(replace(BY_STORY[FAT_FINGER], story=None), FAT_FINGER.alert) == []


def test_growing_positions_are_noticed_as_drift() -> None:
    (bar, alert), *_ = _of(BY_STORY[DRIFT], DRIFT.alert)
    assert alert.severity == "WARN"
    assert DRIFT.at_bar < bar <= 120
    sober = _of(replace(BY_STORY[DRIFT], story=None), DRIFT.alert)
    assert all(other > 120 for other, _ in sober), "what comes later is the market's own rise of volatility"


def test_a_killed_agent_is_noticed_by_its_silence() -> None:
    agent_id = BY_STORY[CRASH].agent_id
    beat = Health(
        v=1,
        agent_id=agent_id,
        epoch=1,
        seq=0,
        ts=100.0,
        status="ok",
        uptime_secs=0.0,
        interval_secs=HEARTBEAT_SECS,
    )
    key, states = agent_id.encode(), dict[bytes, HealthState]()
    home = partition_for(key, PARTITIONS)
    rules = base_rules(LIVENESS_FLOOR_SECS)
    health_pipeline(PARTITIONS, lambda _: rules).apply(
        home, [Record(0, 100_000, key, encode(beat))], states, set()
    )
    grace = max(3 * HEARTBEAT_SECS, LIVENESS_FLOOR_SECS)
    assert stopped(states[key], 100.0 + grace, 0.0) == ()
    (output,) = stopped(states[key], 100.1 + grace, 0.0)
    alert = decode_alert(output.value)
    assert (alert.rule, alert.status, alert.severity) == (CRASH.alert, "firing", "CRITICAL")


@pytest.mark.parametrize(
    "profile", [p for p in ARCHETYPES if p.story in {None, CRASH}], ids=lambda p: p.agent_id
)
def test_the_other_agents_stay_within_their_limits(profile: Profile) -> None:
    """So that the stories stand out: what they may see is an unusual market day, never more than a warning."""
    assert {alert.severity for _, alert in _alerts(profile)} <= {"WARN"}
    assert {alert.rule for _, alert in _alerts(profile)} <= {"return_anomaly", "drawdown_warning"}
