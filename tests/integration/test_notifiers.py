"""Notifiers as users run them: processes on a real broker, against servers that enforce the receivers' limits."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web

from conftest import Kafka
from notifier_bench import Bench, alert, ids, open_bench
from stand_ins.server import Reply, answer, hang, reset
from stand_ins.telegram import telegram_error

pytestmark = pytest.mark.broker


@pytest.fixture
async def bench(kafka: Kafka, tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(kafka.bootstrap, tmp_path) as made:
        yield made


async def test_each_tier_reaches_its_channels_and_no_other(bench: Bench) -> None:
    await bench.publish(alert(1, "INFO"), alert(2, "WARN"), b"not an alert", alert(3, "CRITICAL"))
    for channel in ("telegram", "slack", "log"):
        await bench.start(channel)
    log = bench.started[2]
    for channel in ("telegram", "slack", "log"):
        await bench.wait_committed(channel, 4)
    await log.wait_for_output("id=0000000000000003")
    assert ids(call.text for call in bench.telegram.delivered) == [
        f"{3:016x}",
        f"{2:016x}",
    ]  # the worse one first
    assert ids(call.text for call in bench.slack.delivered) == [f"{3:016x}"]
    lines = [line for line in log.output.decode().splitlines() if " rule=" in line]
    assert [line.split("id=")[1][:16] for line in lines] == [f"{n:016x}" for n in (1, 2, 3)]
    assert {letter[0] for letter in await bench.dead_letters()} == {"not_json"}


async def test_an_alert_that_is_published_again_is_sent_once(bench: Bench) -> None:
    """Also by a new process, which knows it only from reading back; a resolve and a worse threshold are news."""
    await bench.start("telegram")
    await bench.publish(alert(1), alert(1), alert(2))
    await bench.wait_committed("telegram", 3)
    assert await bench.started[0].end(signal.SIGTERM) == 0
    await bench.publish(
        alert(1), alert(2), alert(1, threshold=25.0), alert(2, status="resolved", reason="cleared")
    )
    await bench.start("telegram")
    await bench.wait_committed("telegram", 7)
    first, second = (message for message in bench.telegram.messages.values() if message.reply_to is None)
    assert (first.text.count(f"{1:016x}"), second.text.count(f"{2:016x}")) == (1, 1)
    assert "threshold 25 %" in first.text
    assert second.text.startswith("🟢 CRITICAL RESOLVED")
    assert (len(first.versions), len(second.versions)) == (2, 2)


async def test_killed_after_the_send_repeats_that_message_alone(bench: Bench) -> None:
    """The receiver has the message, we have not seen its answer. Breaks (L > 0) if the offset is committed before the
    answer, and (N > 1) if it is committed for several messages at once.
    """
    await bench.publish(alert(1), alert(2), alert(3))
    never = asyncio.Event()
    bench.telegram.script += [answer(200, {"ok": True}), hang(never)]
    await bench.start("telegram")
    await bench.telegram.wait_for_calls(2)
    await bench.started[0].end(signal.SIGKILL)
    assert await bench.committed("telegram") == 1
    await bench.start("telegram")
    await bench.wait_committed("telegram", 3)
    assert ids(call.text for call in bench.telegram.calls) == [f"{n:016x}" for n in (1, 2, 2, 3)]


async def test_nothing_is_committed_while_the_outcome_is_unknown(bench: Bench) -> None:
    """Told to wait, then server errors, a broken answer, then markup trouble: one alert, delivered once, then commit."""
    await bench.publish(alert(1), alert(2))
    seen: list[int | None] = []

    def noting(reply: Reply) -> Reply:
        async def noted(request: web.Request) -> web.StreamResponse:
            seen.append(await bench.committed("telegram"))
            return await reply(request)

        return noted

    bench.telegram.script += [
        noting(telegram_error(429, "Too Many Requests: retry after 2", retry_after=2)),
        noting(answer(503)),
        noting(answer(200, "<html>hotel</html>", kind="text/html")),
        noting(telegram_error(400, "Bad Request: can't parse entities")),
    ]
    await bench.start("telegram")
    await bench.wait_committed("telegram", 2)
    calls = bench.telegram.calls
    assert seen == [None] * 4
    assert calls[1].at - calls[0].at >= 2.0
    assert ids(call.text for call in bench.telegram.delivered) == [f"{1:016x}", f"{2:016x}"]
    assert "parse_mode" not in bench.telegram.delivered[0].payload
    assert min(later.at - sooner.at for sooner, later in pairwise(calls)) >= 1.0


async def test_a_refusal_is_loud_and_stops_nothing(bench: Bench) -> None:
    await bench.publish(alert(1), alert(2), alert(1))
    bench.telegram.script.append(telegram_error(403, "Forbidden: bot was blocked"))
    notifier = await bench.start("telegram")
    await bench.wait_committed("telegram", 3)
    await notifier.wait_for_output("REFUSED, not delivered: alert 0000000000000001")
    assert ids(call.text for call in bench.telegram.delivered) == [f"{2:016x}"]
    (failed,) = [one for one in await bench.deliveries() if one.outcome == "failed"]
    assert (failed.alert_id, failed.channel) == (f"{1:016x}", "telegram")
    assert "blocked" in (failed.detail or "")
    ((reason, detail, topic, offset),) = await bench.dead_letters()
    assert (reason, topic, offset) == ("undeliverable", "alerts", "0")
    assert detail.startswith("telegram: ") and "blocked" in detail  # noqa: PT018 one text


async def test_sigterm_in_a_wait_ends_at_once_and_loses_nothing(bench: Bench) -> None:
    await bench.publish(alert(1))
    bench.telegram.script.append(telegram_error(429, "Too Many Requests", retry_after=300))
    notifier = await bench.start("telegram")
    await notifier.wait_for_output("retry_after")
    began = time.monotonic()
    assert await notifier.end(signal.SIGTERM) == 0
    assert time.monotonic() - began < 5
    assert await bench.committed("telegram") is None
    await bench.start("telegram")
    await bench.wait_committed("telegram", 1)
    assert len(bench.telegram.delivered) == 1


async def test_sigterm_during_a_call_lets_it_finish(bench: Bench) -> None:
    """Breaks (N = 1 on every deploy) if the call is cancelled although the answer is about to come."""
    await bench.publish(alert(1))

    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(2)
        return web.json_response({"ok": True})

    bench.telegram.script.append(slow)
    notifier = await bench.start("telegram")
    await bench.telegram.wait_for_calls(1)
    assert await notifier.end(signal.SIGTERM) == 0
    assert await bench.committed("telegram") == 1


async def test_sigterm_during_a_call_that_hangs_ends_within_ten_seconds(bench: Bench) -> None:
    await bench.publish(alert(1))
    never = asyncio.Event()
    bench.telegram.script.append(hang(never))
    notifier = await bench.start("telegram")
    await bench.telegram.wait_for_calls(1)
    began = time.monotonic()
    assert await notifier.end(signal.SIGTERM) == 0
    assert time.monotonic() - began < 10
    assert await bench.committed("telegram") is None


async def test_a_second_worker_takes_over_without_a_repeat(bench: Bench) -> None:
    """A rebalance while a message waits for its turn: breaks if the old member goes on beside the new one."""
    await bench.publish(*(alert(n) for n in range(1, 9)))
    await bench.start("telegram")
    await bench.telegram.wait_for_delivered(2)
    await bench.start("telegram")
    await bench.wait_committed("telegram", 8)
    assert sorted(ids(call.text for call in bench.telegram.delivered)) == [f"{n:016x}" for n in range(1, 9)]


async def test_a_topic_made_anew_is_read_from_its_start(bench: Bench) -> None:
    """The group's offset is from the old topic. Breaks if everything below it is taken for old news."""
    await bench.publish(*(alert(n, "WARN") for n in range(1, 6)))
    notifier = await bench.start("log")
    await bench.wait_committed("log", 5)
    await notifier.end(signal.SIGTERM)
    await bench.recreate_topic()
    await bench.publish(alert(9), alert(10), alert(11))
    notifier = await bench.start("log")
    await notifier.wait_for_output(f"id={11:016x}")
    assert notifier.output.count(b" rule=") == 3


