"""An agent's equity in bars: a flow-adjusted index, its closes in two rings, and what is needed to tell flows apart.

The account is units · level, as in `risk.py`: a flow buys or sells units, so the level moves by trading alone, and what is
in a ring never has to be written anew for a flow. Without flows there is one unit, and the level is the equity to the bit.

The open bar of each ring is the one of the newest event, whose equity is the close so far: an event in it costs nothing
but the comparison of its time with `end`. The fine ring has a day of bars, the coarse one 30 days, whose last 7 are the
7-day window; what leaves the coarse ring goes into the running moments of the whole life.

An account that was emptied by a withdrawal has no units: the level is held until an equity above nothing begins a new
index. A new index clears the rings.
"""

import struct
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from fleawatch.core.calendar import Calendar
from fleawatch.core.packing import Reader
from fleawatch.core.windows import Ring, RingPlan

DAY_SECS: Final = 86_400
NOTHING: Final = 1e-12
"""An account of less is worth nothing: ratios to it say nothing, and could leave the range of floats."""

FLOWS_KEPT: Final = 16
_MOST_UNITS: Final = 1e60  # and the inverse: beyond, levels and their squares would leave the range of floats
_NEVER: Final = -1.0

_PLAN = struct.Struct("<II")
_INDEX = struct.Struct("<dddddBB")
_FLOW = struct.Struct("<ddd")


