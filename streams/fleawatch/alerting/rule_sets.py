"""Rules that are treated alike."""

from typing import Final

from fleawatch.core.rules import DEFAULTS

LIVENESS: Final = frozenset({
    "agent_stopped", "agent_unreachable", "agent_unmonitored", "health_degraded", "fleet_silent", "exchange_down",
})  # fmt: skip
"""About being there, not about money: what maintenance mutes."""

SILENT_AGENT: Final = frozenset({"agent_stopped", "agent_unreachable", "agent_unmonitored"})
"""One agent's silence: a larger cause may explain it a few seconds later, so these wait for it."""

EXPLAINED_BY_VENUE: Final = frozenset({
    "agent_unreachable", "agent_unmonitored", "health_degraded", "api_latency", "error_rate",
})  # fmt: skip

ALWAYS_TOLD: Final = frozenset({"drawdown_exceeded", "wiped_out", "outflow", "command_unconfirmed"})
"""Never inhibited, never muted by maintenance: each can be money on its way out, whatever else is the matter."""

DIGEST_RULES: Final = frozenset({"sharpe_low", "calmar_low", "profit_factor_low", "win_rate_low"})
"""Worth reading once a day, no message of their own."""


def has_end(rule: str) -> bool:
    """Whether its alerts are published again while they are open, and resolve. What we do not know, may."""
    known = DEFAULTS.named(rule)
    return known is None or known.kind == "level"
