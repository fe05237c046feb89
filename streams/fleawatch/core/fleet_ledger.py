"""What one partition contributes to the fleet: sums over its live agents at the end of each second of event time.

An agent's value in a second is its last snapshot of that second. The sums are kept as whole millionths of a dollar, so
that adding and taking away for months leaves no rounding behind and the order of agents does not matter. What changes a
sum is noted in the second where it happened; a second is told once events have gone `LATE_SECS` beyond it. An event that
comes later still counts from the first second that has not been told.

`net` is equity less what was paid in. It changes by trading, and by who is counted: the second part is summed apart
(`moved`), so that whoever adds partitions up can tell profit from joining, leaving and first reports of deposits.
"""

from collections.abc import Callable, Iterable, Mapping
from heapq import heappop, heappush
from itertools import islice
from typing import NamedTuple

from fleawatch.core.equity_state import CLOSES, EquityState
from fleawatch.core.fleet_health import HealthCounts
from fleawatch.core.fleet_member import Delta, Member
from fleawatch.core.registry import Agent
from fleawatch_schemas.wire import Equity
from fleawatch_schemas.wire_fleet import FleetAgents, FleetPartial, FleetSecond, FleetTrips

MICRO = 1_000_000
LATE_SECS = 2
STALE_INTERVALS = 3.0
STALE_FLOOR_SECS = 90.0
ROWS = 2000  # of one partial: below 256 KiB
NAMES = 20
_WHO = 1 << 52


class Counts(NamedTuple):
    """Of the members, now."""

    members: int
    stale: int
    under: int
    balance: float
    positions: int


class Work(NamedTuple):
    """How the writer keeps up with a partition's inputs; `rejected`: events since its `run`."""

    behind_secs: float = 0.0
    behind_records: int = 0
    rejected: int = 0


UNTROUBLED = Work()


class Controlled(NamedTuple):
    """The live agents of a partition as control sees them: to be paused or killed, over their limits, their trips lately."""

    held: int = 0
    over: tuple[str, ...] = ()
    trips: tuple[FleetTrips, ...] = ()


UNCONTROLLED = Controlled()


