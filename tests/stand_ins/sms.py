"""Twilio's Messages resource for one account, and a plain JSON receiver such as Apprise's `json://` calls.

https://www.twilio.com/docs/messaging/api/message-resource: 201 with a sid, 429 with code 20429.
"""

import time
from base64 import b64encode
from collections.abc import Callable

from aiohttp import web

from stand_ins.server import Call, Limits, Server

BODY_LIMIT = 1600  # "The text content of the outgoing message. Can be up to 1,600 characters"


class FakeSms(Server):
    """`texts` is what phones have shown. One message a second: a long code's rate."""

    def __init__(
        self,
        sid: str = "AC" + "0" * 32,
        auth_token: str = "0123456789abcdefcanary0123456789",  # noqa: S107 a canary
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(clock)
        self.sid = sid
        self.auth_token = auth_token
        self.limits = Limits(per_window=10_000)
        self.texts: list[str] = []

    @property
    def json_url(self) -> str:
        """For Apprise: any JSON endpoint."""
        return self.url.replace("http://", "json://") + "/notify"

    @property
    def twilio_base(self) -> str:
        """What stands in for https://api.twilio.com."""
        return self.url

    async def judge(self, request: web.Request, call: Call) -> web.StreamResponse:
        if call.path == "/notify":
            body, twilio = str(call.payload.get("message", "")), False
        elif call.path == f"/2010-04-01/Accounts/{self.sid}/Messages.json":
            body, twilio = str(call.payload.get("Body", "")), True
            given = request.headers.get("Authorization", "")
            pair = b64encode(f"{self.sid}:{self.auth_token}".encode()).decode()
            if given != f"Basic {pair}":
                return web.json_response(
                    {"code": 20003, "message": "Authenticate", "status": 401}, status=401
                )
        else:
            return web.json_response({"code": 20404, "message": "not found", "status": 404}, status=404)
        if not body or (twilio and len(body) > BODY_LIMIT):
            return web.json_response({"code": 21617, "message": "message body", "status": 400}, status=400)
        wait = self.limits.wait(call.at)
        if wait:
            said = {"code": 20429, "message": "Too Many Requests", "status": 429}
            return web.json_response(said, status=429, headers={"Retry-After": str(int(wait) + 1)})
        self.limits.take(call.at)
        call.delivered = True
        call.shown = body
        self.texts.append(body)
        if twilio:
            return web.json_response({"sid": f"SM{len(self.texts):032}", "status": "queued"}, status=201)
        return web.json_response({"ok": True})
