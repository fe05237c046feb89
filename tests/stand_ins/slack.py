"""Slack: one incoming webhook, and the Web API for one bot token in one channel.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, https://docs.slack.dev/apis/web-api/rate-limits
"""

import html
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from stand_ins.server import Call, Limits, Server

TEXT_LIMIT = 40_000  # Slack cuts there; a message that long was not meant to be
ATTACHMENT_LIMIT = 100
_CONTROL = re.compile(r"<([^<>]*)>")


@dataclass
class SlackMessage:
    """As people see it now: the text and each attachment's texts, with what Slack would make of `<…>` taken out."""

    ts: str
    text: str
    attachments: list[dict[str, Any]]
    controls: list[str]  # what stood in <…>: mentions, links
    thread_ts: str | None = None
    edits: int = 0
    files: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def everything(self) -> str:
        """All that is shown, one text a line."""
        return "\n".join([self.text, *(text for one in self.attachments for text in _texts(one))])

    @property
    def colours(self) -> list[str]:
        return [str(one.get("color", "")) for one in self.attachments]


class FakeSlack(Server):
    """`webhook` is the hook's address; `url` + /api is the Web API, for `token` and `channel`."""

    def __init__(
        self,
        secret: str = "TEST-canary-slack-abcdefgh",  # noqa: S107 a canary
        token: str = "xoxb-TEST-canary-slackbot-abcdefgh",  # noqa: S107 a canary
        channel: str = "C0TEST",
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(clock)
        self._path = f"/services/T000/B000/{secret}"
        self.secret = secret
        self.token = token
        self.channel = channel
        self.limits = Limits(per_window=10_000)
        self.messages: dict[str, SlackMessage] = {}
        self._uploads: dict[str, tuple[str, int]] = {}  # file id → name, length
        self._contents: dict[str, bytes] = {}

    @property
    def webhook(self) -> str:
        return self.url + self._path

    async def judge(self, request: web.Request, call: Call) -> web.StreamResponse:
        if call.path.startswith("/api/"):
            return self._api(request, call)
        if call.path.startswith("/upload/"):
            return self._upload(call)
        if call.path != self._path:
            return web.Response(status=404, text="no_service")
        if not call.payload:
            return web.Response(status=400, text="invalid_payload")
        if problem := _problem(call.payload):
            return web.Response(status=400, text=problem)
        if wait := self._wait(call):
            return wait
        self._keep(f"hook-{len(self.messages) + 1}", call)
        return web.Response(text="ok")

    def _api(self, request: web.Request, call: Call) -> web.StreamResponse:
        def fail(error: str) -> web.Response:
            return web.json_response({"ok": False, "error": error})

        given = request.headers.get("Authorization", "")
        if not given:
            return fail("not_authed")
        if given != f"Bearer {self.token}":
            return fail("invalid_auth")
        payload = call.payload
        match call.method:
            case "auth.test":
                return web.json_response({"ok": True, "team": "test", "user": "fleawatch"})
            case "chat.postMessage" | "chat.update":
                if payload.get("channel") != self.channel:
                    return fail("channel_not_found")
                if problem := _problem(payload):
                    return fail(problem)
                ts = str(payload.get("ts", ""))
                update = call.method == "chat.update"
                if update and ts not in self.messages:
                    return fail("message_not_found")
                if wait := self._wait(call):
                    return wait
                if not update:
                    ts = f"{1_700_000_000 + len(self.messages)}.000100"
                self._keep(ts, call)
                return web.json_response({"ok": True, "channel": self.channel, "ts": ts})
            case "files.getUploadURLExternal":
                if request.content_type != "application/x-www-form-urlencoded":
                    return fail("invalid_arguments")
                name, length = str(payload.get("filename", "")), int(payload.get("length", 0))
                if not name or length <= 0:
                    return fail("invalid_arguments")
                file_id = f"F{len(self._uploads) + 1:03}"
                self._uploads[file_id] = (name, length)
                upload = f"{self.url}/upload/{file_id}"
                return web.json_response({"ok": True, "upload_url": upload, "file_id": file_id})
            case "files.completeUploadExternal":
                return self._complete(call)
            case _:
                return fail("unknown_method")

    def _upload(self, call: Call) -> web.StreamResponse:
        file_id = call.path.rpartition("/")[2]
        name, length = self._uploads.get(file_id, ("", 0))
        content = next(iter(call.files.values()), ("", b""))[1]
        if not name or len(content) != length:
            return web.Response(status=400, text="bad upload")
        self._contents[file_id] = content
        return web.Response(text=f"OK - {length}")

    def _complete(self, call: Call) -> web.StreamResponse:
        given = [str(one.get("id")) for one in call.payload.get("files", []) if isinstance(one, dict)]
        if not given or any(one not in self._contents for one in given):
            return web.json_response({"ok": False, "error": "file_not_found"})
        if call.payload.get("channel_id") != self.channel:
            return web.json_response({"ok": False, "error": "channel_not_found"})
        if wait := self._wait(call):
            return wait
        files = [(self._uploads[one][0], self._contents[one]) for one in given]
        ts = f"{1_700_000_000 + len(self.messages)}.000100"
        thread = call.payload.get("thread_ts")
        self.messages[ts] = SlackMessage(ts, "", [], [], thread_ts=thread, files=files)
        call.delivered = True
        return web.json_response({"ok": True, "files": [{"id": one} for one in given]})

    def _wait(self, call: Call) -> web.Response | None:
        wait = self.limits.wait(call.at)
        if not wait:
            self.limits.take(call.at)
            return None
        headers = {"Retry-After": str(int(wait) + 1)}
        if call.path.startswith("/api/"):
            return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
        return web.Response(status=429, headers=headers, text="rate_limited")

    def _keep(self, ts: str, call: Call) -> None:
        controls: list[str] = []
        text = _show(str(call.payload.get("text", "")), controls)
        attachments = [_shown(one, controls) for one in call.payload.get("attachments", [])]
        before = self.messages.get(ts)
        thread = before.thread_ts if before else call.payload.get("thread_ts")
        edits = before.edits + 1 if before else 0
        message = self.messages[ts] = SlackMessage(ts, text, attachments, controls, thread, edits)
        call.shown = message.everything
        call.delivered = True


def _problem(payload: dict[str, Any]) -> str:
    attachments = payload.get("attachments", [])
    if not isinstance(attachments, list) or len(attachments) > ATTACHMENT_LIMIT:
        return "too_many_attachments"
    text = str(payload.get("text", ""))
    if not text.strip() and not attachments:
        return "no_text"
    return "msg_too_long" if len(text) > TEXT_LIMIT else ""


def _show(text: str, controls: list[str]) -> str:
    def taken(match: re.Match[str]) -> str:
        controls.append(match[1])
        return ""

    return html.unescape(_CONTROL.sub(taken, text))


def _shown(attachment: dict[str, Any], controls: list[str]) -> dict[str, Any]:
    shown = dict(attachment)
    for name in ("fallback", "pretext", "title", "text", "footer", "author_name"):
        if name in shown:
            shown[name] = _show(str(shown[name]), controls)
    shown["fields"] = [
        one | {"title": _show(str(one.get("title", "")), controls), "value": _show(str(one.get("value", "")), controls)}
        for one in attachment.get("fields", [])
    ]  # fmt: skip
    return shown


def _texts(attachment: dict[str, Any]) -> list[str]:
    texts = [str(attachment[name]) for name in ("pretext", "title", "text") if attachment.get(name)]
    texts += [f"{one['title']}: {one['value']}" for one in attachment["fields"]]
    return [*texts, str(attachment["footer"])] if attachment.get("footer") else texts
