"""From an agent's trade and equity events to a message at Telegram and Slack, through a real Kafka and our own processes."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from engine_app.log import read_all
from fleawatch import AsyncEmitter
from fleawatch.settings import Settings
from running import notifier, workers
from stand_ins.slack import FakeSlack
from stand_ins.telegram import FakeTelegram


async def latest_metrics(settings: Settings, key: bytes) -> dict[str, Any]:
    """The newest record of `key` on the metrics topic, once the agent's trade is in it."""
    async with asyncio.timeout(30):
        while True:
            by_partition = await read_all(settings.bootstrap_servers, settings.topic("metrics"))
            latest = {r.key: json.loads(r.value or b"") for records in by_partition.values() for r in records}
            if latest.get(key, {}).get("total_trades") and latest[key]["drawdown_pct"] is not None:
                metrics: dict[str, Any] = latest[key]
                return metrics
            await asyncio.sleep(0.5)


@pytest.mark.broker
async def test_an_events_way_to_telegram_and_slack(topics: Settings, tmp_path: Path) -> None:
    """Breaks when any stage between the emitter and the channels does: the only test that crosses all of them."""
    async with FakeTelegram() as telegram, FakeSlack() as slack:
        secrets = {
            "telegram_token": telegram.token,
            "telegram_chat_id": telegram.chat_id,
            "telegram_api_base": telegram.url,
            "slack_webhook": slack.webhook,
        }
        with (
            workers(topics, 1, tmp_path) as monitor,
            notifier(topics, "telegram", tmp_path, **secrets) as to_telegram,
            notifier(topics, "slack", tmp_path, **secrets) as to_slack,
        ):
            async with AsyncEmitter("momentum-1", topics, heartbeat_secs=1.0) as agent:
                now = time.time() - 60
                await agent.trade(
                    trade_id="t-1", strategy="breakout", asset="BTC-USD", side="buy", size=2.0, entry_price=100.0,
                    exit_price=95.0, entry_ts=now - 60, exit_ts=now, fees=1.0,
                )  # fmt: skip
                for second, equity in enumerate(
                    (10_000.0, 10_100.0, 8_500.0)
                ):  # 15.84 % below the peak of 10,100
                    await agent.equity(equity, balance=equity, open_positions=0, ts=now + second)
                try:
                    await slack.wait_for_delivered(1, 60)
                    await telegram.wait_for_delivered(1, 30)
                except TimeoutError:
                    pytest.fail(monitor.logs() + to_telegram.logs() + to_slack.logs())
            latest = await latest_metrics(topics, b"momentum-1|all")
            assert monitor.stop() == [0], monitor.logs()
        for text in (telegram.delivered[0].text, slack.delivered[0].text):
            assert "momentum-1" in text
            assert "CRITICAL" in text
            assert "15.8" in text
            assert "drawdown-exceeded" in text

        alerts = [
            json.loads(r.value or b"")
            for rs in (await read_all(topics.bootstrap_servers, topics.topic("alerts"))).values()
            for r in rs
        ]
        exceeded = [alert for alert in alerts if alert["rule"] == "drawdown_exceeded"]
        assert {alert["alert_id"] for alert in exceeded} == {exceeded[0]["alert_id"]}
        assert exceeded[0]["value"] == pytest.approx((10_100 - 8_500) / 10_100 * 100)
        assert exceeded[0]["alert_id"][:6] in telegram.delivered[0].text
        assert latest["total_trades"] == 1
        assert latest["total_pnl"] == pytest.approx(-11.0)
        assert latest["drawdown_pct"] == pytest.approx(exceeded[0]["value"])
