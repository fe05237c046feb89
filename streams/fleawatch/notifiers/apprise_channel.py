"""Anything that Apprise can reach: Discord, Matrix, e-mail, ntfy, Pushover, PagerDuty and a hundred others."""

from fleawatch.alerting.note import Note
from fleawatch.errors import ConfigError
from fleawatch.notifiers.apprise_services import Services
from fleawatch.notifiers.history import History
from fleawatch.notifiers.layout import lay_out
from fleawatch.notifiers.message import looks_back, message
from fleawatch.notifiers.pace import Pace
from fleawatch.notifiers.plain_style import PlainStyle
from fleawatch.notifiers.post import DEADLINE_SECS, Http
from fleawatch.notifiers.retry import Attempt, Part
from fleawatch.runbooks.pages import Runbooks
from fleawatch.settings import Settings

TEXT_LIMIT = 1900  # Discord's 2,000 less what Apprise adds; of those with room for a message the least


class Apprise:
    """Some URLs, all told the same."""

    name = "apprise"
    edits = files = False

    def __init__(
        self,
        urls: str,
        *,
        allow_private: bool,
        deadline_secs: float = DEADLINE_SECS,
        runbooks: Runbooks | None = None,
        history: History | None = None,
    ) -> None:
        self._services = Services(
            urls, "FLEAWATCH_APPRISE_URLS", allow_private=allow_private, deadline_secs=deadline_secs
        )
        self._runbooks = runbooks or Runbooks()
        self._history = history or History()
        self.pace = Pace()

    @classmethod
    def from_settings(cls, settings: Settings, http: Http, history: History | None = None) -> "Apprise":  # noqa: ARG003 its siblings need it
        """Raise ConfigError, naming the variable and never its value, for what is missing or not permitted."""
        urls = settings.apprise_urls.get_secret_value() if settings.apprise_urls else ""
        if not urls.strip():
            raise ConfigError(
                "FLEAWATCH_APPRISE_URLS is not set",
                hint="URLs as Apprise writes them, separated by spaces; FLEAWATCH_APPRISE_URLS_FILE names a file",
            )
        return cls(
            urls,
            allow_private=settings.allow_private_receivers,
            runbooks=Runbooks.from_settings(settings),
            history=history,
        )

    async def render(self, note: Note) -> list[Part]:
        look = await self._history.look(note.items[0].alert.agent_id) if looks_back(note) else None
        told = message(note, self._runbooks, look.words if look else "", files=False)
        text = lay_out(told, TEXT_LIMIT, PlainStyle())
        return [Part(text.rich, text.plain)]

    async def send(self, part: Part, ref: str | None, plain: bool) -> Attempt:  # noqa: ARG002, FBT001 Channel's signature
        title, _, body = part.plain.partition("\n")
        return await self._services.send(part, title, body or title)
