"""`fleawatch pause|resume|kill|flatten` as an operator types them, on a real broker with real agents."""

import asyncio
import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from engine_app.fleet import python
from fleawatch import AsyncEmitter
from fleawatch.control.signing import Signer
from fleawatch.operator.compacted import write
from fleawatch.operator.control_desk import ControlDesk, Order
from fleawatch.operator.notebook import Notebook
from fleawatch.operator.store import Store
from fleawatch.settings import Settings
from fleawatch_schemas.agents import AgentRecord
from fleawatch_schemas.partition import partition_for
from running import environment, workers

pytestmark = pytest.mark.broker

EXAMPLE = Path(__file__).parents[2] / "examples" / "agent_control.py"
SEED = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


class Operator:
    """At a shell, with or without the key."""

    def __init__(self, settings: Settings, tmp_path: Path) -> None:
        self.settings = settings
        (tmp_path / "key").write_text(SEED, encoding="ascii")
        self.env = environment(settings, control_key_file=str(tmp_path / "key")) | {
            "PATH": "/usr/bin:/bin",
            "USER": "ada",
        }

    async def types(self, *words: str, unsigned: bool = False) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in self.env.items() if not (unsigned and "_KEY" in name)}
        return await asyncio.to_thread(
            subprocess.run,
            python("-m", "fleawatch.cli", *words),
            env=env, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    async def types_at_a_terminal(self, *words: str, answers: str) -> tuple[int, str]:
        return await asyncio.to_thread(self._at_a_terminal, words, answers)

    def _at_a_terminal(self, words: tuple[str, ...], answers: str) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            python("-m", "fleawatch.cli", *words), env=self.env, stdin=theirs, stdout=theirs, stderr=theirs
        ) as done:
            os.close(theirs)
            os.write(ours, answers.encode())
            shown = b""
            with suppress(OSError):  # at its end
                while part := os.read(ours, 4096):
                    shown += part
        os.close(ours)
        return done.returncode, shown.decode()


@pytest.fixture
def operator(topics: Settings, tmp_path: Path) -> Operator:
    return Operator(topics, tmp_path)


@pytest.fixture
def signed(topics: Settings) -> Settings:
    """An agent's."""
    return topics.model_copy(update={"control_trusted": Signer.of_text(SEED).public})


async def register(settings: Settings, *agents: str, **fields: Any) -> None:
    records = {agent: AgentRecord(agent_id=agent, **fields) for agent in agents}
    await Store(settings, settings.bootstrap_servers).write_agents(records)


async def stand(settings: Settings, agent: str, drawdown_pct: float) -> None:
    """As the monitor says it; only what is asked for."""
    row = json.dumps({"drawdown_pct": drawdown_pct, "ts": time.time()}).encode()
    home = partition_for(agent.encode(), settings.partitions)
    await write(settings.bootstrap_servers, settings.topic("metrics"), [(f"{agent}|all".encode(), row, home)])


async def test_an_agent_is_paused_resumed_and_killed_and_says_so(
    operator: Operator, signed: Settings
) -> None:
    await register(signed, "momentum-1")
    calls: list[tuple[str, str]] = []
    async with AsyncEmitter(
        "momentum-1",
        signed,
        on_pause=lambda why: calls.append(("pause", why)),
        on_resume=lambda why: calls.append(("resume", why)),
        on_kill=lambda why: calls.append(("kill", why)),
    ) as fw:
        assert await fw.wait_until_ready(20)
        for action, done in (("pause", "paused"), ("kill", "killed"), ("resume", "running")):
            told = await operator.types(action, "momentum-1", "--reason", f"{action} test")
            assert told.returncode == 0, told.stderr
            assert told.stdout.startswith(f"momentum-1: {done}, confirmed after ")
            assert float(told.stdout.split()[4]) < 2.0
            assert fw.control == done
        assert calls == [(name, f"{name} test") for name in ("pause", "kill", "resume")]
        told = await operator.types("kill", "momentum-1", "--reason", "x")
        told = await operator.types("pause", "momentum-1", "--reason", "x")
        assert (told.returncode, told.stdout) == (
            4,
            "momentum-1: not ordered: momentum-1 is killed: only a person's resume leads out of it\n",
        )
        told = await operator.types("resume", "momentum-1", "--reason", "x", unsigned=True)
        assert told.returncode == 4
        assert "not signed" in told.stdout
        assert fw.control == "killed"
    audits = (await Notebook(signed, signed.bootstrap_servers).read(b"audit|")).audits.values()
    found = [(one.by, one.action, one.target, one.outcome) for one in sorted(audits, key=lambda one: one.ts)]
    assert found[0] == ("ada", "pause", "momentum-1", "done")
    assert [outcome for _, _, _, outcome in found] == ["done"] * 4 + ["refused"] * 2


