"""Where alerts go when nobody says otherwise: INFO to the log, WARN to telegram, CRITICAL to everybody; at night only CRITICAL,
and what a month says once a day.

These routes stand behind an operator's own, so that nothing that a file forgets is lost.
"""

from typing import Final

from fleawatch.alerting.clockface import Hours
from fleawatch.alerting.routes import LOG, Route, Routes
from fleawatch.alerting.rule_sets import DIGEST_RULES, SILENT_AGENT

TIERS: Final[dict[str, frozenset[str]]] = {
    LOG: frozenset({"INFO", "WARN", "CRITICAL"}),
    "telegram": frozenset({"WARN", "CRITICAL"}),
    "slack": frozenset({"CRITICAL"}),
    "sms": frozenset({"CRITICAL"}),
    "apprise": frozenset({"WARN", "CRITICAL"}),
}
"""Which severities each channel tells by default."""

CRITICAL_CHANNELS: Final = tuple(name for name in TIERS if name != LOG)
NIGHT: Final = Hours(22 * 60, 7 * 60)
REPEAT_SECS: Final = 3600.0


def _told(severity: str) -> tuple[str, ...]:
    return tuple(name for name, severities in TIERS.items() if name != LOG and severity in severities)


DEFAULT_ROUTES: Final = (
    Route(
        "for-the-digest", _told("WARN"), {"rule": tuple(sorted(DIGEST_RULES)), "severity": ("INFO", "WARN")},
        digest=True,
    ),
    # Silent agents that no larger cause explains are one message all the same.
    Route(
        "silent-agents", _told("CRITICAL"), {"rule": tuple(sorted(SILENT_AGENT)), "severity": ("CRITICAL",)},
        group_by=("rule", "group"), group_wait=0.0, group_interval=10.0, repeat_interval=REPEAT_SECS,
    ),
    Route(
        "critical", _told("CRITICAL"), {"severity": ("CRITICAL",)},
        group_by=("agent", "rule"), group_wait=0.0, group_interval=0.0, repeat_interval=REPEAT_SECS,
    ),
    Route("warnings", _told("WARN"), {"severity": ("WARN",)}, group_by=("agent",)),
    Route("news", (), {}),
)  # fmt: skip

DEFAULTS: Final = Routes(DEFAULT_ROUTES, CRITICAL_CHANNELS, NIGHT)
