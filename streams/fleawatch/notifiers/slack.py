"""Slack: an incoming webhook, or a bot token and a channel.

A webhook can only post anew: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks. With a token an
incident is one message, which changes (`chat.update`) and is answered in its thread; what must be heard is shown in the
channel too (`reply_broadcast`), and lists and charts are uploaded.
"""

import dataclasses
import re
from urllib.parse import urlsplit

from fleawatch.alerting.note import Note
from fleawatch.errors import ConfigError
from fleawatch.notifiers import escape
from fleawatch.notifiers.addresses import check_url
from fleawatch.notifiers.history import History
from fleawatch.notifiers.listing import listing
from fleawatch.notifiers.message import again, how, looks_back, message, rings
from fleawatch.notifiers.pace import Pace
from fleawatch.notifiers.post import Http, NoAnswer, Upload
from fleawatch.notifiers.redact import Redactor
from fleawatch.notifiers.retry import Attempt, File, Outcome, Part
from fleawatch.notifiers.slack_answer import of_api, of_webhook
from fleawatch.notifiers.slack_style import LISTED, attachment, lists_of
from fleawatch.runbooks.pages import Runbooks
from fleawatch.settings import Settings

_TOKEN = re.compile(r"xox[a-z]-[A-Za-z0-9-]{8,250}\Z")
_CHANNEL = re.compile(r"[A-Z0-9]{2,32}\Z")
_DETAIL_LIMIT = 200
# Without markup, names made into links or previews, what an agent wrote stays text.
_AS_TEXT = {
    "mrkdwn": False,
    "parse": "none",
    "link_names": False,
    "unfurl_links": False,
    "unfurl_media": False,
}


