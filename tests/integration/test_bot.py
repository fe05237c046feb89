"""`fleawatch bot` on a real broker, against a server that is Telegram with its limits."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from alert_records import alert, publish
from fleawatch import AsyncEmitter
from fleawatch.bot.command import listen
from fleawatch.errors import ConfigError
from fleawatch.notifiers import buttons
from fleawatch.notifiers.escape import JOINER
from fleawatch.notifiers.post import Http
from fleawatch.operator.actions import Actor
from fleawatch.operator.alert_desk import Desk
from fleawatch.operator.compacted import read_latest, write
from fleawatch.operator.notebook import Notebook
from fleawatch.operator.store import Store
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry
from fleawatch_schemas.agents import AgentRecord
from fleawatch_schemas.notifications import Delivery
from fleawatch_schemas.partition import partition_for
from running import environment
from stand_ins.telegram import FakeTelegram

pytestmark = pytest.mark.broker

ROOT = Path(__file__).parents[2]
ANN, VIV, EVE = 7, 8, 9
DRAWDOWN = "0001000000000000"
SLOW = "0002000000000000"


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as made:
        made.interval_secs = 0.0
        yield made


@pytest.fixture
def configured(topics: Settings, telegram: FakeTelegram) -> Settings:
    return topics.model_copy(
        update={
            "telegram_token": SecretStr(telegram.token),
            "telegram_api_base": telegram.url,
            "telegram_chat_id": telegram.chat_id,
            "telegram_users": f"{ANN}=operator,{VIV}=viewer",
        }
    )


@pytest.fixture
async def bot(configured: Settings, telegram: FakeTelegram) -> AsyncIterator[Settings]:
    """It listens, in this process."""
    stop = asyncio.Event()
    running = asyncio.create_task(listen(configured, Telemetry(CollectorRegistry()), stop))
    yield configured
    stop.set()
    await running


async def desk(settings: Settings) -> Desk:
    return await Desk.look(settings, time.time())


async def message(telegram: FakeTelegram, *alert_ids: str) -> int:
    """One of the notifier's messages, with its buttons; sent here by its own call of the Bot API."""
    keyboard = buttons.keyboard(alert_ids[0])
    async with Http(allow_private=True) as http:
        await http.post(
            f"{telegram.url}/bot{telegram.token}/sendMessage",
            {"chat_id": telegram.chat_id, "text": "an alert", "reply_markup": {"inline_keyboard": keyboard}},
        )
    return max(telegram.messages)


async def answered(telegram: FakeTelegram, query: str) -> str:
    """What who pressed was told."""
    async with asyncio.timeout(20):
        while True:
            for one in telegram.answers:
                if one["callback_query_id"] == query:
                    return str(one["text"])
            await asyncio.sleep(0.02)


async def said(telegram: FakeTelegram, text: str) -> str:
    """The message that has `text`."""
    async with asyncio.timeout(30):
        while True:
            for one in telegram.messages.values():
                if text in one.text:
                    return one.text
            await asyncio.sleep(0.02)


async def test_a_press_is_on_the_topic_and_in_fleawatch_alerts(bot: Settings, telegram: FakeTelegram) -> None:
    await publish(bot, alert(1, severity="CRITICAL", rule="drawdown_exceeded"), alert(2))
    shown = await message(telegram, DRAWDOWN)
    assert await answered(telegram, telegram.tap(shown, f"ack:{DRAWDOWN}")) == "One alert acknowledged."
    notes = (await desk(bot)).notes
    assert notes.acks[DRAWDOWN].by == "ann (7)"
    assert [(one.action, one.by, one.via) for one in notes.audits.values()] == [
        ("ack", "ann (7)", "telegram")
    ]

    assert (
        await answered(telegram, telegram.tap(shown, f"silence:{DRAWDOWN}")) == "One alert silenced for 1h."
    )
    (held,) = (await desk(bot)).notes.silent_now(time.time())
    assert held.matchers == {"rule": "drawdown_exceeded", "agent_id": "btc-1"}
    assert 3500 < held.until_ts - time.time() <= 3600


