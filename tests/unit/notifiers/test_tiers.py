"""Who is told of what."""

import pytest

from fleawatch.notifiers.channel import carries
from fleawatch_schemas.wire import Alert, Severity


def alert(rule: str, severity: Severity) -> Alert:
    return Alert(
        alert_id="0" * 16, agent_id="a", rule=rule, severity=severity, status="firing", title="t", body="b",
        started_ts=1.0, ts=1.0, runbook="r",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "severity", "told"),
    [
        ("milestone", "INFO", {"log"}),
        ("return_anomaly", "WARN", {"log", "telegram"}),
        ("drawdown_exceeded", "CRITICAL", {"log", "telegram", "slack"}),
        ("sharpe_low", "WARN", {"log"}),  # for a digest: a ratio of thirty days is no reason to call anybody
        ("win_rate_low", "WARN", {"log"}),
    ],
)
def test_tiers(rule: str, severity: Severity, told: set[str]) -> None:
    channels = ("log", "telegram", "slack")
    assert {name for name in channels if carries(name, alert(rule, severity))} == told
