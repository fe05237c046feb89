"""A notifier without its process: a desk between two logs, on a made-up clock, that can crash and start again."""

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from fleawatch.alerting.defaults import DEFAULTS
from fleawatch.alerting.desk import Desk
from fleawatch.alerting.flood import Limits
from fleawatch.alerting.letters import Letter
from fleawatch.alerting.note import Note
from fleawatch.alerting.places import Place
from fleawatch.alerting.records import Acknowledgement, Record, SilenceRecord
from fleawatch.alerting.routes import Routes
from fleawatch.alerting.rule_sets import has_end
from fleawatch.core.rules import DEFAULTS as RULES
from fleawatch.core.rules import REPUBLISH_SECS
from fleawatch_schemas.wire import Alert, Severity, Status

NOON = 1_794_916_800.0  # Tuesday 17 November 2026, 12:00 UTC
CALL_SECS = 1.0
DEFAULT_LIMITS = Limits()
LOOKBACK_SECS = 1200.0


def identity(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def alert(
    agent: str = "a", rule: str = "drawdown_exceeded", n: int = 0, *, at: float = NOON, status: Status = "firing",
    severity: Severity | None = None, threshold: float | None = 15.0, labels: dict[str, str] | None = None,
) -> Alert:  # fmt: skip
    known = RULES.named(rule)
    return Alert(
        alert_id=identity(agent, rule, n), agent_id=agent, rule=rule,
        severity=severity or (known.severity if known else "WARN"), status=status,
        reason="cleared" if status == "resolved" else None, title=f"{agent}: {rule}", body="", value=17.0,
        threshold=threshold, unit="%", started_ts=at, ts=at, runbook="drawdown-exceeded", labels=labels or {},
    )  # fmt: skip


@dataclass
class Topics:
    """What every notifier reads. `alerts` has times of receipt."""

    alerts: list[tuple[float, Alert]] = field(default_factory=list)
    notifications: list[Record] = field(default_factory=list)


@dataclass
class Notifier:
    """`sent`: what reached people, with the time of the call."""

    topics: Topics
    channel: str = "telegram"
    routes: Routes = DEFAULTS
    limits: Limits = DEFAULT_LIMITS
    edits: bool = False
    works: bool = True
    agents: dict[str, dict[str, str]] = field(default_factory=dict)
    sent: list[tuple[float, Note]] = field(default_factory=list)
    committed: int = 0

    def __post_init__(self) -> None:
        self.start(NOON)

    def start(self, now: float) -> None:
        """A new process: the log of deliveries first, then the alerts, a little of what was done before included."""
        self.desk = Desk(
            self.channel,
            self.routes,
            self.limits,
            edits=self.edits,
            agents=lambda agent: self.agents.get(agent, {}),
        )
        self._noticed = self._heard = 0
        self._free = now
        while self._heard < self.committed and self.topics.alerts[self._heard][0] < now - LOOKBACK_SECS:
            self._heard += 1
        self.desk.at_end(now)

    def read(self) -> None:
        while self._noticed < len(self.topics.notifications):
            self.desk.notice(self.topics.notifications[self._noticed])
            self._noticed += 1
        while self._heard < len(self.topics.alerts):
            at, one = self.topics.alerts[self._heard]
            self.desk.hear(one, at, Place(0, self._heard), settled=self._heard < self.committed)
            self._heard += 1

    def work(self, now: float, until: float) -> None:
        """Deliver what is due from `now` to before `until`, one call a second."""
        self.read()
        for _ in range(10_000):
            now = max(now, self._free)
            if now >= until:
                return
            letter = self.desk.next(now) if self.works else None
            if letter is None:
                self._note(self.desk.suppressed())
                self.commit()
                now = max(now + 0.01, self.desk.wake(now) if self.works else until)
                self._free = min(now, until)
                continue
            self.deliver(letter, now)
            self.commit()
            self._free = now + CALL_SECS
        raise AssertionError("it never comes to rest")

    def deliver(self, letter: Letter, now: float) -> None:
        self.sent.append((now, letter.note))
        self._note(self.desk.told(letter, now, letter.note.ref or f"m{len(self.sent)}", 1))

    def commit(self) -> None:
        self.committed = max(self.committed, self.desk.places.positions().get(0, 0))

    def _note(self, records: Sequence[Record]) -> None:
        self.topics.notifications += records
        self.read()

    def news(self) -> list[tuple[str, str]]:
        """What people were told, in order: (id, standing)."""
        told = []
        for _, note in self.sent:
            if note.lines:
                told += [(line.alert_id, line.standing) for line in note.lines]
            else:
                told += [(item.alert.alert_id, item.standing) for item in note.items]
        return [(one, "firing" if standing == "acknowledged" else standing) for one, standing in told]


@dataclass
class World:
    """Topics, one clock, any number of notifiers."""

    now: float = NOON
    topics: Topics = field(default_factory=Topics)
    notifiers: list[Notifier] = field(default_factory=list)
    monitored: bool = True  # a monitor publishes what is open again
    _open: dict[str, tuple[Alert, float]] = field(default_factory=dict)

    def notifier(self, channel: str = "telegram", **more: object) -> Notifier:
        made = Notifier(self.topics, channel, **more)  # type: ignore[arg-type] # fields by name
        made.start(self.now)
        self.notifiers.append(made)
        return made

    def fire(self, agent: str = "a", rule: str = "drawdown_exceeded", n: int = 0, **more: object) -> Alert:
        made = alert(agent, rule, n, at=self.now, **more)  # type: ignore[arg-type] # fields by name
        self.publish(made)
        return made

    def publish(self, one: Alert) -> None:
        self.topics.alerts.append((self.now, one))
        if one.status == "firing" and has_end(one.rule):
            self._open[one.alert_id] = one, self.now
        else:
            self._open.pop(one.alert_id, None)

    def resolve(self, one: Alert) -> Alert:
        over = msgspec.structs.replace(one, status="resolved", reason="cleared", ts=self.now)
        self.publish(over)
        return over

    def ack(self, one: Alert, by: str = "ann", *, withdrawn: bool = False) -> None:
        self.topics.notifications.append(Acknowledgement(one.alert_id, by, self.now, None, withdrawn))

    def silence(self, secs: float, *, maintenance: bool = False, **matchers: str) -> None:
        name = f"s{len(self.topics.notifications)}"
        self.topics.notifications.append(
            SilenceRecord(name, matchers, "ann", self.now, self.now + secs, None, maintenance)
        )

    def wait(self, secs: float) -> None:
        """In small steps where notifiers hear of each other."""
        end = self.now + secs
        while self.now < end:
            step = min(self.now + (5.0 if len(self.notifiers) > 1 else 30.0), end)
            for notifier in self.notifiers:
                notifier.work(self.now, step)
            self.now = step
            for one, at in list(self._open.values()) if self.monitored else ():
                if at + REPUBLISH_SECS <= self.now:
                    self.publish(one)


def without_night(routes: Routes = DEFAULTS) -> Routes:
    return dataclasses.replace(routes, night=None)
