"""What was delivered, here and elsewhere, as the topic `notifications` has it: the memory that survives a restart."""

from collections import OrderedDict
from typing import Final, Literal, get_args

from fleawatch.alerting.entry import Told
from fleawatch.alerting.records import Delivery
from fleawatch_schemas.wire import Severity, Status

OWN: Final = 131_072
"""Alerts that a channel remembers having told; about 40 MB. Beyond it the oldest is forgotten: a repeat, never a loss."""
OTHERS: Final = 32_768
RECENT: Final = 128
"""Letters whose calls are remembered: more than any receiver's limit is about."""
_ORDER: Final[dict[Status, int]] = {"firing": 0, "no_data": 1, "resolved": 2}
_ACKNOWLEDGED: Final = "acknowledged"
Elsewhere = Literal["sent", "failed", ""]


def measure(severity: Severity, threshold: float | None, *, acknowledged: bool) -> str:
    """How bad it was when it was told, as the log keeps it: CRITICAL 25.0 acknowledged."""
    words: list[str] = [severity, "-" if threshold is None else repr(threshold)]
    return " ".join([*words, _ACKNOWLEDGED] if acknowledged else words)


def told_by(record: Delivery) -> Told:
    """The reverse: what a record of the log says was told."""
    words = (record.detail or "").split()
    severity = next((one for one in get_args(Severity) if words[:1] == [one]), None)
    threshold = None
    if severity is not None and len(words) > 1:
        try:
            threshold = float(words[1])
        except ValueError:
            threshold = None
    return Told(record.status, record.ts, record.message_ref, severity, threshold, _ACKNOWLEDGED in words[2:])


class Deliveries:
    """`channel` is ours. Of others only counts whether a firing reached its people."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._own: OrderedDict[str, Told] = OrderedDict()
        self._quiet: OrderedDict[str, None] = OrderedDict()
        self._others: OrderedDict[str, dict[str, Elsewhere]] = OrderedDict()
        self._calls: OrderedDict[float, int] = OrderedDict()  # time of a letter → its calls
        self.refs: dict[str, set[str]] = {}  # message → the alerts it stands for

    def take(self, record: Delivery) -> None:
        """A record of the log, of any channel."""
        if record.channel != self._channel:
            if record.status == "firing" and record.outcome != "suppressed":
                told = self._others.setdefault(record.alert_id, {})
                told[record.channel] = record.outcome
                self._others.move_to_end(record.alert_id)
                if len(self._others) > OTHERS:
                    self._others.popitem(last=False)
        elif record.outcome == "sent":
            self._calls[record.ts] = record.attempts
            if len(self._calls) > RECENT:
                self._calls.popitem(last=False)
            self.told(record.alert_id, told_by(record))
        elif record.outcome == "suppressed":
            self.kept_quiet(record.alert_id)

    def told(self, alert_id: str, told: Told) -> None:
        """This channel said so. What is older than what is known changes nothing."""
        known = self._own.get(alert_id)
        if known is not None and (known.at, _ORDER[known.status]) > (told.at, _ORDER[told.status]):
            return
        if known is not None and known.ref is not None:
            self._drop(known.ref, alert_id)
        if told.ref is not None:
            self.refs.setdefault(told.ref, set()).add(alert_id)
        self._own[alert_id] = told
        self._own.move_to_end(alert_id)
        if len(self._own) > OWN:
            forgotten, oldest = self._own.popitem(last=False)
            if oldest.ref is not None:
                self._drop(oldest.ref, forgotten)

    def kept_quiet(self, alert_id: str) -> None:
        self._quiet[alert_id] = None
        if len(self._quiet) > OTHERS:
            self._quiet.popitem(last=False)

    def was_kept_quiet(self, alert_id: str) -> bool:
        return alert_id in self._quiet

    def of(self, alert_id: str) -> Told | None:
        return self._own.get(alert_id)

    def calls(self, since: float) -> list[float]:
        """When this channel's receiver was called, as far as the log tells: a letter's calls have one time."""
        return sorted(at for at, calls in self._calls.items() if at >= since for _ in range(calls))

    def elsewhere(self, alert_id: str, first: tuple[str, ...], ahead: tuple[str, ...]) -> Elsewhere:
        """Whether one of `first` or `ahead` has delivered it; or all of `first` have given up."""
        told = self._others.get(alert_id, {})
        if any(told.get(name) == "sent" for name in (*first, *ahead)):
            return "sent"
        return "failed" if first and all(told.get(name) == "failed" for name in first) else ""

    def _drop(self, ref: str, alert_id: str) -> None:
        self.refs[ref].discard(alert_id)
        if not self.refs[ref]:
            del self.refs[ref]
