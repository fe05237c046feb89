"""What follows from each outcome, in made-up time."""

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from fleawatch.notifiers.pace import CALL_INTERVAL_SECS, CALLS_PER_WINDOW, WINDOW_SECS, Pace
from fleawatch.notifiers.retry import Attempt, Outcome, Part, backoff, deliver, told_wait
from fleawatch.notifiers.timing import Timing

PART = Part("<b>rich</b>", "plain")
DELIVERED = Attempt(Outcome.DELIVERED)


@dataclass
class Stage:
    """A receiver that answers from a list, and the time that its caller saw."""

    answers: deque[Attempt]
    now: float = 1000.0
    calls: list[tuple[float, bool]] = field(default_factory=list)
    failures: list[Attempt] = field(default_factory=list)

    async def send(self, part: Part, ref: str | None, plain: bool) -> Attempt:
        self.calls.append((self.now, plain))
        return self.answers.popleft()

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def run(self, pace: Pace | None = None) -> Attempt:
        timing = Timing(now=lambda: self.now, sleep=self.sleep, dice=lambda: 0.0)
        return await deliver(
            self.send, PART, None, pace=pace or Pace(), timing=timing, on_failure=self.failures.append
        )


def stage(*answers: Attempt) -> Stage:
    return Stage(deque(answers))


@pytest.mark.parametrize("told", [1.0, 30.0, 300.0])
async def test_never_earlier_than_told(told: float) -> None:
    # Breaks if the backoff, or the pace alone, decided.
    made = stage(Attempt(Outcome.RETRY_AFTER, wait=told), DELIVERED)
    assert (await made.run()).outcome is Outcome.DELIVERED
    assert made.calls[1][0] - made.calls[0][0] >= told


@pytest.mark.parametrize(
    "value", [None, "abc", -1, 0, True, [], float("nan"), float("inf"), "1e999", 10**400]
)
def test_a_wait_that_makes_no_sense_is_five_seconds(value: object) -> None:
    assert told_wait(value) == 5.0


@pytest.mark.parametrize(
    ("value", "seconds"), [(1, 1.0), ("30", 30.0), (300, 300.0), (0.5, 0.5), (10**6, 1e6)]
)
def test_a_wait_that_makes_sense_is_kept(value: object, seconds: float) -> None:
    assert told_wait(value) == seconds


async def test_retries_until_it_is_delivered_with_growing_waits() -> None:
    # 30 failures are more than 20 minutes: breaks if a retry limit is brought in, which would lose the alert.
    made = stage(*[Attempt(Outcome.RETRY)] * 30, DELIVERED)
    assert (await made.run()).outcome is Outcome.DELIVERED
    gaps = [later[0] - sooner[0] for sooner, later in pairwise(made.calls)]
    assert gaps[:4] == [1.0, 1.0, 2.0, 4.0]  # half of 1, 2, 4, 8 s; never under the pace of 1 s
    assert max(gaps) == 30.0
    assert len(made.failures) == 30


def test_backoff_is_jittered_between_half_and_whole() -> None:
    assert (backoff(3, lambda: 0.0), backoff(3, lambda: 1.0)) == (4.0, 8.0)
    assert backoff(10_000, lambda: 1.0) == 60.0


async def test_markup_that_is_not_understood_goes_once_as_plain_text() -> None:
    made = stage(Attempt(Outcome.UNPARSED), DELIVERED)
    assert (await made.run()).outcome is Outcome.DELIVERED
    assert [plain for _, plain in made.calls] == [False, True]


async def test_plain_text_that_is_not_understood_is_refused() -> None:
    # Breaks if the two repeat each other for ever, which would stop the channel.
    made = stage(Attempt(Outcome.UNPARSED), Attempt(Outcome.UNPARSED, "still"), DELIVERED)
    assert await made.run() == Attempt(Outcome.REFUSED, "still")


async def test_plain_text_stays_plain_after_a_retry() -> None:
    made = stage(Attempt(Outcome.UNPARSED), Attempt(Outcome.RETRY), DELIVERED)
    await made.run()
    assert [plain for _, plain in made.calls] == [False, True, True]


async def test_a_chat_that_migrates_in_circles_is_slowed_down() -> None:
    made = stage(*[Attempt(Outcome.MIGRATED)] * 8, DELIVERED)
    await made.run()
    assert made.calls[-1][0] - made.calls[0][0] > 30


async def test_refused_ends_at_once() -> None:
    made = stage(Attempt(Outcome.REFUSED), DELIVERED)
    assert (await made.run()).outcome is Outcome.REFUSED
    assert len(made.calls) == 1


async def test_at_most_one_call_a_second_and_twenty_a_minute() -> None:
    # One pace for many messages, failures counted: breaks if only deliveries are paced.
    pace = Pace()
    made = stage(*[Attempt(Outcome.RETRY), DELIVERED] * 50)
    for _ in range(50):
        await made.run(pace)
    at = [when for when, _ in made.calls]
    assert min(later - sooner for sooner, later in pairwise(at)) >= CALL_INTERVAL_SECS
    windows = zip(at, at[CALLS_PER_WINDOW:], strict=False)
    assert min(later - sooner for sooner, later in windows) >= WINDOW_SECS
    assert at[-1] - at[0] <= 5 * WINDOW_SECS  # and no slower than the limit asks for
