"""Who may do what. Telegram vouches for a user's number, and for nothing else: names are for display."""

from collections.abc import Mapping
from typing import Literal

from fleawatch.bot.updates import Chat, Person
from fleawatch.notifiers.escape import one_line
from fleawatch.operator.actions import MOST_NAME
from fleawatch.settings import Settings

Role = Literal["operator", "viewer"]
_FIRST_ATTEMPTS = 10
_THEN_EACH = 100


class People:
    """The settings' users, in the settings' chat alone."""

    def __init__(self, users: Mapping[int, Role], chat_id: str) -> None:
        self._users = users
        self.chat_id = chat_id

    @classmethod
    def from_settings(cls, settings: Settings) -> "People":
        return cls(settings.bot_users, settings.telegram_chat_id)

    def role(self, person: Person | None, chat: Chat | None) -> Role | None:
        """None: nothing at all."""
        if person is None or chat is None or not self.here(chat):
            return None
        return self._users.get(person.id)

    def here(self, chat: Chat) -> bool:
        """Whether it is our chat; its number, or the name of a public one."""
        return str(chat.id) == self.chat_id or (
            bool(chat.username) and f"@{chat.username}".lower() == self.chat_id.lower()
        )


def name_of(person: Person) -> str:
    """For example `Ann (12345)`: the number is what counts."""
    number = f" ({person.id})"
    return (one_line(person.first_name or person.username, MOST_NAME - len(number)) or "?") + number


def worth_writing(count: int) -> bool:
    """Of a stranger's attempts: the first ones, then each hundredth. A flood of them must not fill a topic."""
    return count <= _FIRST_ATTEMPTS or count % _THEN_EACH == 0