async def test_a_press_under_a_group_is_about_all_that_the_message_tells_of(
    bot: Settings, telegram: FakeTelegram
) -> None:
    await publish(bot, alert(1), alert(2), alert(3))
    shown = await message(telegram, buttons.MESSAGE)
    for alert_id, ref in ((DRAWDOWN, shown), (SLOW, shown), ("0003000000000000", shown + 1)):
        told = Delivery(
            kind="delivery", channel="telegram", alert_id=alert_id, status="firing", outcome="sent", attempts=1,
            message_ref=f"{telegram.chat_id}:{ref}", ts=time.time(),
        )  # fmt: skip
        key = f"delivery|telegram|{alert_id}|firing".encode()
        await write(
            bot.bootstrap_servers, bot.topic("notifications"), [(key, told.model_dump_json().encode(), 0)]
        )
    query = telegram.tap(shown, f"ack:{buttons.MESSAGE}")
    assert await answered(telegram, query) == "2 alerts acknowledged."
    query = telegram.tap(shown, f"silence:{buttons.MESSAGE}")
    assert await answered(telegram, query) == "2 alerts silenced for 1h."
    notes = (await desk(bot)).notes
    assert set(notes.acks) == {DRAWDOWN, SLOW}
    assert [one.matchers["agent_id"] for one in notes.silent_now(time.time())] == ["btc-1", "btc-2"]


async def test_strangers_and_viewers_change_nothing_and_are_on_record(
    bot: Settings, telegram: FakeTelegram
) -> None:
    """Breaks when the number of a user is not what decides, or another chat is as good as ours."""
    await publish(bot, alert(1))
    shown = await message(telegram, DRAWDOWN)
    telegram.chats.add("-666")
    query = telegram.tap(shown, f"ack:{DRAWDOWN}", user_id=EVE, name="ann")
    assert await answered(telegram, query) == "You may not do that."
    query = telegram.tap(shown, f"ack:{DRAWDOWN}", user_id=VIV, name="viv")
    assert await answered(telegram, query) == "Only operators may do that."
    telegram.say("/status", user_id=EVE, name="eve")
    telegram.say(f"/ack {DRAWDOWN}", chat_id="-666")
    telegram.say(f"/ack {DRAWDOWN}", user_id=VIV)
    assert "Only operators" in await said(telegram, "Only operators")
    notes = (await desk(bot)).notes
    assert notes.acks == {}
    refused = {one.by: (one.target, one.count) for one in notes.audits.values()}
    assert refused == {"eve (9)": ("/status", 2), "ann (7)": ("/ack", 1)}
    assert {one.outcome for one in notes.audits.values()} == {"refused"}
    assert not [one for one in telegram.messages.values() if one.chat_id == "-666"]


async def test_commands_are_answered_as_text(bot: Settings, telegram: FakeTelegram) -> None:
    hostile = "<b>&</b> @all /kill \x1b[2J"
    await publish(bot, alert(1, severity="CRITICAL", title=hostile), alert(2))
    figures = json.loads((ROOT / "schemas" / "examples" / "metrics" / "valid-24h.json").read_text())
    home = partition_for(b"btc-2", bot.partitions)
    value = json.dumps(figures | {"agent_id": "btc-2"}).encode()
    await write(bot.bootstrap_servers, bot.topic("metrics"), [(b"btc-2|24h", value, home)])
    telegram.say("/start@fleet_test_bot")
    assert "/silence rule=… agent=… 2h REASON" in await said(telegram, "You are operator")
    telegram.say("/alerts")
    shown = await said(telegram, "2 open alerts")
    assert "<b>&</b>" in shown.replace(JOINER, "")
    assert "@all" not in shown  # it would ring for somebody
    telegram.say("/ack 0001 on it")
    assert DRAWDOWN in await said(telegram, "Acknowledged by ann (7)")
    telegram.say("/silence agent=btc-2 2h the host moves")
    assert "agent_id=btc-2" in await said(telegram, "Silenced:")
    telegram.say("/status")
    status = await said(telegram, "agents:")
    assert "1 CRITICAL, 1 acknowledged" in status
    assert "silence telegram-" in status
    telegram.say("/top")
    assert "no agents" not in await said(telegram, "drawdown/limit")
    telegram.say("/agent btc-3")
    assert "did you mean btc-" in await said(telegram, "nothing is known of btc-3")
    telegram.say("/report 7d")
    await said(telegram, "accounts, 7d")
    telegram.say("/report btc-2")
    assert "btc-2" in await said(telegram, "Sortino")
    telegram.say("/report btc-1")
    await said(telegram, "nothing is known of agent 'btc-1'")
    telegram.say("/ack fff")
    await said(telegram, "no alert fff")
    telegram.say("/silence 2h everything")
    await said(telegram, "would silence everything")
    telegram.say("/frobnicate")
    await said(telegram, "There is no /frobnicate")
    notes = (await desk(bot)).notes
    assert notes.acks[DRAWDOWN].note == "on it"
    assert {one.matchers["agent_id"] for one in notes.silent_now(time.time())} == {"btc-2"}