async def test_an_agent_that_is_away_is_not_confirmed_and_obeys_when_it_is_back(
    operator: Operator, signed: Settings
) -> None:
    await register(signed, "momentum-1")
    told = await operator.types("pause", "momentum-1", "--reason", "x", "--timeout", "0.5")
    assert told.returncode == 3
    assert "NOT confirmed within" in told.stdout
    async with AsyncEmitter("momentum-1", signed, on_pause=lambda _: None) as fw:
        assert await fw.wait_until_ready(20)
        assert fw.control == "paused"


@pytest.mark.parametrize("off", [-60.0, 60.0])
async def test_where_clocks_differ_it_is_confirmed_by_the_desired_state(
    signed: Settings, monkeypatch: pytest.MonkeyPatch, off: float
) -> None:
    """Would say that the agent refused to pause, while it does."""

    def on_pause(_: str) -> None:
        time.sleep(0.5)

    wrong = SimpleNamespace(time=lambda: time.time() + off, monotonic=time.monotonic)
    monkeypatch.setattr("fleawatch.operator.control_desk.time", wrong)
    settings = signed.model_copy(update={"control_key": SecretStr(SEED)})
    async with (
        AsyncEmitter("momentum-1", signed, on_pause=on_pause, on_flatten=on_pause) as fw,
        ControlDesk(settings, settings.bootstrap_servers) as desk,
    ):
        assert await fw.wait_until_ready(20)
        (paused,) = await desk.give([Order("momentum-1", "pause", "x", "ada")], timeout=20)
        assert (paused.status, fw.control) == ("applied", "paused")
        (flattened,) = await desk.give([Order("momentum-1", "flatten", "x", "ada")], timeout=10)
        assert flattened.status == "refused", "there is no desired state that says so"


async def test_nobody_is_resumed_over_the_limit(operator: Operator, signed: Settings) -> None:
    await register(signed, "momentum-1")
    await stand(signed, "momentum-1", 31.0)
    told = await operator.types("resume", "momentum-1", "--reason", "x")
    assert told.returncode == 2
    assert "nothing was resumed: momentum-1 is 31.0 % below its peak" in told.stderr
    await stand(signed, "momentum-1", 1.0)
    told = await operator.types("resume", "momentum-1", "--reason", "x", "--timeout", "0.3")
    assert told.returncode == 3


async def test_what_is_dangerous_is_asked_about(operator: Operator, signed: Settings) -> None:
    await register(signed, "btc-1", "btc-2", group="btc")
    await register(signed, "eth-1")
    calls: list[str] = []
    async with AsyncEmitter("eth-1", signed, on_flatten=calls.append) as fw:
        assert await fw.wait_until_ready(20)
        for words in (
            ("pause", "btc-*"),
            ("kill", "group=btc"),
            ("flatten", "eth-1"),
            ("flatten", "eth-1", "--yes"),
            ("pause", "etc-1"),
        ):
            told = await operator.types(*words, "--reason", "x")
            assert told.returncode == 2, words
            assert "give --yes" in told.stderr
        assert calls == []
        code, shown = await operator.types_at_a_terminal(
            "flatten", "eth-1", "--reason", "x", answers="y\nbtc-1\n"
        )
        assert code == 2, shown
        assert calls == []
        code, shown = await operator.types_at_a_terminal(
            "flatten", "eth-1", "--reason", "x", answers="y\neth-1\n"
        )
        assert code == 0, shown
        assert calls == ["x"]
        told = await operator.types("flatten", "eth-1", "--reason", "again", "-yy")
        assert (told.returncode, calls) == (0, ["x", "again"])
    told = await operator.types("pause", "btc-*", "eth-1", "--reason", "x", "-y", "--timeout", "0.3")
    assert told.returncode == 3
    assert len(told.stdout.splitlines()) == 3
    told = await operator.types("pause", "sol-*", "--reason", "x")
    assert "no registered agent fits 'sol-*'" in told.stderr


async def test_without_a_key_the_order_says_that_it_is_unsigned(operator: Operator, topics: Settings) -> None:
    await register(topics, "momentum-1")
    async with AsyncEmitter("momentum-1", topics, on_pause=lambda _: None) as fw:
        assert await fw.wait_until_ready(20)
        told = await operator.types("pause", "momentum-1", "--reason", "x", unsigned=True)
        assert told.returncode == 0
        assert "not signed" in told.stderr


