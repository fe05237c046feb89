"""Rules and agents changed under a running worker, by the commands that an operator types."""

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from engine_app.fleet import Fleet, python
from engine_app.log import read_all
from fleawatch.kit import AsyncEmitter
from fleawatch.operator.compacted import write
from fleawatch.settings import Settings
from running import environment, workers

SOON = 2.0  # seconds that a change may take


async def fleawatch(settings: Settings, *args: str) -> str:
    """Run a command to its end; returns what it printed."""
    done = await asyncio.to_thread(
        subprocess.run,
        python("-m", "fleawatch.cli", *args),
        env=environment(settings) | {"PATH": "/usr/bin:/bin", "USER": "ada"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def apply_rules(settings: Settings, path: Path, text: str) -> float:
    """Apply; returns when the command was done."""
    await asyncio.to_thread(path.write_text, text, encoding="utf-8")
    await fleawatch(settings, "rules", "apply", str(path))
    return time.monotonic()


async def alerts(settings: Settings) -> list[dict[str, Any]]:
    by_partition = await read_all(settings.bootstrap_servers, settings.topic("alerts"))
    return [json.loads(r.value or b"") for records in by_partition.values() for r in records]


async def wait_for(
    settings: Settings, fits: Callable[[dict[str, Any]], bool], seconds: float, fleet: Fleet
) -> dict[str, Any]:
    try:
        async with asyncio.timeout(seconds):
            while True:
                if found := [alert for alert in await alerts(settings) if fits(alert)]:
                    return found[-1]
                await asyncio.sleep(0.05)
    except TimeoutError:
        told = [
            (a["agent_id"], a["rule"], a["status"], a["reason"], a["title"]) for a in await alerts(settings)
        ]
        pytest.fail(f"{told}\n{fleet.logs()}")


@asynccontextmanager
async def holding(agent: AsyncEmitter, equity: float) -> AsyncIterator[None]:
    """`equity` is reported five times a second."""

    async def report() -> None:
        while True:
            await agent.equity(equity, balance=equity, open_positions=0)
            await asyncio.sleep(0.2)

    reporting = asyncio.create_task(report())
    try:
        yield
    finally:
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)


def drawdown(
    status: str, reason: str | None = None, threshold: float | None = None
) -> Callable[[dict[str, Any]], bool]:
    return lambda alert: (
        alert["rule"] == "drawdown_exceeded"
        and (alert["status"], alert["reason"]) == (status, reason)
        and (threshold is None or alert["threshold"] == threshold)
    )


@pytest.mark.broker
async def test_a_threshold_applied_under_a_running_worker_changes_what_fires_within_two_seconds(
    topics: Settings, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Breaks when the follower stops, the states keep their rules, or a broken record ends either."""
    file = tmp_path / "rules.yaml"
    with workers(topics, 1, tmp_path) as fleet:
        async with AsyncEmitter("momentum-1", topics, heartbeat_secs=1.0) as agent:
            await agent.equity(10_000.0, balance=10_000.0, open_positions=0)
            async with holding(agent, 8_000.0):
                first = await wait_for(topics, drawdown("firing", threshold=15.0), 40, fleet)

                done = await apply_rules(
                    topics, file, "fleet: {drawdown_exceeded: {threshold: 30, kill_drawdown: 40}}"
                )
                gone = await wait_for(topics, drawdown("resolved", "rule_changed"), SOON, fleet)
                quiet = time.monotonic() - done
                assert gone["alert_id"] == first["alert_id"]

                broken = [
                    (b"fleet", b"{", 0),
                    (b"agent|momentum-1", b'{"scope": "fleet"}', 0),
                    (b"x", None, 0),
                ]
                await write(topics.bootstrap_servers, topics.topic("rules"), broken)
                await write(topics.bootstrap_servers, topics.topic("agents"), [(b"momentum-1", b"\xff", 0)])
                await asyncio.sleep(1.0)
                assert (
                    len([alert for alert in await alerts(topics) if alert["rule"] == "drawdown_exceeded"])
                    == 2
                )

                done = await apply_rules(topics, file, "agents: {momentum-1: {drawdown_exceeded: 12}}")
                again = await wait_for(topics, drawdown("firing", threshold=12.0), SOON, fleet)
                loud = time.monotonic() - done
                assert again["alert_id"] != first["alert_id"]
                record_property("changed_after_secs", (round(quiet, 2), round(loud, 2)))
                assert max(quiet, loud) < SOON
        shown = json.loads(await fleawatch(topics, "rules", "show", "momentum-1", "--format", "json"))
        (row,) = [row for row in shown if row["rule"] == "drawdown_exceeded"]
        assert (row["threshold"], row["origins"]["threshold"]) == (12, "agent momentum-1")
        (row,) = [row for row in shown if row["rule"] == "sharpe_low"]
        assert "cannot fire" in row["sample"]
        assert fleet.stop() == [0], fleet.logs()


def drawdown_of(alert: dict[str, Any], agent_id: str) -> bool:
    return bool(alert["rule"] == "drawdown_exceeded" and alert["agent_id"] == agent_id)


@pytest.mark.broker
async def test_an_agent_registers_itself_and_is_retired(topics: Settings, tmp_path: Path) -> None:
    """Breaks when a restart forgets the rules, or a retired agent still alerts."""
    file, agents_file = tmp_path / "rules.yaml", tmp_path / "agents.yaml"
    agents_file.write_text("agents: {b: {mode: paper, owner: ada}}", encoding="utf-8")
    await apply_rules(topics, file, "groups: {'*': {drawdown_exceeded: {threshold: 5}}}")
    await fleawatch(topics, "agents", "apply", str(agents_file))
    with workers(topics, 1, tmp_path) as fleet:
        async with (
            AsyncEmitter("a", topics, heartbeat_secs=1.0) as a,
            AsyncEmitter("b", topics, heartbeat_secs=1.0) as b,
        ):
            for agent in (a, b):
                await agent.equity(10_000.0, balance=10_000.0, open_positions=0)
                await agent.equity(9_300.0, balance=9_300.0, open_positions=0)
            fired = await wait_for(
                topics, lambda alert: drawdown("firing")(alert) and alert["agent_id"] == "a", 40, fleet
            )
            assert (fired["threshold"], fired["severity"]) == (5.0, "CRITICAL")
            fired = await wait_for(
                topics, lambda alert: drawdown("firing")(alert) and alert["agent_id"] == "b", 5, fleet
            )
            assert fired["severity"] == "WARN"

            await asyncio.sleep(2 * topics.commit_interval_secs)  # or the state that knows the alerts is lost
            fleet.kill(0)
            await asyncio.sleep(1.0)
            await fleawatch(topics, "agents", "retire", "b")
            await wait_for(
                topics,
                lambda alert: drawdown("resolved", "retired")(alert) and alert["agent_id"] == "b",
                40,
                fleet,
            )
            await asyncio.sleep(2.0)  # what the restart settles is settled
            for agent in (a, b):
                await agent.equity(7_000.0, balance=7_000.0, open_positions=0)  # a kill: told again
            await wait_for(
                topics,
                lambda alert: alert["agent_id"] == "a" and alert["labels"].get("action") == "kill",
                10,
                fleet,
            )
            for _ in range(10):
                known = await _registered(topics)  # half a second each
                if "a" in known:
                    break
            else:
                pytest.fail(fleet.logs())
        assert (known["b"]["owner"], known["b"]["retired"], known["a"]["mode"]) == ("ada", True, "live")
        said = [alert["status"] for alert in await alerts(topics) if alert["agent_id"] == "b"]
        own = [alert["status"] for alert in await alerts(topics) if drawdown_of(alert, "a")]
        assert (
            "resolved" not in own
        )  # 7 % is above 5 %, which the worker that came after the kill knows as well
        assert said.index("resolved") == len(said) - 1
        assert fleet.stop() == [0], fleet.logs()


async def _registered(settings: Settings) -> dict[str, Any]:
    rows = json.loads(await fleawatch(settings, "agents", "show", "--retired", "--format", "json"))
    return {row["agent_id"]: row for row in rows}
