"""Ten thousand alerts a minute (fault 20): none is missing, the receiver is never asked to slow us down."""

import asyncio
from bisect import bisect_left
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from conftest import Kafka
from notifier_bench import AT_ONCE, alert, ids, open_bench

PER_SECOND = 10_000 / 60
MOST_CALLS = 20
MOST_SINGLES = 10
MOST_MB = 256


@pytest.mark.broker
@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(10, id="at a thirtieth of the time"),
        pytest.param(300, id="five minutes", marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
    ],
)
async def test_every_id_is_told_within_the_limits(
    kafka: Kafka, tmp_path: Path, seconds: int, record_property: Callable[[str, object], None]
) -> None:
    """A third is CRITICAL. Breaks where a digest leaves out what it has no room for, or edits and files are not counted."""
    async with open_bench(kafka.bootstrap, tmp_path, AT_ONCE) as bench:
        notifier = await bench.start("telegram")
        await bench.publish(alert(0, "WARN"))
        await bench.telegram.wait_for_delivered(1)
        clock = bench.telegram.clock
        sent: dict[str, float] = {}
        number = 0
        began = clock()
        for second in range(seconds):
            batch = [
                alert(number + n, "WARN" if (number + n) % 3 else "CRITICAL")
                for n in range(1, round((second + 1) * PER_SECOND) - number + 1)
            ]
            sent |= dict.fromkeys((one.alert_id for one in batch), clock())
            await bench.publish(*batch, together=True)
            number += len(batch)
            await asyncio.sleep(max(0.0, began + second + 1 - clock()))
        await bench.wait_committed("telegram", await bench.end(), 120)
        assert bench.telegram.first_seen().keys() == {f"{0:016x}"} | sent.keys()
        calls = sorted(call.at for call in bench.telegram.calls)
        assert max(index - bisect_left(calls, at - 60) for index, at in enumerate(calls, 1)) <= MOST_CALLS
        assert not bench.telegram.refused_for_pace
        critical = [
            call for call in bench.telegram.delivered if call.text.startswith("🔴 CRITICAL FIRING: title")
        ]
        alone = [call.at for call in critical if len(ids([call.text])) == 1]
        in_a_minute = [index - bisect_left(alone, at - 60) for index, at in enumerate(alone, 1)]
        assert max(in_a_minute, default=0) <= MOST_SINGLES
        memory = notifier.peak_mb()
        assert memory <= MOST_MB
        seen = bench.telegram.first_seen()
        lags = sorted(seen[one] - at for one, at in sent.items() if int(one, 16) % 3 == 0)
        assert lags[0] <= 10
        assert lags[int(0.95 * len(lags))] <= 10, "of CRITICAL alerts, p95"
        assert min((later - sooner for sooner, later in pairwise(calls)), default=1.0) >= 1.0
        record_property("alerts, calls", (len(sent), len(calls)))
        record_property(
            "seconds to CRITICAL: first, p95, worst", (lags[0], lags[int(0.95 * len(lags))], lags[-1])
        )
        record_property("memory in MB", memory)
