"""The parts that packed states share. Little-endian, fixed order, the version first; no pickle."""

import struct
from typing import Any

from fleawatch.core.alerts import FIRING, PENDING, RESOLVED, Firing
from fleawatch.core.rules import DEFAULTS
from fleawatch.core.sequence import Sequenced, Strikes, missing_map

_FIRING = struct.Struct("<B8sBddddBd")
_FIRST_FIRING = struct.Struct("<B8sBddddB")  # in states of version 1
_SEQUENCE = struct.Struct("<qqQB")
_STRIKES = struct.Struct("<HdB")
_STRIKES_FOLLOW = 1 << 63  # in the count of lost events, which has 53 bits at most
_SEVERITIES = ("INFO", "WARN", "CRITICAL")
_ACTIONS = ("", "pause", "kill")


class Reader:
    """Reads a packed state front to back; every damage is a ValueError."""

    def __init__(self, data: bytes, version: int, what: str) -> None:
        if not data or data[0] != version:
            raise ValueError(f"{what}: version {data[0] if data else 'none'}, this program reads {version}")
        self.data = data
        self.at = 1
        self.what = what

    def fields(self, layout: struct.Struct) -> tuple[Any, ...]:
        end = self.at + layout.size
        if end > len(self.data):
            raise ValueError(f"{self.what}: {len(self.data)} bytes, cut short")
        values = layout.unpack_from(self.data, self.at)
        self.at = end
        return values

    def take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise ValueError(f"{self.what}: {len(self.data)} bytes, cut short")
        part = self.data[self.at : end]
        self.at = end
        return part

    def text(self) -> str:
        return self.take(self.take(1)[0]).decode()

    def skip_sequence(self) -> None:
        _, _, lost, size = self.fields(_SEQUENCE)
        self.take(size + (_STRIKES.size if lost & _STRIKES_FOLLOW else 0))

    def end(self) -> None:
        if self.at != len(self.data):
            raise ValueError(f"{self.what}: {len(self.data) - self.at} bytes too many")


def pack_text(text: str) -> bytes:
    raw = text.encode()
    return bytes((len(raw),)) + raw


def pack_sequence(st: Sequenced) -> bytes:
    """Epoch, seq, events lost, the map of missing ones (no bytes when none is), strikes (none when there are none)."""
    missing = missing_map(st)
    size = (missing.bit_length() + 7) // 8
    strikes = st.strikes
    if strikes is None:
        return _SEQUENCE.pack(st.epoch, st.seq, st.lost, size) + missing.to_bytes(size, "little")
    return (
        _SEQUENCE.pack(st.epoch, st.seq, st.lost | _STRIKES_FOLLOW, size)
        + missing.to_bytes(size, "little")
        + _STRIKES.pack(strikes.count, strikes.at, strikes.moved)
    )


def read_sequence(st: Sequenced, reader: Reader) -> None:
    st.epoch, st.seq, st.lost, size = reader.fields(_SEQUENCE)
    st.missing = int.from_bytes(reader.take(size), "little")
    st.missing_at = st.seq
    st.strikes = None
    if st.lost & _STRIKES_FOLLOW:
        st.lost ^= _STRIKES_FOLLOW
        count, at, moved = reader.fields(_STRIKES)
        st.strikes = Strikes(count, at, moved=bool(moved))


def pack_alerts(alerts: dict[str, Firing]) -> bytes:
    parts = [bytes((len(alerts),))]
    for rule in sorted(alerts):
        f = alerts[rule]
        parts.append(pack_text(rule))
        parts.append(
            _FIRING.pack(
                f.phase, bytes.fromhex(f.alert_id), _SEVERITIES.index(f.severity),
                f.started, f.seen, f.published, f.worst, _ACTIONS.index(f.action), f.limit,
            )
        )  # fmt: skip
    return b"".join(parts)


def read_alerts(reader: Reader, *, first_version: bool = False) -> dict[str, Firing]:
    """Of a state of version 1 the limits are not known: then they were the defaults."""
    alerts: dict[str, Firing] = {}
    layout = _FIRST_FIRING if first_version else _FIRING
    for _ in range(reader.take(1)[0]):
        rule = reader.text()
        phase, name, severity, started, seen, published, worst, action, *limits = reader.fields(layout)
        held_to = DEFAULTS.named(rule)
        limit = limits[0] if limits else held_to.threshold if held_to is not None else 0.0
        if phase not in {PENDING, FIRING, RESOLVED} or severity > 2 or action > 2:
            raise ValueError(f"{reader.what}: an alert of {rule} is damaged")
        alerts[rule] = Firing(
            phase, name.hex(), _SEVERITIES[severity], started, seen, published, worst, _ACTIONS[action], limit  # type: ignore[arg-type] # the three severities
        )  # fmt: skip
    return alerts
