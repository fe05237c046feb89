"""One alert, as one channel knows it: how it stands, what the channel has told of it, what is still to come."""

from dataclasses import dataclass, field
from math import inf
from typing import Final, Literal, NamedTuple

from fleawatch.alerting.places import Place
from fleawatch.alerting.routes import Part
from fleawatch.alerting.rule_sets import has_end
from fleawatch_schemas.wire import Alert, Severity, Status

RANK: Final[dict[str, int]] = {"INFO": 0, "WARN": 1, "CRITICAL": 2}
GroupKey = tuple[str, ...]


class Told(NamedTuple):
    """The last thing that this channel said of an alert. `at` in seconds since 1970."""

    status: Status
    at: float
    ref: str | None
    severity: Severity | None = None  # None: from a log that did not say
    threshold: float | None = None
    acknowledged: bool = False  # the message shows that somebody looks after it


BundleKind = Literal["night", "mute", "daily", "maintenance"]


class Bundle(NamedTuple):
    """What waited for the same moment is told together. `by`: whose maintenance it was."""

    kind: BundleKind
    until: float
    by: str = ""


@dataclass(slots=True)
class Entry:
    """`heard`: when the alert came; `last`: when it was last mentioned; `news_at`: when what is to be told came about."""

    alert: Alert
    labels: dict[str, str]
    part: Part
    heard: float
    last: float
    standing: Status
    news_at: float
    not_before: float = 0.0
    told: Told | None = None
    acked_by: str = ""
    owed: bool = False  # it waits or is about to be told: what it was must not be forgotten when it is over
    place: Place | None = None  # the first record whose outcome is open
    clear_since: float | None = None  # since when nothing kept it from being told by those who should
    bundle: Bundle | None = None
    reminders: int = 0
    wake: float = inf
    group: GroupKey = ()
    box: tuple[str, GroupKey] | None = None  # where the desk keeps it
    suppressed: str = ""  # the stage that kept it quiet last
    actions: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.standing != "resolved"

    @property
    def has_end(self) -> bool:
        return has_end(self.alert.rule)

    @property
    def closing(self) -> bool:
        """People were told that it fires, and not yet that it is over: nothing may keep that from them."""
        return self.standing == "resolved" and self.told is not None and self.told.status != "resolved"

    def news(self) -> bool:
        """Whether what the channel last said is no longer how it stands."""
        told = self.told
        if told is None:
            return self.standing != "resolved" or self.owed
        if told.status == "resolved":
            return False  # whatever comes later under this id was on its way before
        if told.status != self.standing:
            return True
        return self.standing == "firing" and self.worse_than(told)

    def worse_than(self, told: Told) -> bool:
        """A higher severity, or a further threshold of the same rule (a pause that became a kill)."""
        if told.severity is None:
            return False
        return RANK[self.alert.severity] > RANK[told.severity] or (
            self.alert.threshold != told.threshold and None not in {self.alert.threshold, told.threshold}
        )
