"""`fleawatch report` against a real broker and worker: what agents did, in every form."""

import asyncio
import csv
import io
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from engine_app.fleet import python
from engine_app.log import produce, read_all
from fleawatch.settings import Settings
from fleawatch_schemas.wire import Equity, Trade, encode
from report_page import check_page
from running import environment, workers

AGENT = "momentum-1"
NASTY = "<script>alert(1)</script>"
FORMULA = "=cmd|'/c calc'!A1"


def run(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a user starts it."""
    return subprocess.run(
        python("-m", "fleawatch.cli", "report", *arguments),
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def report(settings: Settings, *arguments: str) -> str:
    made = await asyncio.to_thread(run, settings, *arguments)
    assert made.returncode == 0, made.stderr
    return made.stdout


async def act(settings: Settings) -> None:
    """An hour of an agent's life: equity every 30 s with one crash, 40 trades of three strategies."""
    now = time.time()
    level = 10_000.0
    equities: list[bytes] = []
    for seq in range(120):
        level *= (1.001 if seq % 2 else 0.9995) * (0.9 if seq == 90 else 1.0)
        equities.append(encode(Equity(1, AGENT, 1, seq, now - 3600 + 30 * seq, level, level, 1)))
    equities.append(
        b'{"ts":1.0,"equity":1.0,"x":' + 20_000 * b"[" + 20_000 * b"]" + b"}"
    )  # what anybody can send
    trades: list[bytes] = []
    for seq in range(40):
        ts = now - 3000 + 60 * seq
        strategy, asset = (("breakout", NASTY, FORMULA)[seq % 3], ("BTC-USD", "ETH-USD")[seq % 2])
        exit_price = 101.0 if seq % 4 else 98.0
        trade = Trade(
            1,
            AGENT,
            1,
            seq,
            ts,
            f"t-{seq}",
            strategy,
            asset,
            "buy",
            1.0,
            100.0,
            exit_price,
            ts - 600,
            ts,
            0.1,
            0.05,
        )
        trades.append(encode(trade))
    for topic, events in (("equity", equities), ("trades", trades)):
        records = [(AGENT.encode(), event) for event in events]
        await produce(settings.bootstrap_servers, settings.topic(topic), records)


async def settled(settings: Settings) -> None:
    """Until the topics say what the events said."""
    key = f"{AGENT}|all".encode()
    async with asyncio.timeout(45):
        while True:
            newest: dict[str, Any] = {"attribution": {}, "metrics": {}}
            for topic in ("attribution", "metrics"):
                for found in (await read_all(settings.bootstrap_servers, settings.topic(topic))).values():
                    own = [one.value or b"" for one in found if one.key == key]
                    newest[topic] = json.loads(own[-1]) if own else newest[topic]
            metrics = newest["metrics"]
            counted = newest["attribution"].get("totals", {}).get("count")
            if counted == metrics.get("total_trades") == 40 and metrics["n"] and metrics["equity"]:
                return
            await asyncio.sleep(0.5)


@pytest.mark.broker
async def test_every_form_says_what_happened(topics: Settings, tmp_path: Path) -> None:
    with workers(topics, 1, tmp_path) as monitor:
        await act(topics)
        try:
            await settled(topics)
        except TimeoutError:
            pytest.fail(monitor.logs())

        text = await report(topics, AGENT)
        assert "Max drawdown" in text
        assert "act < 35" in text
        assert "breakout" in text
        assert "\x1b" not in text  # a pipe is no terminal

        made = json.loads(await report(topics, AGENT, "--window", "all", "--format", "json"))
        shares = made["attribution"]["by_strategy"]
        assert set(shares) == {"breakout", NASTY, FORMULA}
        assert made["attribution"]["totals"]["net"] == pytest.approx(30 * 1.0 - 10 * 2.0 - 40 * 0.15)
        assert made["metrics"]["win_rate_pct"] == 75.0
        assert made["marks"]["profit_factor"] == "act" if made["metrics"]["profit_factor"] < 1 else True
        assert len(made["equity"]) == 120
        assert made["equity"][90]["drawdown"] == pytest.approx(
            made["metrics"]["drawdown_pct"] / 100, abs=0.02
        )
        assert any(one["direction"] == "loss" and one["return"] < -0.09 for one in made["anomalies"])

        table = list(csv.DictReader(io.StringIO(await report(topics, AGENT, "--format", "csv"))))
        assert {row["label"] for row in table if row["section"] == "strategy"} == {
            "breakout",
            NASTY,
            f"'{FORMULA}",
        }
        (net,) = [row["value"] for row in table if (row["section"], row["measure"]) == ("total", "net")]
        assert float(net) == pytest.approx(made["attribution"]["totals"]["net"])

        page = tmp_path / "report.html"
        await report(topics, AGENT, "--window", "7d", "--format", "html", "-o", str(page))
        content = page.read_text(encoding="utf-8")
        assert NASTY not in content
        check_page(content)

        wrong = await asyncio.to_thread(run, topics, "momentum-2")
        assert wrong.returncode == 1
        assert wrong.stderr.splitlines()[-2:] == [
            "fleawatch: nothing is known of agent 'momentum-2'",
            f"  hint: did you mean {AGENT}?",
        ]
        assert monitor.stop() == [0], monitor.logs()


def test_no_broker_is_one_line_and_a_hint() -> None:
    made = run(Settings.load(bootstrap_servers="127.0.0.1:9"), AGENT)
    assert made.returncode == 1
    assert made.stdout == ""
    assert [line.split()[0] for line in made.stderr.splitlines()] == ["fleawatch:", "hint:"]
