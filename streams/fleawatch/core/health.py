"""An agent's last sign of life, and what it said about itself."""

import struct
from typing import Self

from fleawatch.core.alerts import (
    FIRING,
    RESOLVED,
    Cause,
    Firing,
    Words,
    duration,
    is_open,
    level,
    resolve,
    tell,
    watching,
)
from fleawatch.core.outputs import Output
from fleawatch.core.packing import Reader, pack_alerts, pack_sequence, pack_text, read_alerts, read_sequence
from fleawatch.core.record import Record
from fleawatch.core.rules import DEFAULTS, Rules
from fleawatch.core.sequence import Strikes
from fleawatch_schemas.wire import Health

VERSION = 1
_HEAD = struct.Struct("<qqqddddB")
_STATUSES = ("ok", "degraded", "stopping")
_LISTED = 5


class HealthState:
    """Mutable in place; `home` is not stored. `received` is the broker's append time of the last record, seconds."""

    __slots__ = (
        "agent_id", "alerts", "epoch", "home", "interval", "lost", "missing", "missing_at", "named", "offset",
        "received", "rules", "seq", "status", "strikes", "ts", "uptime", "watch",
    )  # fmt: skip

    def __init__(self, ev: Health) -> None:
        self.agent_id = ev.agent_id
        self.home = -1
        self.offset = -1
        self.epoch = self.seq = self.missing_at = -1
        self.missing = 0
        self.lost = 0
        self.strikes: Strikes | None = None
        self.received = 0.0
        self.named = (ev.epoch, ev.seq)  # the last record's event: agent_stopped is named after it
        self.ts = ev.ts
        self.status: str = ev.status
        self.interval = ev.interval_secs
        self.uptime = ev.uptime_secs
        self.alerts: dict[str, Firing] = {}
        self.watch = False
        self.use(DEFAULTS)

    def use(self, rules: Rules) -> None:
        """Apply `rules` from the next event or tick on."""
        self.rules = rules

    def pack(self) -> bytes:
        return b"".join((
            bytes((VERSION,)),
            pack_text(self.agent_id),
            pack_sequence(self),
            _HEAD.pack(
                self.offset, *self.named, self.received, self.ts, self.interval, self.uptime,
                _STATUSES.index(self.status),
            ),
            pack_alerts(self.alerts),
        ))  # fmt: skip

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Read `pack`'s bytes.

        Raises:
            ValueError: another version, or damaged.
        """
        reader = Reader(data, VERSION, "health state")
        st = cls.__new__(cls)
        st.agent_id = reader.text()
        st.home = -1
        read_sequence(st, reader)
        st.offset, epoch, seq, st.received, st.ts, st.interval, st.uptime, status = reader.fields(_HEAD)
        st.named = (epoch, seq)
        if status >= len(_STATUSES):
            raise ValueError("health state: an unknown status")
        st.status = _STATUSES[status]
        st.alerts = read_alerts(reader)
        st.watch = watching(st.alerts)
        st.use(DEFAULTS)
        reader.end()
        return st


def first(st: HealthState, ev: Health, record: Record, partition: int, out: list[Output]) -> None:
    step(st, ev, record, partition, out)


def step(st: HealthState, ev: Health, record: Record, partition: int, out: list[Output]) -> None:
    """Take an accepted event. Also a late one proves that the agent lives."""
    st.received = record.timestamp / 1000
    st.named = (ev.epoch, ev.seq)
    at = Cause("health", partition, record.offset, ev.epoch, ev.seq, st.received)
    if level(st, st.rules.agent_stopped, at, 0.0, holds=False, clear=True) == RESOLVED:
        out.append(resolve(st, st.rules.agent_stopped, at))
    if ev.ts < st.ts:
        return
    st.ts = ev.ts
    st.status = ev.status
    st.interval = ev.interval_secs
    st.uptime = ev.uptime_secs
    _check_health(st, ev, Cause("health", partition, record.offset, ev.epoch, ev.seq, ev.ts), out)


def _check_health(st: HealthState, ev: Health, cause: Cause, out: list[Output]) -> None:
    rule = st.rules.health_degraded
    bad = sorted(name for name, result in (ev.checks or {}).items() if not result.ok)
    degraded = bool(bad) or ev.status == "degraded"
    move = level(st, rule, cause, len(bad), holds=degraded, clear=not degraded)
    if move == FIRING:
        names = ", ".join(f"{name:.64}" for name in bad[:_LISTED]) + (", …" if len(bad) > _LISTED else "")
        title = f"health check failing: {names}" if bad else "reports itself degraded"
        out.append(tell(st, rule, cause, Words(title, ev.last_error or "No error was given.", len(bad), 0)))
    elif move == RESOLVED:
        out.append(resolve(st, rule, cause))


def tick(st: HealthState, now: float, reading_since: float | None, floor: float) -> tuple[Output, ...]:
    """The rule agent_stopped, and the repeats of it while it is open. When outputs are returned, the state has changed.

    `reading_since`: since when this worker has read the partition at its end without an error; None while it does not,
    and then nothing is judged: after any pause of ours every agent has its full grace again. `floor` (seconds) is the
    shortest silence that counts.
    """
    if reading_since is None:
        return ()
    grace = max(st.rules.silent_intervals * st.interval, floor)
    if st.status == "stopping":
        grace += st.rules.stopping_grace_secs
    rule = st.rules.agent_stopped
    if now <= max(st.received, reading_since) + grace and not is_open(st, rule):
        return ()
    silent = now - st.received
    cause = Cause("health", st.home, st.offset, *st.named, now)
    if level(st, rule, cause, silent, holds=True, clear=False) != FIRING:
        return ()
    title = f"no sign of life for {duration(silent)}"
    said = "it said it was stopping" if st.status == "stopping" else f"its last status was {st.status}"
    body = f"Health is due every {duration(st.interval)}; {said}, up for {duration(st.uptime)}."
    return (tell(st, rule, cause, Words(title, body, silent, grace)),)
