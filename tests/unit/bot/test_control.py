"""The second question: what it takes to act, and what is too late. And where we are in Telegram's updates."""

from collections.abc import Sequence

import pytest

from fleawatch.bot.act import Asked
from fleawatch.bot.control import HOLDS_SECS, Control
from fleawatch.bot.order import Came, Verb
from fleawatch.bot.people import Role
from fleawatch.bot.place import FRESH_SECS, Place
from fleawatch.bot.updates import Person
from fleawatch.errors import ConfigError
from fleawatch.operator.actions import Actor
from fleawatch.operator.notebook import Notes
from fleawatch_schemas.notifications import BotPlace

NOW = 1_795_000_000.0
LONG = "a" * 64
AGENTS = ["btc-1", "btc-2", LONG]


class Paper:
    """A notebook in memory."""

    def __init__(self, notes: Notes | None = None) -> None:
        self.notes = notes or Notes()
        self.written: list[object] = []

    async def read(self, prefix: object = b"") -> Notes:
        return self.notes

    async def write(
        self, records: Sequence[object], places: Sequence[object] = (), forget: object = ()
    ) -> None:
        self.written += [*records, *places]


class Deaf:
    """Says nothing."""

    def say(self, answer: object) -> None:
        return


def asked(now: float = NOW, role: Role = "operator", text: str = "", date: float = NOW) -> Asked:
    return Asked(Actor("ann (7)", "telegram", now, "telegram-5"), role, 11, text=text, date=date)


def control() -> Control:
    async def give(agent_id: str, verb: Verb, *, reason: str, by: str, command_id: str, asked: float) -> Came:
        return Came("done", "paused")

    async def agents() -> list[str]:
        return AGENTS

    place = Place(Paper(), 1)  # type: ignore[arg-type] # it writes nothing else
    return Control(give, agents, place, Deaf(), lambda: NOW)  # type: ignore[arg-type] # nothing is said


@pytest.mark.parametrize("agent_id", AGENTS)
async def test_the_question_fits_into_its_buttons_and_the_answer_finds_agent_and_reason(
    agent_id: str,
) -> None:
    desk = control()
    question = await desk.ask("pause", agent_id, "too deep", asked())
    yes, no = question.keyboard[0]
    assert len(yes["callback_data"].encode()) <= 64
    assert question.text is not None
    assert question.records == []
    given = await desk.pressed(yes["callback_data"], asked(NOW + 5, text=question.text.part().plain))
    (intended,) = given.records
    assert (intended.action, intended.target, intended.detail, intended.outcome) == (  # type: ignore[union-attr]
        "pause", agent_id, "too deep", "intended",
    )  # fmt: skip
    assert given.later is not None
    refused = await desk.pressed(no["callback_data"], asked(NOW + 5))
    assert (refused.records, refused.later) == ([], None)


async def test_too_late_is_not_done() -> None:
    desk = control()
    question = await desk.ask("resume", "btc-1", "", asked())
    data = question.keyboard[0][0]["callback_data"]
    for now in (NOW + HOLDS_SECS + 1, NOW - HOLDS_SECS - 1):
        late = await desk.pressed(data, asked(now))
        assert (late.records, late.later, late.alarm) == ([], None, True)
    old = await desk.ask("resume", "btc-1", "", asked(NOW + HOLDS_SECS + 1))
    assert old.keyboard == ()
    assert old.text is not None
    assert "Say it again" in old.text.part().plain


@pytest.mark.parametrize("data", ["do:kill:0123456789abcdef:1795000000", "do:pause:x:1", "do:", "yes", ""])
async def test_forged_data_do_nothing(data: str) -> None:
    act = await control().pressed(data, asked())
    assert (act.records, act.later, act.alarm) == ([], None, True)


async def test_viewers_and_unknown_agents() -> None:
    desk = control()
    question = await desk.ask("pause", "btc-1", "", asked())
    act = await desk.pressed(question.keyboard[0][0]["callback_data"], asked(role="viewer"))
    assert (act.records, act.later) == ([], None)
    with pytest.raises(ConfigError, match="btc-3") as error:
        await desk.ask("pause", "btc-3", "", asked())
    assert "did you mean btc-" in error.value.hint


async def test_what_is_done_is_not_done_again_until_numbers_begin_anew() -> None:
    """Breaks when Telegram's numbers, which begin anew after a quiet week, are taken for old ones for ever."""
    notes = Notes(places={"telegram|1": BotPlace(kind="bot", next_update=1000, ts=NOW)})
    place = Place(Paper(notes), 1)  # type: ignore[arg-type] # what of a notebook it needs
    await place.open(NOW)
    assert place.offset(NOW + 60) == 1000
    assert place.done(999, NOW + 60)
    assert not place.done(1000, NOW + 60)
    later = NOW + FRESH_SECS
    assert place.offset(later) is None
    assert not place.done(17, later)
    await place.settle(17, later)
    assert place.done(17, later)
    assert not place.done(18, later)


async def test_a_stranger_is_one_record_whatever_he_calls_himself() -> None:
    place = Place(Paper(), 1)  # type: ignore[arg-type] # what of a notebook it needs
    first = place.refused(Person(9, "eve"), "/status", NOW)
    again = place.refused(Person(9, "ann"), "/pause", NOW + 1)
    assert [one.audit_id for one in (*first, *again)] == ["stranger-9", "stranger-9"]  # type: ignore[union-attr]
    assert again[0].count == 2  # type: ignore[union-attr]
    another = place.refused(Person(1009, "sam"), "/top", NOW + 2)
    assert another[0].count == 1  # type: ignore[union-attr]
