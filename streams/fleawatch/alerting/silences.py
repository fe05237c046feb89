"""What operators want to be quiet for a while: silences, and maintenance, which mutes questions of life alone."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from fleawatch.alerting.rule_sets import ALWAYS_TOLD, LIVENESS
from fleawatch_schemas.wire import Alert


class Silence(NamedTuple):
    """From `start` to before `end`, seconds since 1970. `matchers` must all match, patterns as in a shell."""

    silence_id: str
    matchers: Mapping[str, str]
    start: float
    end: float
    by: str
    maintenance: bool = False

    def holds(self, now: float) -> bool:
        return self.start <= now < self.end

    def matches(self, alert: Alert, labels: Mapping[str, str]) -> bool:
        """Whether it is about this alert, at whatever time. Without matchers it is about none."""
        if self.maintenance and (alert.rule not in LIVENESS or alert.rule in ALWAYS_TOLD):
            return False
        return bool(self.matchers) and all(
            fnmatchcase(labels.get(name, ""), pattern) for name, pattern in self.matchers.items()
        )


def labels_of(alert: Alert, agent: Mapping[str, str]) -> dict[str, str]:
    """What matchers see: the alert's labels, what is known of its agent, and its own fields, which win."""
    own = {
        "alert_id": alert.alert_id, "agent": alert.agent_id, "agent_id": alert.agent_id, "rule": alert.rule,
        "severity": alert.severity,
    }  # fmt: skip
    return {**agent, **alert.labels, **own}
