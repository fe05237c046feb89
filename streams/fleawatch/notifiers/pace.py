"""Never faster than a receiver allows, measured so that it holds at the receiver's end too."""

from collections import deque
from dataclasses import dataclass, field
from math import inf

from fleawatch.alerting.flood import MOST_LINES, Limits
from fleawatch.notifiers.timing import Timing

# https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
# "avoid sending more than one message per second" in a chat; "not … more than 20 messages per minute" in a group.
# Slack's webhooks: "1 per second" (https://docs.slack.dev/apis/web-api/rate-limits); the minute's limit is ours there.
CALL_INTERVAL_SECS = 1.0
CALLS_PER_WINDOW = 20
WINDOW_SECS = 60.0


@dataclass(slots=True)
class Pace:
    """Spaces the calls to one chat. A call is dated by its *answer*: it reached the receiver before that, and the
    next one reaches it after its own start, so gaps at the receiver are never shorter than gaps here.
    """

    unlimited: bool = False  # for an output of our own
    calls: int = CALLS_PER_WINDOW
    window_secs: float = WINDOW_SECS
    lines: int = MOST_LINES  # of a digest's list
    _answers: deque[float] = field(default_factory=deque)

    @property
    def limits(self) -> Limits:
        """What of it is for alerts that are told one by one: half the calls; the rest is for digests."""
        if self.unlimited:
            return Limits(singles=inf)
        rest = self.calls - self.calls // 2
        return Limits(self.calls // 2, self.window_secs, self.window_secs / max(1, rest - 1), self.lines)

    def wait(self, now: float) -> float:
        """Seconds until the next call is allowed."""
        if self.unlimited or not self._answers:
            return 0.0
        free = self._answers[-1] + CALL_INTERVAL_SECS
        if len(self._answers) >= self.calls:
            free = max(free, self._answers[-self.calls] + self.window_secs)
        return max(0.0, free - now)

    async def turn(self, timing: Timing) -> None:
        """Return when a call is allowed. Always sleeps, if only for 0 s, so that a delivery can be abandoned here."""
        await timing.sleep(self.wait(timing.now()))

    def called(self, now: float) -> None:
        """Every answered or failed call counts, whatever came of it."""
        self._answers.append(now)
        if len(self._answers) > self.calls:
            self._answers.popleft()