@pytest.mark.parametrize("waits", [0.0, 0.15, 0.4])
async def test_killed_between_update_and_action_it_is_done_once(
    configured: Settings, telegram: FakeTelegram, waits: float
) -> None:
    """Breaks when an update is confirmed before its action is durable, or done again although it is."""
    await publish(configured, alert(1))
    shown = await message(telegram, DRAWDOWN)
    env = environment(
        configured,
        telegram_token=telegram.token,
        telegram_api_base=telegram.url,
        telegram_chat_id=telegram.chat_id,
        telegram_users=configured.telegram_users,
    )

    async def start() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(sys.executable, "-m", "fleawatch.cli", "bot", env=env)

    def polls() -> int:
        return sum(call.method == "getUpdates" for call in telegram.calls)

    async def polled(more_than: int) -> None:
        async with asyncio.timeout(20):
            while polls() <= more_than:  # noqa: ASYNC110 the server runs in this loop
                await asyncio.sleep(0.005)

    process = await start()
    await polled(0)
    query = telegram.tap(shown, f"silence:{DRAWDOWN}")
    while telegram.calls[-1].method == "getUpdates" and not telegram.calls[-1].status:  # noqa: ASYNC110
        await asyncio.sleep(0.002)
    await asyncio.sleep(waits)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    before = polls()
    process = await start()
    await polled(before + 1)  # the second poll confirms what the first one brought
    await asyncio.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 20) == 0
    notes = (await desk(configured)).notes
    (held,) = notes.silences.values()
    assert held.silence_id.startswith("telegram-")
    assert len(notes.audits) == 1
    assert not telegram.updates
    assert query


async def test_only_one_may_listen_and_a_wrong_token_is_said(
    configured: Settings, telegram: FakeTelegram
) -> None:
    telegram.token = "654321:ANOTHER-canary_0123456789abcdefgh"
    stop = asyncio.Event()
    with pytest.raises(ConfigError, match="does not know the bot: 401"):
        await listen(configured, Telemetry(CollectorRegistry()), stop)


async def register(settings: Settings, *agents: str) -> None:
    await Store(settings, settings.bootstrap_servers).write_agents(
        {agent: AgentRecord(agent_id=agent, mode="live") for agent in agents}
    )


def question(telegram: FakeTelegram, text: str) -> tuple[int, str]:
    """The newest message with `text`, and what its first button sends."""
    found = max(key for key, one in telegram.messages.items() if text in one.text)
    return found, telegram.messages[found].pressable[0]


async def test_a_pause_is_asked_twice_done_by_the_agent_and_told(
    bot: Settings, telegram: FakeTelegram
) -> None:
    await register(bot, "btc-1", "btc-2")
    await publish(bot, alert(1, severity="CRITICAL", rule="drawdown_exceeded"))
    calls: list[str] = []
    async with AsyncEmitter("btc-1", bot, on_pause=calls.append, on_resume=calls.append) as agent:
        assert await agent.wait_until_ready(20)
        shown = await message(telegram, DRAWDOWN)
        telegram.messages[shown].date -= 86_400  # an alert of yesterday may be acted upon
        telegram.tap(shown, f"pause:{DRAWDOWN}")
        await said(telegram, "Pause btc-1?")
        assert not calls
        telegram.tap(*question(telegram, "Pause btc-1?"))
        assert "confirmed by the agent after" in await said(telegram, "Pause btc-1\n")
        assert calls == ["drawdown_exceeded: btc-1: slow"]
        assert agent.control == "paused"

        telegram.say("/resume btc-1 looked at it")
        await said(telegram, "Resume btc-1?")
        number, yes = question(telegram, "Resume btc-1?")
        telegram.tap(number, yes, user_id=VIV)
        telegram.tap(number, "no")
        await said(telegram, "Nothing was done, says ann (7)")
        assert agent.control == "paused"
        telegram.say("/resume btc-1 looked at it")
        await said(telegram, "Resume btc-1?")
        telegram.tap(*question(telegram, "Resume btc-1?"))
        assert "running, confirmed" in await said(telegram, "Resume btc-1\n")
        assert calls[1:] == ["looked at it"]
    telegram.say("/pause btc-3")
    assert "did you mean btc-" in await said(telegram, "no agent 'btc-3' is registered")
    audits = sorted((await desk(bot)).notes.audits.values(), key=lambda one: one.ts)
    assert [(one.action, one.target, one.outcome, one.by) for one in audits] == [
        ("pause", "btc-1", "done", "ann (7)"), ("resume", "btc-1", "done", "ann (7)"),
    ]  # fmt: skip


