"""What a channel is. The worker knows nothing else of it."""

from typing import Protocol

from fleawatch.alerting.note import Note
from fleawatch.notifiers.pace import Pace
from fleawatch.notifiers.retry import Attempt, Part


class Channel(Protocol):
    """One receiver. The worker decides what is told and when; a channel knows how it looks and what an answer means.

    A note is rendered once and its parts are sent in order. The first part that is delivered gives the incident its
    reference, unless the note had one; every part is given the reference there is by then.
    """

    @property
    def name(self) -> str:
        """What routes call it."""

    @property
    def pace(self) -> Pace:
        """One for each chat. Every call counts against it: edits, files and failures too."""

    @property
    def edits(self) -> bool:
        """Whether a message can be changed after it was sent. Only then notes with `update` are for it."""

    @property
    def files(self) -> bool:
        """Whether it takes files. Without, a digest's list is in its text, or said to be elsewhere."""

    async def render(self, note: Note) -> list[Part]:
        """At least one part; none longer than the channel takes. May look something up (a chart's data), but never fails
        for it, and takes seconds at most.
        """

    async def send(self, part: Part, ref: str | None, plain: bool) -> Attempt:  # noqa: FBT001 positional, so that deliver can call any
        """One attempt. It never raises for what a receiver does; it says what came of it. `plain`: without markup."""
