"""`fleawatch bot`: settings → bot, until SIGTERM."""

import asyncio
import contextlib
import signal
import time

import click
from prometheus_client import CollectorRegistry, start_http_server

from fleawatch.bot.api import ANSWER_BYTES, POLL_SECS, Api
from fleawatch.bot.commands import Commands
from fleawatch.bot.control import Control
from fleawatch.bot.order import Orders
from fleawatch.bot.people import People
from fleawatch.bot.place import Place
from fleawatch.bot.poll import Bot
from fleawatch.bot.presses import Presses
from fleawatch.bot.voice import Voice
from fleawatch.errors import BrokerUnavailable, ConfigError
from fleawatch.local.servers import find_servers
from fleawatch.notifiers.pace import Pace
from fleawatch.notifiers.post import Http
from fleawatch.notifiers.redact import Redactor, log_safely
from fleawatch.notifiers.telegram import Telegram, token_of
from fleawatch.notifiers.timing import Timing
from fleawatch.operator.alert_desk import Desk
from fleawatch.operator.notebook import Notebook
from fleawatch.operator.store import Store
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry

FINISH_SECS = 8.0  # of the 10 s that supervisors wait
LAST_WORDS_SECS = 3.0
DEADLINE_SECS = POLL_SECS + 15.0
START_AGAIN_SECS = 5.0
MENU = ("status", "top", "alerts", "agent", "report", "ack", "silence", "pause", "resume", "help")


@click.command()
def bot() -> None:
    """Listen to Telegram: buttons under alerts, `/status` and other commands, for FLEAWATCH_TELEGRAM_USERS alone. One runs."""
    settings = Settings.load()
    token = token_of(settings)
    log_safely(Redactor([token]))
    if not settings.bot_users:
        raise ConfigError(
            "FLEAWATCH_TELEGRAM_USERS is not set: nobody could use the bot",
            hint="12345=operator,67890=viewer, by Telegram's numbers; `fleawatch init` finds yours",
        )
    telemetry = Telemetry(CollectorRegistry())
    if settings.metrics_port:
        start_http_server(settings.metrics_port, settings.metrics_host, registry=telemetry.registry)
    asyncio.run(serve(settings, telemetry))


async def serve(settings: Settings, telemetry: Telemetry) -> None:
    """Until SIGTERM or SIGINT. Raises ConfigError, as `listen`."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await listen(settings, telemetry, stop)


async def listen(settings: Settings, telemetry: Telemetry, stop: asyncio.Event) -> None:
    """Until `stop`.

    Raises:
        ConfigError: something is missing, or Telegram does not know the bot.
    """
    http = Http(
        allow_private=settings.allow_private_receivers,
        deadline_secs=DEADLINE_SECS,
        answer_limit_bytes=ANSWER_BYTES,
    )
    async with http:
        Telegram.from_settings(settings, http)  # for its checks of the settings
        token = token_of(settings)
        api = Api(http, api_base=settings.telegram_api_base, token=token)
        working = asyncio.create_task(_work(settings, api, int(token.partition(":")[0]), telemetry, stop))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        await asyncio.wait({working}, timeout=FINISH_SECS)
        if working.done():
            working.result()
            return
        working.cancel()  # what is not settled is done by the next one
        with contextlib.suppress(asyncio.CancelledError):
            await working


async def _work(settings: Settings, api: Api, bot_id: int, telemetry: Telemetry, stop: asyncio.Event) -> None:
    name = await _name(api)
    servers = find_servers(settings)
    place = Place(Notebook(settings, servers), bot_id)
    await _open(place)
    people = People.from_settings(settings)
    voice = Voice(api, people, Pace(), Timing())
    if moved := (await api.call("getChat", {"chat_id": people.chat_id})).moved:
        voice.move(moved)
    store = Store(settings, servers)

    async def look() -> Desk:
        return await Desk.look(settings, time.time())

    async def agents() -> list[str]:
        return sorted(key for key, one in (await store.agents()).items() if not one.retired)

    control = Control(Orders(settings, servers).give, agents, place, voice, time.time)
    commands = Commands(settings, servers, look, control)
    made = Bot(
        api=api, place=place, people=people, presses=Presses(look, control),
        commands=commands, control=control, voice=voice, count=telemetry.bot_updates, clock=time.time, name=name,
    )  # fmt: skip
    menu = [{"command": one, "description": commands.all[one].help} for one in MENU]
    await api.call("setMyCommands", {"commands": menu})
    speaking = asyncio.create_task(voice.run())
    made.begin(lambda: control.carry_on(place.unfinished))
    try:
        await made.run(stop)
        await made.finish(LAST_WORDS_SECS)
    finally:
        speaking.cancel()


async def _name(api: Api) -> str:
    """The bot's name at Telegram, asked until it answers."""
    while True:
        said = await api.me()
        if said.ok:
            return str(said.result.get("username", "")) if isinstance(said.result, dict) else ""
        if said.code in {401, 404}:
            raise ConfigError(
                f"Telegram does not know the bot: {said.why}", hint="check FLEAWATCH_TELEGRAM_TOKEN"
            )
        await asyncio.sleep(max(said.wait, START_AGAIN_SECS))


async def _open(place: Place) -> None:
    while True:
        try:
            await place.open(time.time())
        except BrokerUnavailable:
            await asyncio.sleep(START_AGAIN_SECS)
        else:
            return
