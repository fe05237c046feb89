"""An agent's part in the fleet's sums, and what changed in a second."""

from hashlib import blake2b

from fleawatch.core.equity_state import EquityState


class Member:
    """A live agent's part in the sums, in whole millionths of a dollar."""

    __slots__ = (
        "balance", "currency", "deposits", "equity", "interval", "positions", "rate", "reported", "second", "seen", "st",
        "stale", "under", "who",
    )  # fmt: skip

    def __init__(self, st: EquityState, rate: float, interval: float) -> None:
        self.st = st
        self.who = int.from_bytes(blake2b(st.agent_id.encode(), digest_size=6).digest(), "little")
        self.currency = st.last.currency
        self.rate = rate
        self.interval = interval  # between its events, as registered; 0: as they come
        self.equity = 0
        self.deposits = 0
        self.balance = 0
        self.positions = 0
        self.second = 0  # in which the last change was noted: they must not go back
        self.seen = 0.0  # the last event, by our clock
        self.reported = -1  # the second in which it first said what was paid in
        self.stale = False
        self.under = False


class Delta:
    """What changed in a second."""

    __slots__ = ("equity", "members", "moved", "net", "who")

    def __init__(self) -> None:
        self.equity = self.net = self.moved = self.members = self.who = 0
