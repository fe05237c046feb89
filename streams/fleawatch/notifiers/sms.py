"""SMS, by Apprise: Twilio and the others that it knows. One message of 160 characters, never more."""

from fleawatch.alerting.note import Note
from fleawatch.errors import ConfigError
from fleawatch.notifiers.apprise_services import Services
from fleawatch.notifiers.history import History
from fleawatch.notifiers.pace import Pace
from fleawatch.notifiers.post import DEADLINE_SECS, Http
from fleawatch.notifiers.retry import Attempt, Part
from fleawatch.notifiers.sms_text import sms
from fleawatch.settings import Settings

CALLS_PER_HOUR = 10
"""Ours: each costs money, and a phone that rings more often is switched off. Half of them are for digests."""


class Sms:
    """One URL, of one service."""

    name = "sms"
    edits = files = False

    def __init__(self, url: str, *, allow_private: bool, deadline_secs: float = DEADLINE_SECS) -> None:
        self._services = Services(
            url, "FLEAWATCH_SMS_URL", allow_private=allow_private, deadline_secs=deadline_secs
        )
        self.pace = Pace(calls=CALLS_PER_HOUR, window_secs=3600.0)

    @classmethod
    def from_settings(cls, settings: Settings, http: Http, history: History | None = None) -> "Sms":  # noqa: ARG003 its siblings need them
        """Raise ConfigError, naming the variable and never its value, for what is missing or not permitted."""
        url = settings.sms_url.get_secret_value() if settings.sms_url else ""
        if not url:
            raise ConfigError(
                "FLEAWATCH_SMS_URL is not set",
                hint="for example twilio://SID:TOKEN@FROM/TO; FLEAWATCH_SMS_URL_FILE names a file",
            )
        return cls(url, allow_private=settings.allow_private_receivers)

    async def render(self, note: Note) -> list[Part]:
        text = sms(note)
        return [Part(text, text)]

    async def send(self, part: Part, ref: str | None, plain: bool) -> Attempt:  # noqa: ARG002, FBT001 Channel's signature
        return await self._services.send(part, "", part.plain)