async def test_a_person_says_what_the_monitor_cannot_know_of_the_money(
    operator: Operator, topics: Settings, tmp_path: Path
) -> None:
    """A real worker counts drawdown anew from a peak that is begun, stated, or moved by a flow."""
    await register(topics, "momentum-1")
    with workers(topics, 1, tmp_path):
        async with AsyncEmitter("momentum-1", topics) as fw:
            assert await fw.wait_until_ready(30)
            for equity in (10_000.0, 9_000.0, 6_000.0):
                await fw.equity(equity, balance=equity, open_positions=0)
                await asyncio.sleep(1.1)

            store = Store(topics, topics.bootstrap_servers)
            async with asyncio.timeout(40):
                drawdown = None
                while drawdown != 40.0:
                    await asyncio.sleep(0.1)
                    drawdown = (await store.metrics("momentum-1")).get("all", {}).get("drawdown_pct")
            told = await operator.types("pause", "momentum-1", "--reason", "x")
            assert told.returncode == 4, told.stderr
            assert "no handler" in told.stdout
            told = await operator.types("resume", "momentum-1", "--reason", "x", "--yes")
            assert "momentum-1 is 40.0 % below its peak" in told.stderr
            assert not fw.may_open
            told = await operator.types("resume", "momentum-1", "--reason", "fixed", "--rebase-peak", "--yes")
            assert told.returncode == 0, told.stdout + told.stderr
            assert "peak 10,000.00 → 6,000.00, drawdown 0.0%" in told.stdout
            states = [fw.control]
            told = await operator.types("agents", "onboard", "momentum-1", "--peak", "8000", "--reason", "x")
            assert told.stdout == "momentum-1: peak 6,000.00 → 8,000.00, drawdown 25.0%\n"
            told = await operator.types("agents", "onboard", "momentum-1", "--peak", "8", "--reason", "x")
            assert (told.returncode, told.stdout[:35]) == (4, "momentum-1: the monitor refused it:")
            told = await operator.types("flow", "momentum-1", "-500", "--reason", "rent", "--within", "1h")
            assert told.stdout == "momentum-1: a flow of -500.00 is waited for\n"
            told = await operator.types("flow", "expect", "momentum-1", "-500", "--reason", "rent")
            assert told.stdout == "momentum-1: a withdrawal of 500.00 is expected\n"
    assert states == ["running"]
    audits = (await Notebook(topics, topics.bootstrap_servers).read(b"audit|")).audits.values()
    assert {one.action for one in audits} >= {"rebase_peak", "set_peak", "flow", "expect_flow", "resume"}


async def test_without_a_worker_no_peak_is_begun_and_nobody_resumed(
    operator: Operator, signed: Settings
) -> None:
    await register(signed, "momentum-1")
    async with AsyncEmitter("momentum-1", signed, on_pause=lambda _: None) as fw:
        assert await fw.wait_until_ready(20)
        await operator.types("pause", "momentum-1", "--reason", "x")
        told = await operator.types(
            "resume", "momentum-1", "--reason", "x", "--rebase-peak", "--timeout", "0.5"
        )
        assert told.returncode == 3, told.stderr
        assert "NOT resumed, the monitor has not begun a new peak" in told.stdout
        assert fw.control == "paused"


@contextmanager
def example(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """It runs; its log."""
    log = tmp_path / "log"
    env = environment(settings, data_dir=str(tmp_path / "agent"))
    with (
        log.open("wb") as out,
        subprocess.Popen([sys.executable, str(EXAMPLE)], env=env, stderr=out) as agent,
    ):
        try:
            yield log
        finally:
            agent.kill()


async def test_the_example_obeys(operator: Operator, topics: Settings, tmp_path: Path) -> None:
    await register(topics, "my-agent")
    with example(topics, tmp_path) as log:
        for action, done in (("pause", "paused"), ("kill", "killed"), ("resume", "running")):
            told = await operator.types(action, "my-agent", "--reason", "a test", "--timeout", "30")
            assert told.stdout.startswith(f"my-agent: {done}, confirmed after"), log.read_text()
        told = await operator.types("flatten", "my-agent", "--reason", "a test", "-yy")
        assert told.returncode == 0, told.stdout
    for word in ("paused: a test", "killed: a test", "trading again: a test", "closing everything: a test"):
        assert word in log.read_text()
