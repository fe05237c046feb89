"""What Telegram tells a bot: https://core.telegram.org/bots/api#update. Only what is needed, whatever else there is."""

import msgspec


class Person(msgspec.Struct, frozen=True):
    id: int
    first_name: str = ""
    username: str = ""


class Chat(msgspec.Struct, frozen=True):
    id: int
    username: str = ""


class Message(msgspec.Struct, frozen=True):
    """`sender` is absent in channels. `migrate_to_chat_id`: the group has become another chat."""

    message_id: int
    chat: Chat
    sender: Person | None = msgspec.field(default=None, name="from")
    date: float = 0.0
    text: str = ""
    message_thread_id: int | None = None
    is_topic_message: bool = False
    migrate_to_chat_id: int | None = None

    @property
    def thread(self) -> int | None:
        return self.message_thread_id if self.is_topic_message else None


class Query(msgspec.Struct, frozen=True):
    """A button was pressed. `message` is absent when it is too old."""

    id: str
    sender: Person = msgspec.field(name="from")
    message: Message | None = None
    data: str = ""


class Update(msgspec.Struct, frozen=True):
    update_id: int
    message: Message | None = None
    callback_query: Query | None = None


class _Numbered(msgspec.Struct):
    update_id: int


def read_updates(result: object) -> list[Update]:
    """In order. One that cannot be read is there with its number alone: it must not come for ever."""
    found = []
    for one in result if isinstance(result, list) else []:
        try:
            found.append(msgspec.convert(one, Update))
        except msgspec.ValidationError:
            try:
                found.append(Update(msgspec.convert(one, _Numbered).update_id))
            except msgspec.ValidationError:
                continue
    return sorted(found, key=lambda update: update.update_id)