class PartitionLedger:
    """`begin` from the states in memory, `changed` after each batch, `partials` about once a second."""

    def __init__(self, partition: int, run: int, rates: Mapping[str, float]) -> None:
        self.partition = partition
        self.run = run
        self.rates = rates
        self.since = 0
        self.closed = -1
        self.newest = -1.0  # event time, as far as the broker's clock confirms it
        self.late = 0
        self.members: dict[str, Member] = {}
        self.left_out: dict[str, str] = {}  # live agents whose currency has no rate, and that currency
        self._currencies: dict[str, int] = {}
        self._open: dict[int, Delta] = {}
        self._total = Delta()
        self._balance = self._positions = self._under = self._stale = 0
        self._due: list[tuple[float, int, Member]] = []  # each member is in it once
        self._serial = 0
        self._skipped = False  # some agents' seconds came faster than they are taken over

    def begin(self, states: Iterable[tuple[EquityState, Agent]], now: float) -> None:
        """Count the agents of restored states: as they stand, from the newest event's second on."""
        for st, agent in states:
            self.meet(st, agent, now)
            if (member := self.members.get(st.agent_id)) is not None:
                member.seen = min(now, st.last.ts)
        if self.members:
            self._merge(int(self.newest))
            self._total.moved = 0
            self.since = int(self.newest)
            self.closed = self.since - 1
            self._open[self.since] = Delta()

    def update(self, st: EquityState, now: float) -> bool:
        """Take over what `st` became; False: it is none of the members, or has changed its currency. See `meet`."""
        member = self.members.get(st.agent_id)
        last = st.last
        if member is None or last.currency != member.currency:
            return False
        closes = st.closes
        if closes:
            if len(closes) < CLOSES:
                for close in closes:
                    self._take(member, close)
            else:
                self._skipped = True
            closes.clear()
        self._take(member, last)
        ts, received = last.ts, st.received / 1000 or now
        ts = min(ts, received)
        self.newest = max(self.newest, ts)
        member.seen = now
        if member.stale:
            member.stale = False
            self._stale -= 1
        under = st.drawdown > st.least_drawdown
        if under != member.under:
            member.under = under
            self._under += 1 if under else -1
        positions = last.open_positions
        if positions != member.positions:
            self._positions += positions - member.positions
            member.positions = positions
        balance = round(last.balance * member.rate * MICRO)
        self._balance += balance - member.balance
        member.balance = balance
        return True

    def meet(self, st: EquityState, agent: Agent, now: float) -> None:
        """Count the agent from now on, if it is to be counted."""
        self.leave(st.agent_id)
        st.closes = st.closes if agent.mode == "live" and not agent.retired else None
        if agent.mode != "live" or agent.retired:
            return
        currency = st.last.currency or "USD"
        rate = self.rates.get(currency)
        if rate is None:
            self.left_out[st.agent_id] = currency
            self._currencies[currency] = self._currencies.get(currency, 0) + 1
            st.closes = None
            return
        self.members[st.agent_id] = member = Member(st, rate, agent.equity_interval_secs or 0.0)
        self._join(member, st)
        self._serial += 1
        heappush(self._due, (0.0, self._serial, member))
        if st.closes is None:
            st.closes = []
        self.update(st, now)

    def reconsider(self, st: EquityState, agent: Agent, now: float) -> None:
        """What is known of the agent beside its events may have changed."""
        live = agent.mode == "live" and not agent.retired
        if live != (st.agent_id in self.members or st.agent_id in self.left_out):
            self.meet(st, agent, now)
        elif (member := self.members.get(st.agent_id)) is not None:
            member.interval = agent.equity_interval_secs or 0.0

    def leave(self, agent_id: str) -> None:
        """Count it no longer: what it had goes as a withdrawal would."""
        if currency := self.left_out.pop(agent_id, ""):
            self._currencies[currency] -= 1
            if not self._currencies[currency]:
                del self._currencies[currency]
        member = self.members.pop(agent_id, None)
        if member is None:
            return
        delta = self._at(member, self.closed + 1)
        delta.equity -= member.equity
        delta.net -= member.equity - member.deposits
        delta.moved -= member.equity - member.deposits
        delta.members -= 1
        delta.who -= member.who
        self._balance -= member.balance
        self._positions -= member.positions
        self._under -= member.under
        self._stale -= member.stale

    def partials(
        self,
        now: float,
        *,
        idle: bool,
        health: HealthCounts,
        work: Work = UNTROUBLED,
        control: Controlled = UNCONTROLLED,
    ) -> list[FleetPartial]:
        """What was not told yet; at least one. `idle`: all was read, and nothing has come for `LATE_SECS`."""
        upto = int(self.newest) - 1 - LATE_SECS
        if idle:
            upto = max(int(self.newest), min(max(self._open, default=-1), int(now) - LATE_SECS))
        rows = self._skip() if self._skipped else self._close(upto)
        counts = self.count(now)
        made = []
        for start in range(0, len(rows) or 1, ROWS):
            part = rows[start : start + ROWS]
            more = start + ROWS < len(rows)
            made.append(
                FleetPartial(
                    partition=self.partition,
                    ts=now,
                    run=self.run,
                    since=self.since,
                    closed=part[-1].second if more else self.closed,
                    idle=idle and not more,
                    seconds=part,
                    agents=FleetAgents(
                        live=counts.members + len(self.left_out),
                        alive=health.alive,
                        stopped=health.stopped,
                        paused=control.held,
                        stale=counts.stale,
                        under_water=counts.under,
                        tripped=len(control.over),
                    ),
                    balance=counts.balance,
                    open_positions=counts.positions,
                    left_out=dict(islice(self._currencies.items(), NAMES)),
                    left_out_agents=list(islice(self.left_out, NAMES)),
                    groups=health.groups(),
                    venues=health.venues(),
                    trips=list(control.trips),
                    tripped_agents=list(control.over[:NAMES]),
                    behind_secs=work.behind_secs,
                    behind_records=work.behind_records,
                    rejected=work.rejected,
                )
            )
        return made

    def count(self, now: float) -> Counts:
        """The members as they are at `now`, the stale ones found."""
        due = self._due
        while due and due[0][0] <= now:
            _, serial, member = heappop(due)
            if self.members.get(member.st.agent_id) is not member:
                continue
            again = member.seen + max(
                STALE_INTERVALS * (member.interval or member.st.interval), STALE_FLOOR_SECS
            )
            if again <= now:
                again = now + STALE_FLOOR_SECS  # an event until then is not missed again before it
                self._stale += not member.stale
                member.stale = True
            heappush(due, (again, serial, member))
        return Counts(
            len(self.members), self._stale, self._under, self._balance / MICRO, max(0, self._positions)
        )

    def _join(self, member: Member, st: EquityState) -> None:
        """A state that nobody watched has a past: its deposits were reported before."""
        ev = st.closes[0] if st.closes else st.last
        paid = ev.net_deposits
        if st.closes is None and st.deposits is not None:
            paid, member.reported = st.deposits, 0
        elif paid is not None:
            member.reported = int(ev.ts)
        if member.reported >= 0:
            member.who *= 2  # a first report changes `net` as a join does
        member.deposits = _whole(paid or 0.0, member.rate)
        member.equity = _whole(ev.equity, member.rate)
        delta = self._at(member, int(ev.ts))
        delta.equity += member.equity
        delta.net += member.equity - member.deposits
        delta.moved += member.equity - member.deposits
        delta.members += 1
        delta.who += member.who

    def _take(self, member: Member, ev: Equity) -> None:
        equity, deposits = _whole(ev.equity, member.rate), member.deposits
        moved = who = 0
        if ev.net_deposits is not None:
            deposits = _whole(ev.net_deposits, member.rate)
            if member.reported < 0:
                member.reported = int(ev.ts)
                who = member.who
                member.who += who
            if member.reported == int(ev.ts):  # what was paid in before the second in which we are told
                moved = member.deposits - deposits
        if equity == member.equity and deposits == member.deposits and not who:
            return
        delta = self._at(member, int(ev.ts))
        delta.equity += equity - member.equity
        delta.net += equity - deposits - (member.equity - member.deposits)
        delta.moved += moved
        delta.who += who
        member.equity, member.deposits = equity, deposits

    def _at(self, member: Member, second: int) -> Delta:
        """Where a change of `member` in `second` is noted."""
        if second <= self.closed:
            self.late += 1
            second = self.closed + 1
        second = member.second = max(second, member.second)
        delta = self._open.get(second)
        if delta is None:
            delta = self._open[second] = Delta()
        return delta

    def _close(self, upto: int) -> list[FleetSecond]:
        if upto <= self.closed:
            return []
        rows = []
        for second in sorted(second for second in self._open if second <= upto):
            self._add(self._open.pop(second))
            rows.append(self._row(second))
        self.closed = upto
        return rows

    def _skip(self) -> list[FleetSecond]:
        """History passes faster than second by second: only where it has got to is told, and that what lies between is not."""
        self._skipped = False
        now = max(self.closed + 1, int(self.newest))
        self._merge(now)
        self.closed = now
        self.since = now + 1
        return [self._row(now)]

    def _merge(self, upto: int) -> None:
        for second in [second for second in self._open if second <= upto]:
            self._add(self._open.pop(second))

    def _row(self, second: int) -> FleetSecond:
        total = self._total
        return FleetSecond(
            second,
            total.equity / MICRO,
            total.net / MICRO,
            total.moved / MICRO,
            total.members,
            total.who % _WHO,
        )

    def _add(self, delta: Delta) -> None:
        total = self._total
        total.equity += delta.equity
        total.net += delta.net
        total.moved += delta.moved
        total.members += delta.members
        total.who += delta.who


def watched(create: Callable[[Equity], EquityState]) -> Callable[[Equity], EquityState]:
    """`create` for states that keep the last events of ended seconds from their first on."""

    def create_watched(ev: Equity) -> EquityState:
        st = create(ev)
        st.closes = []
        return st

    return create_watched


def _whole(amount: float, rate: float) -> int:
    return round(amount * rate * MICRO)
