"""What is kept of an agent's heartbeats: under 1 KB packed with four endpoints, most of it their last 100 samples each."""

import struct
from typing import Self

from fleawatch.core.agent_state import AgentState
from fleawatch.core.alerts import watching
from fleawatch.core.clock_skew import ClockSkew
from fleawatch.core.error_counts import ErrorCounts
from fleawatch.core.latency import Endpoint, pack_endpoints, read_endpoints
from fleawatch.core.packing import Reader, pack_alerts, pack_sequence, pack_text, read_alerts, read_sequence
from fleawatch_schemas.wire import Health

VERSION = 2
_FIRST_VERSION = 1  # 0.1: without what stands behind `alerts`
_HEAD = struct.Struct("<qqqddddB")
_MORE = struct.Struct("<dddI")
_STATUSES = ("ok", "degraded", "stopping")
_NONE = float("nan")
CHECKS = 16
"""Checks that are kept; failing ones go first."""
LONGEST_CHECK = 64


class HealthState(AgentState):
    """Mutable in place; `home` and `rules` come from the worker and are not stored.

    Times are event times, but for `received` and `judged_since`: the broker's append times. In seconds.
    """

    __slots__ = (
        "checks", "endpoints", "equity_interval", "errors", "interval", "judged_since", "last_action", "named",
        "received", "skew", "status", "ts", "unreachable", "uptime",
    )  # fmt: skip

    def __init__(self, ev: Health) -> None:
        super().__init__(ev.agent_id)
        self.received: float = 0.0
        self.judged_since: float = (
            0.0  # from here on equity is due: it started, came back or changed its interval
        )
        self.named: tuple[int, int] = (
            ev.epoch,
            ev.seq,
        )  # the last record's event: agent_stopped is named after it
        self.ts: float = ev.ts
        self.status: str = ev.status
        self.interval: float = ev.interval_secs
        self.uptime: float = ev.uptime_secs
        self.last_action: float | None = None
        self.equity_interval: float | None = None
        self.checks: dict[str, bool] = {}  # as last reported, by name in order
        self.unreachable: int = 0  # polls in a row that failed, where a bridge polls
        self.errors: ErrorCounts = ErrorCounts()
        self.endpoints: dict[str, Endpoint] = {}
        self.skew: ClockSkew = ClockSkew()

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
            _MORE.pack(
                self.judged_since, _number(self.last_action), _number(self.equity_interval), self.unreachable
            ),
            bytes((len(self.checks),)),
            *(pack_text(name) + bytes((ok,)) for name, ok in self.checks.items()),
            self.errors.pack(),
            self.skew.pack(),
            pack_endpoints(self.endpoints),
        ))  # fmt: skip

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Read `pack`'s bytes, or those of version 1.

        Raises:
            ValueError: another version, or damaged.
        """
        version = _FIRST_VERSION if data[:1] == bytes((_FIRST_VERSION,)) else VERSION
        reader = Reader(data, version, "health state")
        st = cls(_unknown(reader.text()))
        read_sequence(st, reader)
        st.offset, epoch, seq, st.received, st.ts, st.interval, st.uptime, status = reader.fields(_HEAD)
        st.named = (epoch, seq)
        if status >= len(_STATUSES):
            raise ValueError("health state: an unknown status")
        st.status = _STATUSES[status]
        st.alerts = read_alerts(reader, first_version=version == _FIRST_VERSION)
        st.watch = watching(st.alerts)
        if version == VERSION:
            st.judged_since, last_action, equity_interval, st.unreachable = reader.fields(_MORE)
            st.last_action, st.equity_interval = _optional(last_action), _optional(equity_interval)
            st.checks = {reader.text(): bool(reader.take(1)[0]) for _ in range(reader.take(1)[0])}
            st.errors = ErrorCounts.read(reader)
            st.skew = ClockSkew.read(reader)
            st.endpoints = read_endpoints(reader)
        reader.end()
        return st


def _unknown(agent_id: str) -> Health:
    """An event to begin with; all of it is overwritten."""
    return Health(1, agent_id, 0, 0, 0.0, "ok", 0.0, 1.0)


def _number(value: float | None) -> float:
    return _NONE if value is None else value


def _optional(value: float) -> float | None:
    return None if value != value else value  # noqa: PLR0124 -- only NaN, which no event carries, differs from itself
