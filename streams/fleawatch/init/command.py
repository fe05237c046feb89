"""`fleawatch init`."""

import asyncio
import secrets
import sys
from pathlib import Path

import click

from fleawatch.errors import BrokerUnavailable, ConfigError, FleawatchError
from fleawatch.init import telegram
from fleawatch.init.env_file import text, write
from fleawatch.init.steps import check_broker, check_slack, create_topics, secret_of
from fleawatch.local.servers import find_servers
from fleawatch.notifiers.telegram import TOKEN
from fleawatch.settings import Settings

TRIES = 3
NEXT = """
Next:
  set -a; . {path}; set +a      (or --env-file, or EnvironmentFile=)
  fleawatch worker              the monitor
{roles}  fleawatch doctor              is everything there?"""


@click.command()
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=Path("fleawatch.env"),
    show_default=True, help="The file to write, for its owner's eyes only.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@click.option(
    "--non-interactive", is_flag=True, help="Ask nothing: check and write what the FLEAWATCH_… variables say."
)
def init(output: Path, *, force: bool, non_interactive: bool) -> None:
    """First set-up by questions: Kafka, Telegram, Slack. Each answer is tried; the result is a file of settings.

    Finds your chat, sends a test there and waits for your tap on its button. Secrets are never shown.
    """
    if output.exists() and not force:
        raise ConfigError(f"{output} is there already", hint="--force replaces it; -o writes another")
    settings = Settings.load()
    if non_interactive:
        values = _given(settings)
    else:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise ConfigError(
                "init asks questions, and there is no terminal",
                hint="`fleawatch init --non-interactive` takes the FLEAWATCH_… variables instead",
            )
        values = _asked(settings)
    write(output, text(values))
    roles = "".join(
        f"  fleawatch {role:<19} {told}\n"
        for name, role, told in (
            ("telegram_token", "notify telegram", "alerts to your chat"),
            ("slack_webhook", "notify slack", "CRITICAL alerts to Slack"),
            ("telegram_users", "bot", "buttons and commands"),
        )
        if name in values
    )
    _say(f"wrote {output}{NEXT.format(path=output, roles=roles)}")


def _asked(settings: Settings) -> dict[str, str]:
    values = _ask_broker(settings)
    if click.confirm("Telegram: alerts to your phone?", default=True, err=True):
        values |= _ask_telegram(settings)
    if click.confirm("Slack: CRITICAL alerts there, too?", default=False, err=True):
        values |= _ask_slack(settings)
    if not {"telegram_token", "slack_webhook"} <= values.keys():
        _say("! CRITICAL alerts should have two ways to you: `fleawatch init` again adds one")
    return values


def _ask_broker(settings: Settings) -> dict[str, str]:
    for _ in range(TRIES):
        servers = click.prompt(
            "Kafka servers, host:port, separated by commas (empty: the one on this machine)",
            default=settings.bootstrap_servers, show_default=bool(settings.bootstrap_servers), err=True,
        ).strip()  # fmt: skip
        chosen = settings.model_copy(update={"bootstrap_servers": servers})
        try:
            found = find_servers(chosen)
            _say(f"✓ {asyncio.run(check_broker(found))}")
            missing = asyncio.run(create_topics(found, chosen, create=False))
            if missing and click.confirm(
                f"{missing} topics are missing. Create them?", default=True, err=True
            ):
                asyncio.run(create_topics(found, chosen, create=True))
                _say("✓ topics created")
        except BrokerUnavailable as exc:
            _complain(exc)
            continue
        return {"bootstrap_servers": servers} if servers else {}
    raise ConfigError("no Kafka", hint="`fleawatch broker start` runs one on this machine")


