"""The layout of a health state: read by later releases, refused where it is not known, and small."""

from pathlib import Path
from typing import Any

import pytest

from core_records import START, Run, health_event
from fleawatch.core.health_state import HealthState
from fleawatch.core.pipeline import health_pipeline

DATA = Path(__file__).resolve().parents[2] / "data"
VERSION_1 = (DATA / "health_state_v1.bin").read_bytes()
VERSION_2 = (DATA / "health_state_v2.bin").read_bytes()


def busy(seq: int, **changes: Any) -> dict[str, Any]:
    """A normal agent's heartbeat: six checks, four endpoints."""
    return health_event(
        seq,
        checks={
            name: {"ok": True} for name in ("balance", "cpu", "database", "exchange", "memory", "strategy")
        },
        errors_1h=seq % 7,
        api_latency_ms=dict.fromkeys(("balance", "orders", "positions", "ticker"), 20.0 + seq % 90),
        last_action_ts=START + 10 * seq,
        equity_interval_secs=30,
        **changes,
    )


def test_version_1_is_read() -> None:
    """Written by the first release; breaks when an upgrade loses who was firing, or what was already counted."""
    st = HealthState.unpack(VERSION_1)
    assert (st.agent_id, st.seq, st.lost, st.status, st.interval) == ("momentum-1", 5, 2, "degraded", 10.0)
    assert (st.received, st.ts, st.uptime) == (START + 50, START + 50, 50.0)
    assert {rule: (alert.phase, alert.limit) for rule, alert in st.alerts.items()} == {
        "agent_stopped": (1, 90.0),
        "health_degraded": (1, 0.0),
        "sequence_gap": (1, 0.0),
    }
    assert st.watch
    assert (st.checks, st.endpoints, st.errors.count, st.equity_interval) == ({}, {}, -1, None)

    run = Run(health_pipeline(1))
    run.next = 4
    run.states[b"momentum-1"] = st
    assert run.feed(health_event(5)).duplicates == 1
    run.feed(health_event(2), health_event(6))  # one that was missing, and the next
    assert [(alert.rule, alert.status) for alert in run.alerts] == [
        ("agent_stopped", "resolved"),
        ("health_degraded", "resolved"),
    ]
    assert HealthState.unpack(st.pack()).pack() == st.pack()


def test_version_2_is_what_is_written() -> None:
    """Breaks when the layout changes without another version: a release would refuse, or misread, what the last one wrote."""
    st = HealthState.unpack(VERSION_2)
    assert st.pack() == VERSION_2
    assert sorted(st.alerts) == [
        "agent_stopped", "agent_unreachable", "api_latency", "error_rate", "health_degraded", "sequence_gap",
    ]  # fmt: skip
    assert (st.checks, st.unreachable, st.errors.count) == ({}, 0, 12)
    assert [(name, endpoint.count) for name, endpoint in st.endpoints.items()] == [
        ("orders", 703),
        ("ticker", 703),
    ]
    assert st.strikes is not None
    assert (st.strikes.count, st.strikes.moved) == (1, True)
    assert (st.equity_interval, st.last_action, st.skew.estimate) == (30.0, START, 0.0)


@pytest.mark.parametrize("version", [0, 3, 255])
def test_an_unknown_version_is_refused(version: int) -> None:
    with pytest.raises(ValueError, match=f"version {version}"):
        HealthState.unpack(bytes((version,)) + VERSION_1[1:])


def test_a_damaged_state_is_refused() -> None:
    run = Run(health_pipeline(1))
    run.feed(*(busy(seq) for seq in range(30)))
    packed = run.state.pack()
    for size in range(len(packed)):
        with pytest.raises(ValueError, match="health state"):
            HealthState.unpack(packed[:size])
    with pytest.raises(ValueError, match="too many"):
        HealthState.unpack(packed + b"\0")


def test_a_normal_agent_needs_less_than_a_kilobyte() -> None:
    run = Run(health_pipeline(1))
    run.feed(*(busy(seq) for seq in range(4000)))  # every ring is full
    assert len(run.state.pack()) <= 1024


def test_a_hostile_agent_is_bounded() -> None:
    """Names that never repeat, as long as a message may be."""
    run = Run(health_pipeline(1))
    for seq in range(300):
        run.feed(
            health_event(
                seq,
                checks={f"{seq}-{i}" + "é" * 300: {"ok": False} for i in range(40)},
                api_latency_ms={f"{seq}-{i}": 1.0 for i in range(40)} | {"x" * 5000: 1.0},
                errors_1h=2**53 - 1,
            )
        )
    st = run.state
    assert (len(st.endpoints), len(st.checks)) == (9, 16)
    assert st.endpoints["other"].count == 300 * 41 - 8
    assert len(st.pack()) <= 4096
    assert HealthState.unpack(st.pack()).pack() == st.pack()
