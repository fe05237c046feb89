"""How long an API's endpoints take, as the agent measures it: quantiles of the latest samples, and what is usual.

A heartbeat brings at most one sample per endpoint. The last 100 samples are kept, each as the number of its logarithmic
bucket (6 % wide, 0.1 ms to 270 s: one byte), so that p50, p95 and p99 are those of a plain window, right to 3 %: a sketch
that estimates (P², a decaying histogram) needs about as many bytes for a window this short, and says nothing as simple. The
p95 of each full 100 samples is kept 30 times over (8 hours at a heartbeat each 10 s); their median is what is usual, which
an incident of less than half that time does not move.

A quantile is the nearest rank: the smallest sample that at least that share is no larger than.
"""

import struct
from bisect import bisect_left, bisect_right
from typing import NamedTuple

from fleawatch.core.packing import Reader, pack_text

WINDOW = 100
WINDOWS = 30
LEAST_WINDOWS = 6
"""Full windows that a baseline needs: 600 samples."""
LEAST_SAMPLES = 20
"""Below it the p95 is the maximum."""
NAMED = 8
"""Endpoints with a name of their own; the others' samples are put together as `OTHER`."""
OTHER = "other"
LONGEST_NAME = 64
FORGET_SECS = 86_400.0
"""An endpoint that was not called for so long gives its place to a new one."""

_LOWEST_MS = 0.1
_WIDTH = 1.06


def _edges() -> list[float]:
    """Upper edges by multiplication alone, which is the same on every machine; the last bucket has none."""
    edges = [_LOWEST_MS]
    while len(edges) < 255:
        edges.append(edges[-1] * _WIDTH)
    return edges


_EDGES = _edges()
_VALUES = [_LOWEST_MS] + [2 * edge * _WIDTH / (1 + _WIDTH) for edge in _EDGES[:-1]] + [_EDGES[-1]]
"""What a sample of each bucket is taken for: at most 2.9 % from it, between the first edge and the last."""
_BUCKETS = bytes(range(256))
_ENDPOINT = struct.Struct("<Qdd")


class Figures(NamedTuple):
    """Milliseconds. A quantile is None below `LEAST_SAMPLES`; `usual` until there is a baseline."""

    latest: float
    p50: float | None
    p95: float | None
    p99: float | None
    usual: float | None
    samples: int


class Endpoint:
    """The samples of one endpoint; `seen` is the event time of the last one."""

    __slots__ = ("baseline", "count", "latest", "recent", "seen", "usual")

    def __init__(self) -> None:
        self.count = 0
        self.seen = 0.0
        self.latest = 0.0
        self.recent = bytearray()  # a ring of buckets
        self.usual = bytearray()  # a ring of the p95 of full windows
        self.baseline: float | None = None  # their median, the usual p95

    def push(self, ms: float, ts: float) -> None:
        bucket = bisect_left(_EDGES, ms)
        count = self.count
        if count < WINDOW:
            self.recent.append(bucket)
        else:
            self.recent[count % WINDOW] = bucket
        self.count = count = count + 1
        self.seen = ts
        self.latest = ms
        if count % WINDOW == 0:
            p95 = sorted(self.recent)[_rank(95, WINDOW)]
            if len(self.usual) < WINDOWS:
                self.usual.append(p95)
            else:
                self.usual[(count // WINDOW - 1) % WINDOWS] = p95
            self.baseline = self._baseline()

    def quantile(self, percent: int) -> float | None:
        size = len(self.recent)
        if size < LEAST_SAMPLES:
            return None
        return _VALUES[sorted(self.recent)[_rank(percent, size)]]

    def p95_above(self, limit: float) -> bool:
        """Whether the p95 is above `limit`, without sorting: whether enough samples are."""
        size = len(self.recent)
        if size < LEAST_SAMPLES:
            return False
        allowed = size - 1 - _rank(95, size)
        return len(self.recent.translate(None, _BUCKETS[: bisect_right(_VALUES, limit)])) > allowed

    def _baseline(self) -> float | None:
        size = len(self.usual)
        if size < LEAST_WINDOWS:
            return None
        return _VALUES[sorted(self.usual)[(size - 1) // 2]]

    def figures(self) -> Figures:
        return Figures(
            self.latest,
            self.quantile(50),
            self.quantile(95),
            self.quantile(99),
            self.baseline,
            len(self.recent),
        )


def take(endpoints: dict[str, Endpoint], samples: dict[str, float], ts: float) -> None:
    """Add a heartbeat's samples. A negative one says nothing, and is left out."""
    for name, ms in samples.items():
        if ms < 0:
            continue
        endpoint = endpoints.get(name)
        if endpoint is None:
            endpoint = _place(endpoints, name, ts)
        endpoint.push(ms, ts)


def pack_endpoints(endpoints: dict[str, Endpoint]) -> bytes:
    """In the order in which they were first seen."""
    parts = [bytes((len(endpoints),))]
    for name, endpoint in endpoints.items():
        parts += (
            pack_text(name),
            _ENDPOINT.pack(endpoint.count, endpoint.seen, endpoint.latest),
            bytes(endpoint.recent),
            bytes(endpoint.usual),
        )
    return b"".join(parts)


def read_endpoints(reader: Reader) -> dict[str, Endpoint]:
    endpoints: dict[str, Endpoint] = {}
    for _ in range(reader.take(1)[0]):
        name = reader.text()
        endpoint = endpoints[name] = Endpoint()
        endpoint.count, endpoint.seen, endpoint.latest = reader.fields(_ENDPOINT)
        endpoint.recent = bytearray(reader.take(min(endpoint.count, WINDOW)))
        endpoint.usual = bytearray(reader.take(min(endpoint.count // WINDOW, WINDOWS)))
        endpoint.baseline = endpoint._baseline()
    return endpoints


def _place(endpoints: dict[str, Endpoint], name: str, ts: float) -> Endpoint:
    """Where the samples of a new name go."""
    if name != OTHER and 0 < len(name.encode()) <= LONGEST_NAME:
        named = [known for known in endpoints if known != OTHER]
        if len(named) >= NAMED:
            oldest = min(named, key=lambda known: endpoints[known].seen)
            if ts - endpoints[oldest].seen > FORGET_SECS:
                del endpoints[oldest]
                named.pop()
        if len(named) < NAMED:
            return endpoints.setdefault(name, Endpoint())
    return endpoints.setdefault(OTHER, Endpoint())


def _rank(percent: int, size: int) -> int:
    """The index of the quantile among `size` sorted samples, in whole numbers: no rounding decides."""
    return -(-percent * size // 100) - 1
