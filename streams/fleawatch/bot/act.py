"""What a press or a command comes to: its effect on the topic, what is said, and what is to be done after both."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from fleawatch.bot.people import Role
from fleawatch.bot.voice import Text
from fleawatch.notifiers.buttons import Button
from fleawatch.operator.actions import Actor, Records


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and under which message. `text` is that message's, for a button."""

    actor: Actor
    role: Role
    message_id: int | None
    thread: int | None = None
    text: str = ""
    date: float = 0.0

    @property
    def may_act(self) -> bool:
        return self.role == "operator"


@dataclass(frozen=True, slots=True)
class Act:
    """`records` are written together with the update's end. Then `text` is said, and `later` runs, in a task of its own.

    `toast` is what who pressed a button sees for a moment. `edit`: the text replaces the message of the button.
    """

    records: Records = field(default_factory=list)
    text: Text | None = None
    keyboard: Sequence[Sequence[Button]] = ()
    edit: bool = False
    toast: str = ""
    alarm: bool = False
    later: Callable[[], Coroutine[Any, Any, None]] | None = None


def refusal(why: str) -> Act:
    return Act(toast=why, alarm=True)
