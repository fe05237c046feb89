"""What was settled already, so that an alert that is published again is not sent again."""

from collections import OrderedDict

from fleawatch_schemas.wire import Alert

CAPACITY = 65_536  # transitions; about 20 MB. Beyond it the oldest is forgotten, which costs a repeat, never an alert


class Memory:
    """The last CAPACITY transitions. An alert that becomes worse (a higher threshold or severity) is another one."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._seen: OrderedDict[tuple[str, str, str, float | None], None] = OrderedDict()
        self._capacity = capacity

    def __contains__(self, alert: Alert) -> bool:
        return _key(alert) in self._seen

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, alert: Alert) -> None:
        """The newest mention counts: what is published every few minutes is not forgotten."""
        key = _key(alert)
        self._seen[key] = None
        self._seen.move_to_end(key)
        if len(self._seen) > self._capacity:
            self._seen.popitem(last=False)


def _key(alert: Alert) -> tuple[str, str, str, float | None]:
    return alert.alert_id, alert.status, alert.severity, alert.threshold
