"""The shipped price history, read lazily: licences and sources are in `prices/LICENSES.md` beside the files."""

import gzip
from datetime import date
from importlib.resources import files
from typing import NamedTuple

ASSETS = {  # file → the name that trades carry
    "spx": "SPX",
    "ixic": "IXIC",
    "wti": "WTI",
    "eurusd": "EURUSD",
    "googl": "GOOGL",
}


class Bar(NamedTuple):
    ts: int  # close of the bar, seconds since the epoch, UTC
    close: float


def history(asset: str, since: date = date.min) -> tuple[Bar, ...]:
    """Bars of one asset in time order, from the first one on or after `since` (UTC)."""
    raw = (files("fleawatch.local") / "prices" / f"{asset}.csv.gz").read_bytes()
    first = (since - date(1970, 1, 1)).days * 86_400
    rows = (line.split(",") for line in gzip.decompress(raw).decode("ascii").splitlines()[1:])
    return tuple(bar for ts, close in rows if (bar := Bar(int(ts), float(close))).ts >= first)
