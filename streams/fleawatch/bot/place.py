"""Up to which update everything is done: kept on the topic `notifications`, in one batch with what was done for it.

So a restart neither loses an action nor does it again. What has its effect on other topics (pause, resume) is written down
as intended first; `unfinished` has those that a restart interrupted.
"""

from collections.abc import Sequence

from fleawatch.bot.people import name_of, worth_writing
from fleawatch.bot.updates import Person
from fleawatch.operator.actions import Actor, Records
from fleawatch.operator.notebook import Notebook
from fleawatch_schemas.notifications import Audit, BotPlace

FRESH_SECS = 2 * 86_400.0
"""Telegram keeps updates for a day, and begins with a number of its choice after a week without any
(https://core.telegram.org/bots/api#update): later than this our place says nothing about what comes."""


class Place:
    """Of one bot. `at` is its number at Telegram."""

    def __init__(self, notebook: Notebook, bot_id: int) -> None:
        self._notebook = notebook
        self._name = f"telegram|{bot_id}"
        self._place: BotPlace | None = None
        self._strangers: dict[str, Audit] = {}
        self.unfinished: list[Audit] = []

    async def open(self, now: float) -> None:
        """Read where we are. Raises BrokerUnavailable."""
        notes = await self._notebook.read((b"bot|", b"audit|"))
        self._place = notes.places.get(self._name)
        self._strangers = {key: one for key, one in notes.audits.items() if one.outcome == "refused"}
        self.unfinished = [
            one for one in notes.audits.values() if one.via == "telegram" and one.outcome == "intended"
        ]
        if old := notes.outdated(now):
            await self._notebook.write([], forget=old)

    def offset(self, now: float) -> int | None:
        """What to ask Telegram for: what comes from here on. None: whatever there is."""
        return self._place.next_update if self._place is not None and self._fresh(now) else None

    def done(self, update_id: int, now: float) -> bool:
        """Whether it was done before. Numbers grow, except after a week without any."""
        return self._place is not None and self._fresh(now) and update_id < self._place.next_update

    async def settle(self, update_id: int, now: float, records: Sequence[object] = ()) -> None:
        """It is done, and `records` is its effect: both, or neither. Raises BrokerUnavailable."""
        place = BotPlace(kind="bot", next_update=update_id + 1, ts=now)
        await self._notebook.write(list(records), places=[(self._name, place)])  # type: ignore[arg-type]
        self._place = place

    async def write(self, records: Records) -> None:
        """Something that no update is settled by. Raises BrokerUnavailable."""
        await self._notebook.write(records)

    def refused(self, person: Person, tried: str, now: float) -> Records:
        """The record of somebody who may not; [] where it adds nothing to those that there are."""
        audit_id = f"stranger-{person.id % 1000}"
        before = self._strangers.get(audit_id)
        actor = Actor(name_of(person), "telegram", now, audit_id)
        same = before is not None and before.by.endswith(f"({person.id})")  # names change
        count = before.count + 1 if before is not None and same else 1
        made = actor.audit("refused", tried, outcome="refused", count=count)
        self._strangers[audit_id] = made
        return [made] if worth_writing(count) else []

    def _fresh(self, now: float) -> bool:
        return self._place is not None and now - self._place.ts < FRESH_SECS