async def test_no_output_of_a_process_holds_a_secret(bench: Bench) -> None:
    """Through refusals that echo the URL, broken connections and debug logging of the libraries."""
    await bench.publish(alert(1), alert(2))
    bench.telegram.script += [
        reset(),
        answer(302, "", {"Location": f"{bench.telegram.url}/bot{bench.telegram.token}/x"}),
        telegram_error(403, f"Forbidden: /bot{bench.telegram.token}/sendMessage"),
    ]
    bench.slack.script += [reset(), answer(403, f"no such hook: {bench.slack.webhook}")]
    for channel in ("telegram", "slack"):
        await bench.start(channel, PYTHONASYNCIODEBUG="1")
    for channel in ("telegram", "slack"):
        await bench.wait_committed(channel, 2)
    for notifier in bench.started:
        assert await notifier.end(signal.SIGTERM) == 0
        await notifier.wait_for_output("[secret]")
        for canary in (bench.telegram.token, bench.telegram.token.partition(":")[2], bench.slack.secret):
            assert canary not in notifier.output.decode()


async def test_a_missing_setting_is_one_line(bench: Bench) -> None:
    notifier = await bench.start("telegram", FLEAWATCH_TELEGRAM_CHAT_ID="")
    assert await notifier.process.wait() == 2
    await bench.close()
    assert notifier.output.decode().startswith("fleawatch: FLEAWATCH_TELEGRAM_CHAT_ID is not set")
    assert "Traceback" not in notifier.output.decode()