def _ask_telegram(settings: Settings) -> dict[str, str]:
    for _ in range(TRIES):
        token = secret_of(_hidden("The bot's token, from @BotFather, or a file that holds it"))
        try:
            if not TOKEN.match(token):
                raise ConfigError("this is not a bot's token", hint="one looks like 123456:ABC-def_…")
            name = asyncio.run(_bot_name(settings, token))
        except FleawatchError as exc:
            _complain(exc)
            continue
        break
    else:
        raise ConfigError("no token that works", hint="@BotFather gives one: /newbot")
    code = secrets.token_hex(4)
    _say(
        f"✓ the bot is @{name}\n"
        f"Now tell it where alerts go, within {telegram.FIND_SECS / 60:.0f} minutes:\n"
        f"  a chat of your own:  open https://t.me/{name}?start={code} and press Start\n"
        f"  a group:             open https://t.me/{name}?startgroup={code} and choose it\n"
        f"  or write there:      /start {code}"
    )
    found = asyncio.run(_find(settings, token, code))
    if found is None:
        raise ConfigError("nobody wrote to the bot", hint="begin again when you have Telegram at hand")
    _say(f"✓ chat {found.chat}; you are {found.person}\nA test with a button is sent there: tap it")
    who = asyncio.run(_test(settings, token, found, f"init:{code}"))
    _say("✓ the tap came back" if who else "! no tap came; buttons will work when `fleawatch bot` runs")
    users = settings.bot_users | {found.user: "operator"}
    values = {
        "telegram_token": token,
        "telegram_chat_id": str(found.chat),
        "telegram_users": ",".join(f"{user}={role}" for user, role in users.items()),
    }
    return values if found.thread is None else values | {"telegram_thread_id": str(found.thread)}


def _ask_slack(settings: Settings) -> dict[str, str]:
    for _ in range(TRIES):
        webhook = secret_of(_hidden("The incoming webhook's URL, or a file that holds it"))
        try:
            asyncio.run(check_slack(settings, webhook))
        except FleawatchError as exc:
            _complain(exc)
            continue
        if click.confirm("A test was sent. Is it there?", default=True, err=True):
            return {"slack_webhook": webhook}
    raise ConfigError("no webhook that works", hint="api.slack.com/apps, Incoming Webhooks")


def _given(settings: Settings) -> dict[str, str]:
    """From the variables: checked in the same way, only that nobody is asked to tap."""
    servers = find_servers(settings)
    _say(f"✓ {asyncio.run(check_broker(servers))}")
    if missing := asyncio.run(create_topics(servers, settings, create=False)):
        _say(f"! {missing} topics are missing: `fleawatch topics create`")
    values = {"bootstrap_servers": settings.bootstrap_servers} if settings.bootstrap_servers else {}
    if settings.telegram_token is not None:
        token = settings.telegram_token.get_secret_value()
        if not settings.telegram_chat_id:
            raise ConfigError(
                "FLEAWATCH_TELEGRAM_CHAT_ID is not set", hint="`fleawatch init` on a terminal finds it"
            )
        name = asyncio.run(_bot_name(settings, token))
        said = asyncio.run(_say_there(settings, token, "fleawatch is set up here."))
        if not said:
            raise ConfigError(f"@{name} cannot write to the chat", hint="is it a member, and the id right?")
        _say(f"✓ @{name} writes to {settings.telegram_chat_id}")
        values |= {"telegram_token": token, "telegram_chat_id": settings.telegram_chat_id}
        if settings.telegram_users:
            values["telegram_users"] = settings.telegram_users
        if settings.telegram_thread_id is not None:
            values["telegram_thread_id"] = str(settings.telegram_thread_id)
    if settings.slack_webhook is not None:
        webhook = settings.slack_webhook.get_secret_value()
        asyncio.run(check_slack(settings, webhook))
        _say("✓ Slack took a test")
        values["slack_webhook"] = webhook
    return values


async def _bot_name(settings: Settings, token: str) -> str:
    async with telegram.connected(settings, token) as api:
        return await telegram.bot_name(api)


async def _find(settings: Settings, token: str, code: str) -> telegram.Found | None:
    async with telegram.connected(settings, token) as api:
        return await telegram.find(api, code)


async def _test(settings: Settings, token: str, found: telegram.Found, data: str) -> telegram.Found | None:
    words = "fleawatch is set up here. Tap the button."
    async with telegram.connected(settings, token) as api:
        said = await telegram.say(api, str(found.chat), words, found.thread, ("It works", data))
        if not said.ok:
            raise ConfigError(f"Telegram did not take the test: {said.why}", hint="may the bot write there?")
        return await telegram.tapped(api, data)


async def _say_there(settings: Settings, token: str, words: str) -> bool:
    async with telegram.connected(settings, token) as api:
        return (await telegram.say(api, settings.telegram_chat_id, words, settings.telegram_thread_id)).ok


def _hidden(question: str) -> str:
    return str(click.prompt(f"{question} (not shown)", hide_input=True, err=True)).strip()


def _say(words: str) -> None:
    click.echo(words, err=True)


def _complain(exc: FleawatchError) -> None:
    _say(f"✗ {exc}{f'; {exc.hint}' if exc.hint else ''}")
