"""Slack's incoming webhooks: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks."""

from fleawatch.errors import ConfigError
from fleawatch.notifiers import escape, render
from fleawatch.notifiers.addresses import check_url
from fleawatch.notifiers.note import Note
from fleawatch.notifiers.pace import Pace
from fleawatch.notifiers.post import Answer, Http, NoAnswer
from fleawatch.notifiers.redact import Redactor
from fleawatch.notifiers.retry import Attempt, Outcome, Part, told_wait
from fleawatch.settings import Settings

TEXT_LIMIT = 4000  # "limit the text field to 4,000 characters" (docs.slack.dev, chat.postMessage, "Truncating content")
# The webhook guide's "Handling errors": bad payloads 400, forbidden 403, unknown 404, archived channels 410.
_REFUSALS = frozenset({400, 401, 403, 404, 410, 413})
_DETAIL_LIMIT = 200


class Slack:
    """One webhook, which is one channel."""

    name = "slack"

    def __init__(self, http: Http, *, webhook: str) -> None:
        self._http = http
        self._url = webhook
        self._redact = Redactor([webhook])
        self.pace = Pace()
        self.edits = self.files = False

    @classmethod
    def from_settings(cls, settings: Settings, http: Http) -> "Slack":
        """Raise ConfigError, naming the variable and never its value, for what is missing or not permitted."""
        webhook = settings.slack_webhook.get_secret_value() if settings.slack_webhook else ""
        if not webhook:
            raise ConfigError(
                "FLEAWATCH_SLACK_WEBHOOK is not set",
                hint="an incoming webhook's URL; FLEAWATCH_SLACK_WEBHOOK_FILE names a file",
            )
        check_url(webhook, "FLEAWATCH_SLACK_WEBHOOK", allow_private=settings.allow_private_receivers)
        return cls(http, webhook=webhook)

    async def render(self, note: Note) -> list[Part]:
        alert = note.items[0].alert
        return render.parts(alert, TEXT_LIMIT, escape.slack)

    async def send(self, part: Part, ref: str | None, plain: bool) -> Attempt:  # noqa: ARG002, FBT001 Channel's signature
        # Without markup, names made into links or previews, what an agent wrote stays text. `plain` changes nothing:
        # the escapes are part of Slack's encoding, not of its markup.
        payload = {
            "text": part.rich,
            "mrkdwn": False,
            "parse": "none",
            "link_names": False,
            "unfurl_links": False,
            "unfurl_media": False,
        }
        try:
            attempt = classify(await self._http.post(self._url, payload))
        except NoAnswer as error:
            return Attempt(Outcome.RETRY, str(error))
        return Attempt(
            attempt.outcome, escape.one_line(self._redact(attempt.detail), _DETAIL_LIMIT), attempt.wait
        )


def classify(answer: Answer) -> Attempt:
    """What an answer means. Slack says "ok" or one word in plain text: a page of HTML is somebody else's."""
    text = answer.body.decode("utf-8", "replace").strip()
    if answer.status == 429:
        return Attempt(Outcome.RETRY_AFTER, "429", told_wait(answer.headers.get("retry-after")))
    if answer.status == 200 and text == "ok":
        return Attempt(Outcome.DELIVERED)
    foreign = text.startswith("<") or "html" in answer.headers.get("content-type", "").lower()
    if answer.status in _REFUSALS and not foreign:
        return Attempt(Outcome.REFUSED, f"{answer.status} {text}")
    return Attempt(Outcome.RETRY, f"status {answer.status}, {'a page of HTML' if foreign else text}")
