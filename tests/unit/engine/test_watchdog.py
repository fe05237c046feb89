"""When a worker is ended that is no member of its group any more; `tests/integration/engine/test_watchdog.py` has the rest."""

from typing import Any

import pytest
from faust.types import TP

from fleawatch.engine.watchdog import FENCED_LIMITS, Watchdog

LIMIT = 10


class Fenced:
    """A worker without partitions; `open` is whether its membership is confirmed."""

    def __init__(self) -> None:
        self.open = False
        self.fence = self

    def not_ready(self) -> str:
        return "partitions are being assigned or recovered"


class Asked(Watchdog):
    """`answers`: what Kafka says next."""

    answers = True

    async def _ask(self, tps: list[TP]) -> dict[TP, int] | None:
        return {} if self.answers else None


@pytest.fixture
def app() -> Any:
    return Fenced()


async def test_ended_when_kafka_answers_and_no_heartbeat_is_confirmed(app: Any) -> None:
    """Breaks where nobody asks aiokafka's coordinator for its error: it waits for that, and never joins again."""
    said: list[str] = []
    dog = Asked(app, LIMIT, said.append)
    for _ in range(FENCED_LIMITS * LIMIT - 1):
        await dog._look()
    assert not said
    await dog._look()
    assert said == ["stalled: Kafka answers, but no heartbeat has been confirmed for 30 s"]


async def test_not_ended_while_kafka_is_away_nor_by_a_rebalance_that_takes_its_time(app: Any) -> None:
    said: list[str] = []
    dog = Asked(app, LIMIT, said.append)
    dog.answers = False
    for _ in range(100 * LIMIT):
        await dog._look()
    dog.answers = True
    for _ in range(100):
        for _ in range(2 * LIMIT):
            await dog._look()
        app.open = True
        await dog._look()
        app.open = False
    assert not said
