"""Attribution is published at its rate, and when a window moves on."""

from collections import defaultdict
from itertools import pairwise
from typing import Any, cast

import msgspec
import orjson
from faust.types import TP

from core_records import EPOCH, START, Rec, Run
from fleawatch.agents.lanes import STEPS
from fleawatch.agents.publish_attribution import UPDATES_PER_SEC, AttributionPublisher
from fleawatch.core.pipeline import trades_pipeline
from fleawatch.engine.produce import Outgoing
from fleawatch.settings import Settings
from fleawatch_schemas.wire import Attribution

HOUR = 3600.0


class Tables:
    """The states of one partition, and what a publisher uses of the app."""

    def __init__(self, agents: int) -> None:
        run = Run(trades_pipeline(1))
        trade = {
            "v": 1, "agent_id": "momentum-1", "epoch": EPOCH, "seq": 0, "ts": START, "trade_id": "t", "strategy": "s",
            "asset": "BTC", "side": "buy", "size": 1.0, "entry_price": 1.0, "exit_price": 2.0, "entry_ts": START,
            "exit_ts": START,
        }  # fmt: skip
        run.apply([Rec(0, int(START * 1000), b"momentum-1", orjson.dumps(trade))])
        self.keys = [b"agent-%d" % number for number in range(agents)]
        self._states = dict.fromkeys(self.keys, run.state)
        self.outbox = self
        self.now = START
        self.sent: list[tuple[float, Outgoing]] = []
        self.owns = True
        self.publisher = AttributionPublisher(cast("Any", self), Settings(), lambda: self.now)

    def states(self, _: int) -> dict[bytes, Any]:
        return self._states

    def holds(self, _: int) -> bool:
        return True

    def owned(self, topic: str) -> list[TP]:
        return [TP(topic, 0)] if self.owns else []

    def put(self, tp: TP | None, outputs: list[Outgoing]) -> None:
        assert tp is None
        self.sent += [(self.now, output) for output in outputs]

    def run(self, secs: float, *, trading: bool) -> dict[bytes, list[float]]:
        """Times of the updates by key."""
        self.sent = []
        begin = self.now
        for step in range(int(secs * STEPS)):
            self.now = begin + (step + 1) / STEPS
            if trading:
                self.publisher.changed(0, self.keys)
            self.publisher.publish(cast("Any", self))
        times: defaultdict[bytes, list[float]] = defaultdict(list)
        for at, output in self.sent:
            times[output.key or b""].append(at)
        return times


def test_who_trades_all_the_time_is_published_each_second_and_its_longer_windows_each_tenth() -> None:
    times = Tables(20).run(31, trading=True)
    assert len(times) == 4 * 20
    for key, at in times.items():
        due = 1 if key.endswith(b"|24h") else 10
        assert min(later - earlier for earlier, later in pairwise(at)) >= due - 1e-6
        assert len(at) >= 31 / (due + 0.5) - 1


def test_all_agents_together_stay_below_the_bound_and_none_starves() -> None:
    tables = Tables(1000)
    times = tables.run(20, trading=True)
    assert len(tables.sent) <= UPDATES_PER_SEC * 20 * 1.1
    assert sum(key.endswith(b"|24h") for key in times) == 1000
    assert sum(key.endswith(b"|30d") for key in times) >= 390  # all within 50 s


def test_a_window_moves_on_without_a_trade() -> None:
    """Breaks when the last day's trades are shown for ever, because nobody trades."""
    tables = Tables(1)
    tables.publisher.changed(0, tables.keys)
    tables.run(2, trading=False)
    found: list[int] = []
    for hour in range(1, 27):
        tables.now = START + HOUR * hour - 1
        tables.run(2, trading=False)
        for _, output in tables.sent:
            made = msgspec.json.decode(output.value or b"", type=Attribution)
            if made.window == "24h":
                found.append(made.totals.count)
    assert found == [1] * 23 + [0]  # and then no more: nothing changes again


def test_nothing_is_published_of_a_partition_that_went_away() -> None:
    tables = Tables(3)
    tables.owns = False
    assert tables.run(3, trading=True) == {}
