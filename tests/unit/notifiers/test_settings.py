"""What a notifier refuses to start with, and what its log lines never show."""

import io
import logging
import socket
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from pydantic import SecretStr

from fleawatch.errors import ConfigError
from fleawatch.notifiers.addresses import GuardedResolver, check_url, permitted
from fleawatch.notifiers.post import Http
from fleawatch.notifiers.redact import RedactingFormatter, Redactor
from fleawatch.notifiers.slack import Slack
from fleawatch.notifiers.telegram import Telegram
from fleawatch.settings import Settings

TOKEN = "123456:canary-token_ABCDEFGH"
HOOK = "https://hooks.slack.com/services/T0/B0/canaryhook123"
GOOD: dict[str, Any] = {"telegram_token": TOKEN, "telegram_chat_id": "-1001", "slack_webhook": HOOK}


def settings(**changed: Any) -> Settings:
    values = GOOD | changed
    for name in ("telegram_token", "slack_webhook", "slack_token"):
        if isinstance(values.get(name), str):
            values[name] = SecretStr(values[name])
    return Settings.load().model_copy(update=values)


def http() -> Http:
    return Http(allow_private=False)


def test_good_settings_are_taken() -> None:
    Telegram.from_settings(settings(), http())
    Slack.from_settings(settings(), http())


@pytest.mark.parametrize(
    ("changed", "variable"),
    [
        ({"telegram_token": None}, "FLEAWATCH_TELEGRAM_TOKEN"),
        ({"telegram_token": "canary/../../x"}, "FLEAWATCH_TELEGRAM_TOKEN"),
        ({"telegram_token": "123456:canary-token_AB\nEFGH"}, "FLEAWATCH_TELEGRAM_TOKEN"),
        ({"telegram_chat_id": ""}, "FLEAWATCH_TELEGRAM_CHAT_ID"),
        ({"telegram_chat_id": "my chat"}, "FLEAWATCH_TELEGRAM_CHAT_ID"),
        ({"telegram_api_base": "http://example.com"}, "FLEAWATCH_TELEGRAM_API_BASE"),
        ({"slack_webhook": None}, "neither FLEAWATCH_SLACK_WEBHOOK nor FLEAWATCH_SLACK_TOKEN"),
        ({"slack_token": "xoxp"}, "FLEAWATCH_SLACK_TOKEN"),
        ({"slack_token": "xoxb-canary-123456"}, "FLEAWATCH_SLACK_CHANNEL"),
        (
            {
                "slack_token": "xoxb-canary-123456",
                "slack_channel": "C01",
                "slack_api_base": "http://canary.example",
            },
            "FLEAWATCH_SLACK_API_BASE",
        ),
        ({"slack_webhook": "http://hooks.slack.com/canary"}, "FLEAWATCH_SLACK_WEBHOOK"),
        ({"slack_webhook": "https://169.254.169.254/canary"}, "FLEAWATCH_SLACK_WEBHOOK"),
    ],
)
def test_what_is_missing_or_wrong_is_named_and_its_value_is_not(
    changed: dict[str, Any], variable: str
) -> None:
    make = Slack.from_settings if "SLACK" in variable else Telegram.from_settings
    with pytest.raises(ConfigError) as caught:
        make(settings(**changed), http())
    assert str(caught.value).startswith(variable)
    assert "canary" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.1/x",
        "https://192.168.1.1/x",
        "https://[fe80::1]/x",
        "https://[fd00::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://100.64.0.1/x",
        "https://0.0.0.0/x",
        "ftp://example.com/x",
        "https://",
        "https:///x",
        "//example.com",
        "file:///etc/passwd",
        "https://user:pass@example.com/x",
        "https://example.com:99999/x",
        "http://127.0.0.1.example.com/x",
    ],
)
def test_urls_that_are_not_called(url: str) -> None:
    with pytest.raises(ConfigError):
        check_url(url, "X", allow_private=False)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/x",
        "http://127.0.0.1:8081",
        "http://[::1]:1",
        "http://localhost:1",
        "https://8.8.8.8",
    ],
)
def test_urls_that_are_called(url: str) -> None:
    check_url(url, "X", allow_private=False)


def test_private_addresses_when_allowed() -> None:
    check_url("https://10.0.0.1/x", "X", allow_private=True)
    with pytest.raises(ConfigError):
        check_url("http://10.0.0.1/x", "X", allow_private=True)
    assert not permitted(ip_address("224.0.0.1"), loopback_named=False, allow_private=True)


class Names(AbstractResolver):
    """Names and their addresses, as a hostile name server would give them."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self._addresses
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "169.254.169.254", "10.1.2.3", "::1", "fe80::1%eth0", "::ffff:127.0.0.1"]
)
async def test_a_name_that_points_inwards_is_not_called(address: str) -> None:
    # Breaks if only the URL is judged: the name is public, its address is not.
    guard = GuardedResolver(allow_private=False, resolver=Names(address))
    with pytest.raises(OSError, match="not permitted"):
        await guard.resolve("hooks.example.com", 443)


async def test_of_several_addresses_the_public_ones_are_kept() -> None:
    guard = GuardedResolver(allow_private=False, resolver=Names("10.0.0.1", "8.8.8.8"))
    assert [found["host"] for found in await guard.resolve("hooks.example.com", 443)] == ["8.8.8.8"]


def test_a_log_line_shows_no_secret_in_any_form() -> None:
    """A library that logs the URL, quoted or not, or raises with it: breaks if only the message is redacted."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(RedactingFormatter(Redactor([TOKEN, HOOK])))
    log = logging.Logger("library")  # noqa: LOG001 one that is this test's alone
    log.addHandler(handler)
    log.info("POST https://api.telegram.org/bot%s/sendMessage", TOKEN)
    log.info("POST https://api.telegram.org/bot%s/sendMessage", TOKEN.replace(":", "%3A"))
    log.info("only the path: %s", "/services/T0/B0/canaryhook123")
    try:
        raise OSError(f"cannot connect to {HOOK}")
    except OSError:
        log.exception("failed")
    assert "failed" in out.getvalue()
    assert "canary" not in out.getvalue()


def test_the_parts_of_a_url_are_secret_by_themselves() -> None:
    redact = Redactor(["twilio://ACcanary0001:canarytoken@+15550001111/+15550002222"])
    for part in ("ACcanary0001", "canarytoken", "ACcanary0001:canarytoken", "+15550002222"):
        assert redact(f"a {part} b") == "a [secret] b"


def test_every_secret_of_the_settings_is_redacted() -> None:
    changed = {
        "slack_token": SecretStr("xoxb-canary"),
        "apprise_urls": SecretStr("a://canary1\n b://canary2"),
    }
    assert {TOKEN, HOOK, "xoxb-canary", "a://canary1", "b://canary2"} <= set(settings(**changed).secrets())


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, field in Settings.model_fields.items()
        if SecretStr in getattr(field.annotation, "__args__", ())
    ],
)
def test_every_secret_can_be_in_a_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """README.md and the manifests say so of each: breaks when one is left out, and its variable is ignored in silence."""
    monkeypatch.delenv(f"FLEAWATCH_{name.upper()}", raising=False)
    path = tmp_path / name
    path.write_text("https://canary.example/x\n", encoding="utf-8")
    monkeypatch.setenv(f"FLEAWATCH_{name.upper()}_FILE", str(path))
    found = getattr(Settings.load(), name)
    assert found.get_secret_value() == "https://canary.example/x"
    path.unlink()
    with pytest.raises(ConfigError, match=f"FLEAWATCH_{name.upper()}_FILE: cannot read"):
        Settings.load()