async def test_nothing_is_resumed_over_its_limit(bot: Settings, telegram: FakeTelegram) -> None:
    await register(bot, "btc-1")
    figures = json.dumps({"drawdown_pct": 20.0, "ts": time.time()}).encode()
    home = partition_for(b"btc-1", bot.partitions)
    await write(bot.bootstrap_servers, bot.topic("metrics"), [(b"btc-1|all", figures, home)])
    telegram.say("/resume btc-1")
    await said(telegram, "Resume btc-1?")
    telegram.tap(*question(telegram, "Resume btc-1?"))
    assert "20.0 % below its peak, its limit is 15 %" in await said(telegram, "resume of btc-1 was REFUSED")
    (audit,) = (await desk(bot)).notes.audits.values()
    assert audit.outcome == "refused"


async def test_what_a_restart_interrupted_is_carried_on_as_the_same_order(
    configured: Settings, telegram: FakeTelegram
) -> None:
    """Breaks when an intended pause is forgotten, or one that is old comes as a surprise."""
    await register(configured, "btc-1", "btc-2")
    now = time.time()
    notebook = Notebook(configured, configured.bootstrap_servers)
    for number, (agent_id, ts) in enumerate((("btc-1", now - 20), ("btc-2", now - 900))):
        actor = Actor("ann (7)", "telegram", ts, f"telegram-{number}")
        await notebook.write([actor.audit("pause", agent_id, "test", outcome="intended")])
    stop = asyncio.Event()
    async with AsyncEmitter("btc-1", configured, on_pause=lambda _: None) as agent:
        running = asyncio.create_task(listen(configured, Telemetry(CollectorRegistry()), stop))
        assert "paused, confirmed" in await said(telegram, "Pause btc-1")
        assert "interrupted 15m" in await said(telegram, "pause btc-2")
        assert agent.control == "paused"
        stop.set()
        await running
    states = await read_latest(
        configured.bootstrap_servers, configured.topic("control-state"), range(configured.partitions)
    )
    assert {key: json.loads(value)["command_id"] for key, value in states.items()} == {
        b"btc-1": "pause-telegram-0"
    }
    outcomes = {one.target: one.outcome for one in (await notebook.read(b"audit|")).audits.values()}
    assert outcomes == {"btc-1": "done", "btc-2": "failed"}


async def test_the_chat_becomes_another_one_and_a_message_is_gone(
    bot: Settings, telegram: FakeTelegram
) -> None:
    """Breaks when the people of a group that became a supergroup are strangers, or an answer waits for what is gone."""
    await register(bot, "btc-1")
    telegram.say("/help")
    await said(telegram, "You are operator")
    telegram.migrated[telegram.chat_id] = "-1002"
    telegram.chats.add("-1002")
    telegram.say("/help")
    async with asyncio.timeout(20):
        while not [one for one in telegram.messages.values() if one.chat_id == "-1002"]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    telegram.say("/pause btc-1", chat_id="-1002")
    await said(telegram, "Pause btc-1?")
    number, _ = question(telegram, "Pause btc-1?")
    telegram.tap(number, "no")
    del telegram.messages[number]
    await said(telegram, "Nothing was done")


async def test_what_has_no_agent_is_not_paused_and_the_bot_lives_on(
    bot: Settings, telegram: FakeTelegram
) -> None:
    await publish(bot, alert(1, agent_id="_fleet", rule="fleet_drawdown"))
    shown = await message(telegram, DRAWDOWN)
    assert "no agent '_fleet' is registered" in await answered(
        telegram, telegram.tap(shown, f"pause:{DRAWDOWN}")
    )
    telegram.updates.append({"update_id": 50, "message": {"text": 7}})
    telegram.updates.append({"update_id": 51, "edited_message": {}})
    telegram.say("/help")
    await said(telegram, "You are operator")
