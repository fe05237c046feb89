"""What a channel is, and which severities it carries. The worker knows nothing else of them."""

from typing import Protocol

from fleawatch.notifiers.pace import Pace
from fleawatch.notifiers.retry import Attempt, Part
from fleawatch_schemas.wire import Alert

# Who is told what. INFO is logged only: it belongs to a terminal or a log store, never to a phone.
TIERS: dict[str, frozenset[str]] = {
    "log": frozenset({"INFO", "WARN", "CRITICAL"}),
    "telegram": frozenset({"WARN", "CRITICAL"}),
    "slack": frozenset({"CRITICAL"}),
}

# What is worth reading once a day, not a message of its own.
DIGEST_RULES = frozenset({"sharpe_low", "calmar_low", "profit_factor_low", "win_rate_low"})


def carries(channel: str, alert: Alert) -> bool:
    """Whether `channel` tells people of `alert`."""
    return alert.severity in TIERS[channel] and (channel == "log" or alert.rule not in DIGEST_RULES)


class Channel(Protocol):
    """`send` never raises for what a receiver does; it says what came of it."""

    @property
    def name(self) -> str:
        """A key of TIERS."""

    @property
    def pace(self) -> Pace:
        """One for each chat."""

    def render(self, alert: Alert) -> list[Part]:
        """At least one part; none longer than the channel takes."""

    async def send(self, part: Part, plain: bool) -> Attempt:  # noqa: FBT001 positional, so that deliver can call any
        """One attempt; `plain` asks for the part without markup."""
