"""`fleawatch alerts|ack|silence|maintenance` on a real broker: what one command writes, the others and the topic show."""

import asyncio
import json
import time

import pytest
from click.testing import CliRunner

from alert_records import alert, publish
from fleawatch.cli import fleawatch
from fleawatch.errors import ConfigError
from fleawatch.operator.compacted import read_latest
from fleawatch.operator.store import Store
from fleawatch.settings import Settings
from fleawatch_schemas.agents import AgentRecord
from fleawatch_schemas.notifications import Notification
from running import environment

pytestmark = pytest.mark.broker


class Cli:
    """`fleawatch …` in this process, in a thread with an event loop of its own."""

    def __init__(self, settings: Settings) -> None:
        self._env = environment(settings)

    async def __call__(self, *words: str, error: type[Exception] | None = None) -> str:
        done = await asyncio.to_thread(CliRunner().invoke, fleawatch, words, env=self._env)
        if error is None:
            assert done.exception is None, f"{done.output}{done.exception!r}"
            return done.output
        assert isinstance(done.exception, error), f"{done.output}{done.exception!r}"
        return str(done.exception)

    async def open_alerts(self, *words: str) -> dict[str, dict[str, object]]:
        document = json.loads(await self("alerts", "--json", *words))
        return {one["alert_id"]: one for one in document["alerts"]}


@pytest.fixture
def cli(topics: Settings) -> Cli:
    return Cli(topics)


async def test_what_people_do_is_durable_visible_and_signed_by_name(topics: Settings, cli: Cli) -> None:
    over = alert(3, status="resolved", reason="cleared", ts=time.time())
    await publish(topics, alert(1), alert(2, severity="CRITICAL", rule="drawdown_exceeded"), alert(3), over)
    assert "btc-3" not in await cli("alerts")
    assert set(await cli.open_alerts()) == {"0001000000000000", "0002000000000000"}

    told = await cli("ack", "0002", "--note", "looking at\x1b[2J it", "--by", "ada")
    assert "0002000000000000 drawdown_exceeded of btc-2: acknowledged by ada" in told
    silence = await cli(
        "silence", "rule=api_*", "agent=btc-1", "--for", "2h", "--reason", "host moves", "--by", "bob"
    )
    silence_id = silence.partition(":")[0]
    found = await cli.open_alerts()
    acknowledged = found["0002000000000000"]["acknowledged"]
    assert isinstance(acknowledged, dict)
    assert acknowledged["by"] == "ada"
    assert found["0002000000000000"]["silences"] == []
    assert found["0001000000000000"]["silences"] == [silence_id]
    table = await cli("alerts")
    assert "ada" in table
    assert silence_id in table

    assert "host moves" in await cli("silence", "ls")
    await cli("silence", "end", silence_id[:4], "--by", "cyd")
    assert await cli("silence", "ls") == "none\n"
    assert "ended by cyd" in await cli("silence", "ls", "--all")
    await cli("ack", "--undo", "0002", "--by", "cyd")
    found = await cli.open_alerts()
    assert found["0002000000000000"]["acknowledged"] is None
    assert found["0001000000000000"]["silences"] == []

    history = await cli("alerts", "--history")
    assert "resolved" in history
    lines = history.partition("what people did")[2].splitlines()
    assert [line.split()[2:5] for line in lines if line.startswith("20")] == [
        ["ada", "cli", "ack"], ["bob", "cli", "silence"], ["cyd", "cli", "silence-end"], ["cyd", "cli", "unack"],
    ]  # fmt: skip
    assert "looking at\\x1b[2J it" in history
    assert "\x1b" not in history

    latest = await read_latest(topics.bootstrap_servers, topics.topic("notifications"), [0])
    for value in latest.values():
        Notification.model_validate_json(value)
    assert {key.partition(b"|")[0] for key in latest} == {b"ack", b"silence", b"audit"}


async def test_maintenance_is_a_silence_that_says_so(topics: Settings, cli: Cli) -> None:
    await publish(topics, alert(1, rule="agent_stopped"), alert(2, rule="drawdown_exceeded"))
    made = await cli("maintenance", "start", "btc-*", "--for", "30m", "--reason", "new release")
    one = made.partition(":")[0]
    found = await cli.open_alerts()
    assert found["0001000000000000"]["silences"] == [one]
    assert found["0002000000000000"]["silences"] == []  # never drawdown
    assert "new release" in await cli("maintenance", "ls")
    assert f"{one} ended" in await cli("maintenance", "end")
    assert (await cli.open_alerts())["0001000000000000"]["silences"] == []
    assert "no maintenance holds" in await cli("maintenance", "end", error=ConfigError)


async def test_what_the_registry_knows_of_an_agent_can_be_matched(topics: Settings, cli: Cli) -> None:
    await Store(topics, topics.bootstrap_servers).write_agents(
        {
            "btc-1": AgentRecord(agent_id="btc-1", mode="live", group="crypto"),
            "btc-2": AgentRecord(agent_id="btc-2", mode="live", group="fx"),
        }
    )
    await publish(topics, alert(1, rule="agent_stopped"), alert(2, rule="agent_stopped"))
    made = (await cli("maintenance", "start", "group=crypto", "--for", "30m")).partition(":")[0]
    found = await cli.open_alerts()
    assert found["0001000000000000"]["silences"] == [made]
    assert found["0002000000000000"]["silences"] == []


async def test_nothing_that_others_wrote_steers_the_terminal(topics: Settings, cli: Cli) -> None:
    """Every text of an alert, and of what people wrote: as escapes, so that one sees what was sent."""
    nasty = "\x1b[2J\x1b]0;owned\x07\u202eevil\x9b1m\r\nx"
    texts = dict.fromkeys(("agent_id", "rule", "title", "body", "unit", "runbook"), nasty)
    await publish(topics, alert(0x2001, labels={nasty: nasty}, **texts))
    told = [
        await cli("ack", "2001", "--note", nasty, "--by", nasty),
        await cli("silence", f"rule={nasty}", "--for", "2h", "--reason", nasty, "--by", nasty),
        *[await cli(*words.split()) for words in ("alerts", "alerts --history", "alerts --json", "silence ls",
                                                  "silence ls --format json")],
    ]  # fmt: skip
    for text in told:
        assert "evil" in text
        assert not {char for char in text if not char.isprintable()} - {"\n"}


async def test_filters_and_mistakes(topics: Settings, cli: Cli) -> None:
    await publish(topics, alert(0x1001), alert(0x1002, agent_id="eth-1", severity="CRITICAL"))
    assert set(await cli.open_alerts("--agent", "eth-*")) == {"1002000000000000"}
    assert set(await cli.open_alerts("--severity", "WARN")) == {"1001000000000000"}
    assert "is not one alert: 1001000000000000, 1002000000000000" in await cli(
        "ack", "1001", "100", error=ConfigError
    )
    assert "no alert id" in await cli("ack", "10", error=ConfigError)
    assert "no alert fff in the last day" in await cli("ack", "fff", error=ConfigError)
    assert "is no matcher" in await cli(
        "silence", "everything", "--for", "2h", "--reason", "x", error=ConfigError
    )
    assert "no duration" in await cli(
        "silence", "rule=x", "--for", "soon", "--reason", "x", error=ConfigError
    )
    assert "no silence" in await cli("silence", "end", "s-1", error=ConfigError)
    assert await read_latest(topics.bootstrap_servers, topics.topic("notifications"), [0]) == {}
