"""What the bridge says in an agent's name: its events, with its numbers."""

import time

from fleawatch.bridge.poll import Poll
from fleawatch.bridge.target import Polled
from fleawatch.core.health_rules import REACHABLE
from fleawatch.kit.redact import redact
from fleawatch_schemas.codec import decode_equity, decode_health
from fleawatch_schemas.wire import Check, Equity, Health, encode


class Voice:
    """One agent's; it begins at 0 in an epoch of the bridge's."""

    def __init__(self, target: Polled, epoch: int) -> None:
        self.target = target
        self._epoch = epoch
        self._began = time.monotonic()
        self._equity_seq = 0
        self._health_seq = 0

    def events(self, poll: Poll, due_secs: float) -> list[tuple[str, bytes]]:
        """(topic, event), valid. The next poll ends at most `due_secs` from now.

        Raises:
            Rejected: a figure is beyond the contract.
        """
        health = encode(self._health(poll, due_secs))
        decode_health(health)
        out = [("health", health)]
        if poll.figures is not None:
            equity = encode(self._equity(poll))
            decode_equity(equity)
            out.insert(0, ("equity", equity))
        self._health_seq += 1
        self._equity_seq += len(out) - 1
        return out

    def _equity(self, poll: Poll) -> Equity:
        figures = poll.figures
        assert figures is not None  # noqa: S101 - by the caller
        return Equity(
            1,
            self.target.agent_id,
            self._epoch,
            self._equity_seq,
            poll.read_ts,
            figures.equity,
            figures.balance,
            figures.open_positions,
            figures.net_deposits,
            figures.unrealised_pnl,
            "marked" if figures.marked else "cash",
            self.target.currency or figures.currency,
        )

    def _health(self, poll: Poll, due_secs: float) -> Health:
        target, said = self.target, poll.health
        checks = dict(said.checks) if said is not None else {}
        if poll.reached:
            checks |= {f"{page}_page": page not in poll.faults for page in poll.asked}
        checks[REACHABLE] = poll.reached
        well = not poll.faults and (said is None or said.status == "ok")
        stopping = said is not None and said.status == "stopping"
        return Health(
            1,
            target.agent_id,
            self._epoch,
            self._health_seq,
            poll.ts,
            "stopping" if stopping else "ok" if well else "degraded",
            time.monotonic() - self._began if said is None or said.uptime_secs is None else said.uptime_secs,
            due_secs,
            {name: Check(ok) for name, ok in checks.items()},
            said.errors_1h if said is not None else None,
            redact(poll.trouble) if poll.faults else said.last_error if said is not None else None,
            poll.ms or None,
            said.last_action_ts if said is not None else None,
            target.interval_secs if target.gives_equity else None,
            {**(said.labels if said is not None else {}), **(target.labels or {})} or None,
        )