class BarPlan(NamedTuple):
    """The lengths of the bars, in seconds: `fine` divides `coarse`, and that a day. A state keeps the ones it was made with."""

    fine: int = 300
    coarse: int = 3600

    @property
    def day(self) -> RingPlan:
        size = DAY_SECS // self.fine
        return RingPlan("24h", self.fine, size, -(-size // 8))

    @property
    def month(self) -> RingPlan:
        size = 30 * DAY_SECS // self.coarse
        return RingPlan("30d", self.coarse, size, -(-size // 15))


PLAN = BarPlan()


class Flow(NamedTuple):
    """A deposit, or a withdrawal (negative), of the event at `ts`; `units` there were before it."""

    ts: float
    amount: float
    units: float


class Bars:
    """`end`: when the open fine bar ends; `since`: event time from which on there was no flow."""

    __slots__ = (
        "again", "coarse", "coarse_end", "end", "fine", "flows", "forgot", "held", "plan", "since", "start", "units",
    )  # fmt: skip

    def __init__(self, ts: float, equity: float, plan: BarPlan) -> None:
        self.plan = plan
        self.fine = Ring(_rings(plan)[0], keeps_past=False)
        self.coarse = Ring(_rings(plan)[1], keeps_past=True)
        self.restart(ts, equity)
        self.again = False  # whether this is not the agent's first index

    def restart(self, ts: float, equity: float) -> None:
        """Begin a new index: no return leads from nothing to something."""
        self.again = True
        self.units = 1.0
        self.held = 0.0
        self.since = ts
        self.start = level = self.level(equity)
        self.flows: tuple[Flow, ...] = ()
        self.forgot = _NEVER  # time of the newest flow that was dropped from `flows`
        self.fine.restart(ts, level)
        self.coarse.restart(ts, level)
        self._set_ends()

    def _set_ends(self) -> None:
        self.end = float((self.fine.open + 1) * self.plan.fine)
        self.coarse_end = float((self.coarse.open + 1) * self.plan.coarse)

    def level(self, equity: float) -> float:
        """Of the index, where the account is worth `equity`. At most 0: the account is worth nothing."""
        units = self.units
        if units == 0:
            return self.held
        return equity / units if equity > NOTHING or equity < 0 else 0.0

    def use(self, calendar: Calendar) -> None:
        """The market's hours are `calendar` from now on; what has left the rings stays as it was judged."""
        for ring in (self.fine, self.coarse):
            if ring.calendar is not calendar:
                ring.calendar = calendar
                ring.cached = None

    def roll(self, ts: float, last_ts: float, equity: float, interval: float) -> None:
        """Close the bars that end at or before `ts`; the newest event in them was at `last_ts`, with `equity`.

        `interval`: the agent's own, see `Ring.roll`.
        """
        level = self.level(equity)
        fine = self.fine
        secs = fine.secs
        bar = int(ts // secs)
        fine.roll(bar, level, last_ts, interval)
        self.end = float((bar + 1) * secs)
        if ts >= self.coarse_end:
            secs = self.coarse.secs
            bar = int(ts // secs)
            self.coarse.roll(bar, level, last_ts, interval)
            self.coarse_end = float((bar + 1) * secs)

    def flow(self, ts: float, amount: float, equity: float) -> None:
        """`amount` was paid in (or, negative, out), after which the account is worth `equity`."""
        day = DAY_SECS // self.plan.fine
        bar = int(ts // self.plan.fine)
        flows = [flow for flow in self.flows if int(flow.ts // self.plan.fine) > bar - day]
        if len(flows) == FLOWS_KEPT:
            self.forgot = flows.pop(0).ts
        self.flows = (*flows, Flow(ts, amount, self.units))
        self.since = ts
        before = equity - amount
        if before <= NOTHING or self.units == 0:
            return
        if equity <= NOTHING:
            self.held = self.level(before)
            self.units = 0.0
            return
        self.units *= equity / before
        if not 1 / _MOST_UNITS < self.units < _MOST_UNITS:
            self.restart(ts, equity)

    def late(self, ts: float, equity: float) -> bool:
        """Put an event from before the newest one, with the present net deposits, into its bars; False when they are gone."""
        if ts < self.since or self.units == 0:
            return False
        level = self.level(equity)
        fine = self.fine.late(ts, level)
        return self.coarse.late(ts, level) or fine

    # -- storing

    def pack(self) -> bytes:
        return b"".join((
            _PLAN.pack(*self.plan),
            _INDEX.pack(
                self.units, self.held, self.since, self.start, self.forgot, self.again, len(self.flows)
            ),
            *(_FLOW.pack(*flow) for flow in self.flows),
            self.fine.pack(),
            self.coarse.pack(),
        ))  # fmt: skip

    def read(self, reader: Reader, parts: Mapping[bytes, bytes], *, first_layout: bool) -> None:
        """Read `pack`'s bytes, and the chunks; `first_layout`: see `Ring.read`.

        Raises:
            ValueError: damaged, or made with bars of another length.
        """
        stored = BarPlan(*reader.fields(_PLAN))
        if stored != self.plan:
            raise ValueError(
                f"{reader.what}: made with bars of {stored.fine} and {stored.coarse} s, the settings say {self.plan.fine}"
                f" and {self.plan.coarse} s: set them back, or reset the state"
            )
        self.units, self.held, self.since, self.start, self.forgot, again, count = reader.fields(_INDEX)
        self.again = bool(again)
        self.flows = tuple(Flow(*reader.fields(_FLOW)) for _ in range(count))
        for ring in (self.fine, self.coarse):
            ring.read(reader, parts, first_layout=first_layout)
        self._set_ends()

    def take_parts(self) -> list[tuple[bytes, bytes]]:
        """(suffix, bytes) of the chunks that changed since they were last taken."""
        parts = []
        for ring in (self.fine, self.coarse):
            if ring.dirty:
                parts += _packed(ring, ring.dirty)
                ring.dirty = ()
        return parts

    def all_parts(self) -> list[tuple[bytes, bytes]]:
        """Of every chunk."""
        return [part for ring in (self.fine, self.coarse) for part in _packed(ring, ring.retained_chunks())]

    def put_back(self, suffix: bytes) -> None:
        """The chunk could not be written."""
        for ring in (self.fine, self.coarse):
            for number in ring.retained_chunks():
                if ring.plan.suffix(number) == suffix and number not in ring.dirty:
                    ring.dirty = (*ring.dirty, number)


def _packed(ring: Ring, numbers: Iterable[int]) -> list[tuple[bytes, bytes]]:
    chunks = ((number, ring.chunk(number)) for number in numbers)
    return [(ring.plan.suffix(number), chunk) for number, chunk in chunks if chunk is not None]


_plans: dict[BarPlan, tuple[RingPlan, RingPlan]] = {}


def _rings(plan: BarPlan) -> tuple[RingPlan, RingPlan]:
    """One object for all states."""
    if plan not in _plans:
        _plans[plan] = (plan.day, plan.month)
    return _plans[plan]
