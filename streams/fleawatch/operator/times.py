"""Times and durations as people write and read them."""

import re
from datetime import UTC, datetime

from fleawatch.errors import ConfigError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_PART = re.compile(r"([0-9]{1,6})([smhd])")
LONGEST_SECS = 366 * 86_400.0


def since_when(text: str, now: float) -> float:
    """`text` as seconds since the epoch; 0 for none.

    Raises:
        ConfigError: it is neither an age nor a time.
    """
    if not text:
        return 0.0
    if age := _PART.fullmatch(text):
        return now - int(age[1]) * _UNITS[age[2]]
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--since {text!r}: neither an age (30m, 2h, 7d) nor an ISO 8601 time") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def lasting(text: str) -> float:
    """Seconds of `90s`, `30m`, `1h30m`, `2d`.

    >>> lasting("1h30m")
    5400.0

    Raises:
        ConfigError: it is no duration, nothing, or longer than a year.
    """
    parts = _PART.findall(text)
    secs = float(sum(int(number) * _UNITS[unit] for number, unit in parts))
    if "".join(number + unit for number, unit in parts) != text or not 0 < secs <= LONGEST_SECS:
        raise ConfigError(f"{text!r:.40} is no duration", hint="30m, 2h, 1h30m or 3d; a year at most")
    return secs


def told(secs: float) -> str:
    """The two largest units.

    >>> told(5400), told(59.7), told(90_000)
    ('1h 30m', '59s', '1d 1h')
    """
    left, parts = int(max(0.0, secs)), []
    for unit in ("d", "h", "m", "s"):
        size, left = divmod(left, _UNITS[unit])
        if size:
            parts.append(f"{size}{unit}")
    return " ".join(parts[:2]) or "0s"


def at(secs: float) -> str:
    """UTC, to the second; `?` for what no calendar has."""
    if not 0 <= secs < 253_402_300_800:
        return "?"
    return datetime.fromtimestamp(secs, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