class Slack:
    """One webhook, which is one channel; or one channel of a bot."""

    name = "slack"

    def __init__(
        self,
        http: Http,
        *,
        webhook: str = "",
        token: str = "",
        channel: str = "",
        api_base: str = "https://slack.com/api",
        runbooks: Runbooks | None = None,
        history: History | None = None,
    ) -> None:
        self._http = http
        self._webhook = webhook
        self._headers = {"Authorization": f"Bearer {token}"}
        self._base = f"{api_base.rstrip('/')}/"
        self._channel = channel
        self._redact = Redactor(secret for secret in (webhook, token) if secret)
        self._runbooks = runbooks or Runbooks()
        self._history = history or History()
        self.pace = Pace() if token else Pace(lines=LISTED)
        self.edits = self.files = bool(token)

    @classmethod
    def from_settings(cls, settings: Settings, http: Http, history: History | None = None) -> "Slack":
        """Raise ConfigError, naming the variable and never its value, for what is missing or not permitted."""
        webhook = settings.slack_webhook.get_secret_value() if settings.slack_webhook else ""
        token = settings.slack_token.get_secret_value() if settings.slack_token else ""
        private = settings.allow_private_receivers
        if token:
            if not _TOKEN.match(token):
                raise ConfigError("FLEAWATCH_SLACK_TOKEN is not a bot token", hint="one looks like xoxb-…")
            if not _CHANNEL.match(settings.slack_channel):
                raise ConfigError(
                    "FLEAWATCH_SLACK_CHANNEL is not set to a channel's id",
                    hint="it looks like C0123456789: at the bottom of the channel's details",
                )
            check_url(settings.slack_api_base, "FLEAWATCH_SLACK_API_BASE", allow_private=private)
        elif not webhook:
            raise ConfigError(
                "neither FLEAWATCH_SLACK_WEBHOOK nor FLEAWATCH_SLACK_TOKEN is set",
                hint="an incoming webhook's URL, or a bot token and FLEAWATCH_SLACK_CHANNEL; …_FILE names a file",
            )
        else:
            check_url(webhook, "FLEAWATCH_SLACK_WEBHOOK", allow_private=private)
        return cls(
            http,
            webhook=webhook,
            token=token,
            channel=settings.slack_channel,
            api_base=settings.slack_api_base,
            runbooks=Runbooks.from_settings(settings),
            history=history,
        )

    async def render(self, note: Note) -> list[Part]:
        look = await self._history.look(note.items[0].alert.agent_id) if looks_back(note) else None
        told = message(note, self._runbooks, look.words if look else "")
        made, left = attachment(told, note)
        lists = [] if self.files else lists_of(note, left=left)
        extra: dict[str, object] = {"attachments": [made, *lists]}
        new = Part(escape.slack(told.headline), told.headline, extra=extra)
        if not self.edits:
            return [new]
        if note.reminder and note.ref is not None:
            return [_heard(note)]
        parts = [dataclasses.replace(new, how=how(note))]
        if rings(note):
            parts.append(_heard(note))
        if (note.kind == "digest" or left) and not note.update:
            parts.append(_file(listing(note), "all of them"))
        if look is not None and look.picture is not None and note.ref is None:
            parts.append(_file(look.picture, look.caption))
        return parts

    async def send(self, part: Part, ref: str | None, plain: bool) -> Attempt:  # noqa: ARG002, FBT001 Channel's signature
        # `plain` changes nothing: the escapes are part of Slack's encoding, not of its markup.
        payload = {"text": part.rich, **part.extra, **_AS_TEXT}
        try:
            if not self.edits:
                attempt = of_webhook(await self._http.post(self._webhook, payload))
            elif part.file is not None:
                attempt = await self._upload(part.file, part.plain, ref)
            else:
                attempt = await self._post(part, payload, ref)
        except NoAnswer as error:
            attempt = Attempt(Outcome.RETRY, str(error))
        detail = escape.one_line(self._redact(attempt.detail), _DETAIL_LIMIT)
        delivered = attempt.outcome is Outcome.DELIVERED
        return dataclasses.replace(attempt, detail=detail, ref=attempt.ref or (ref if delivered else None))

    async def _post(self, part: Part, payload: dict[str, object], ref: str | None) -> Attempt:
        channel, ts = self._read(ref)
        payload["channel"] = channel
        method = "chat.postMessage"
        if part.how == "edit" and ts:
            method = "chat.update"
            payload["ts"] = ts
        elif part.how == "reply" and ts:
            payload["thread_ts"] = ts
        return of_api(await self._http.post(self._base + method, payload, self._headers))[0]

    async def _upload(self, file: File, title: str, ref: str | None) -> Attempt:
        """The three calls of https://docs.slack.dev/messaging/working-with-files/#upload."""
        asked = {"filename": file.name, "length": str(len(file.content))}
        attempt, said = of_api(
            await self._http.post_form(
                f"{self._base}files.getUploadURLExternal", asked, headers=self._headers
            )
        )
        url, file_id = str(said.get("upload_url", "")), str(said.get("file_id", ""))
        if attempt.outcome is not Outcome.DELIVERED:
            return _optional(file, attempt)
        if not self._ours(url):
            return _optional(file, Attempt(Outcome.REFUSED, "the upload's address is not Slack's"))
        kind = "image/png" if file.kind == "picture" else "text/csv"
        taken = await self._http.post_form(url, {}, Upload("filename", file.name, file.content, kind))
        if taken.status != 200:
            return _optional(file, Attempt(Outcome.RETRY, f"upload: status {taken.status}"))
        channel, ts = self._read(ref)
        done: dict[str, object] = {"files": [{"id": file_id, "title": title}], "channel_id": channel}
        if ts:
            done["thread_ts"] = ts
        answer = await self._http.post(f"{self._base}files.completeUploadExternal", done, self._headers)
        return _optional(file, of_api(answer)[0])

    def _read(self, ref: str | None) -> tuple[str, str]:
        channel, _, ts = (ref or "").partition(":")
        return (channel, ts) if _CHANNEL.match(channel) and ts else (self._channel, "")

    def _ours(self, url: str) -> bool:
        """The API's own host, or one of Slack's by https."""
        host = urlsplit(url).hostname or ""
        base = urlsplit(self._base)
        return url.startswith(f"{base.scheme}://{base.netloc}/") or (
            url.startswith("https://") and host.endswith(".slack.com")
        )


def _heard(note: Note) -> Part:
    """An answer that is shown in the channel too."""
    line = again(note)
    return Part(escape.slack(line), line, None, "reply", {"reply_broadcast": True})


def _file(file: File, title: str) -> Part:
    return Part(title, title, file, "reply")


def _optional(file: File, attempt: Attempt) -> Attempt:
    """A picture is worth one attempt and no alert."""
    if file.kind == "picture" and attempt.outcome not in {Outcome.DELIVERED, Outcome.RETRY_AFTER}:
        return Attempt(Outcome.DELIVERED, f"without its chart: {attempt.detail}")
    return attempt
