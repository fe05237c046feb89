"""Apprise's services: https://github.com/caronc/apprise/wiki. It knows how a hundred receivers are called; when, how often and
what came of it is ours. Its URLs are secrets, so nothing that it writes is passed on: only a service's name and a status.
"""

import logging
import re
from typing import Any
from urllib.parse import urlsplit

from fleawatch.errors import ConfigError
from fleawatch.notifiers.addresses import check_url
from fleawatch.notifiers.post import DEADLINE_SECS
from fleawatch.notifiers.retry import Attempt, Outcome, told_wait

log = logging.getLogger(__name__)

_REFUSALS = frozenset({400, 401, 403, 404, 405, 410, 413, 422})
_SPACE = re.compile(r"[\s]+")


class Services:
    """Some receivers that are told the same. `part` names what is told, so that a repeat spares those that have it."""

    def __init__(
        self, urls: str, variable: str, *, allow_private: bool, deadline_secs: float = DEADLINE_SECS
    ) -> None:
        """Raise ConfigError, naming the variable and never its value, for what Apprise cannot read or we may not call."""
        try:
            import apprise

            from fleawatch.notifiers.apprise_http import Wire
        except ModuleNotFoundError as exc:
            raise ConfigError(
                f"{variable} needs the package {exc.name}", hint="pip install 'fleawatch[notify]'"
            ) from None
        logging.getLogger("apprise").disabled = True  # its lines hold numbers and addresses
        logging.getLogger("urllib3").setLevel(logging.ERROR)  # and these the paths of URLs
        asset = apprise.AppriseAsset(app_id="fleawatch", http_redirects=False, async_mode=True)
        self._services: list[tuple[str, Any]] = []
        for number, url in enumerate(_SPACE.split(urls.strip()), 1):
            plugin = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
            which = variable if number == 1 else f"{variable} (number {number})"
            if not isinstance(plugin, apprise.NotifyBase):
                raise ConfigError(
                    f"{which} is not a URL that Apprise knows", hint="`apprise --details` lists them"
                )
            _check(plugin, url, which, allow_private=allow_private)
            one = apprise.Apprise(asset=asset)
            one.add(plugin)
            self._services.append((str(plugin.service_name), one))
        self._wire = Wire(allow_private=allow_private, deadline_secs=deadline_secs)
        self._wire.install()
        self._deadline_secs = deadline_secs
        self._part: object = None
        self._settled: dict[int, Attempt] = {}

    async def send(self, part: object, title: str, body: str) -> Attempt:
        """One attempt at each that has not taken or refused `part` before."""
        if part != self._part:
            self._part, self._settled = part, {}
        waiting: list[Attempt] = []
        for index, (name, service) in enumerate(self._services):
            if index in self._settled:
                continue
            attempt = await self._one(name, service, title, body)
            if attempt.outcome in {Outcome.DELIVERED, Outcome.REFUSED}:
                self._settled[index] = attempt
            else:
                waiting.append(attempt)
        if waiting:
            return max(waiting, key=lambda attempt: attempt.wait)
        self._part = None
        refused = [one for one in self._settled.values() if one.outcome is Outcome.REFUSED]
        if len(refused) == len(self._services):
            return refused[0]
        for one in refused:
            log.error("REFUSED by one of %s receivers: %s", len(self._services), one.detail)
        return Attempt(Outcome.DELIVERED, refused[0].detail if refused else "")

    async def _one(self, name: str, service: Any, title: str, body: str) -> Attempt:
        self._wire.clear()
        told = await service.async_notify(
            body=body, title=title, body_format="text", timeout=self._deadline_secs + 1
        )
        answers = self._wire.answers
        if told:
            return Attempt(Outcome.DELIVERED)
        if not answers:
            return Attempt(Outcome.RETRY, f"{name}: no answer that can be believed")
        if any(200 <= status < 300 for status, _ in answers):
            # Several numbers behind one URL: to try again would call those that have it.
            log.error("%s: not every receiver behind one URL has taken it", name)
            return Attempt(Outcome.DELIVERED, f"{name}: not by every receiver")
        status, retry_after = max(answers, key=lambda one: one[0] == 429)
        if status == 429:
            return Attempt(Outcome.RETRY_AFTER, f"{name}: 429", told_wait(retry_after))
        outcome = Outcome.REFUSED if status in _REFUSALS else Outcome.RETRY
        return Attempt(outcome, f"{name}: status {status}")


def _check(plugin: Any, url: str, which: str, *, allow_private: bool) -> None:
    """Services of one's own have a plain and a secure form, and a host; others are at an address that the plugin knows."""
    plain, secure = _schemas(plugin.protocol), _schemas(plugin.secure_protocol)
    if not plain or not secure:
        return
    scheme = "https" if urlsplit(url).scheme.lower() in secure or plugin.secure else "http"
    host = f"[{plugin.host}]" if ":" in str(plugin.host) else str(plugin.host)
    check_url(f"{scheme}://{host}/", which, allow_private=allow_private)


def _schemas(named: Any) -> set[str]:
    return {str(named)} if isinstance(named, str) else {str(one) for one in named or ()}
