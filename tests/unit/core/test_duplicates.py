"""Two processes under one id: on every input topic by their epochs, with one epoch by a seq that comes twice."""

from collections.abc import Callable
from typing import Any

import pytest

from core_records import EPOCH, START, Rec, Run, equity_event, health_event, records, story
from fleawatch.core.pipeline import equity_pipeline, health_pipeline, trades_pipeline

RULE = "duplicate_agent"
FIRED = (RULE, "CRITICAL", "firing")
OVER = (RULE, "CRITICAL", "resolved")


def trade(seq: int, **changes: Any) -> dict[str, Any]:
    return {
        "v": 1, "agent_id": "momentum-1", "epoch": EPOCH, "seq": seq, "ts": START + 10 * seq, "trade_id": f"t{seq}",
        "strategy": "s", "asset": "BTC-USD", "side": "buy", "size": 1.0, "entry_price": 100.0, "exit_price": 101.0,
        "entry_ts": START, "exit_ts": START + 10 * seq,
    } | changes  # fmt: skip


def equity(seq: int, **changes: Any) -> dict[str, Any]:
    return equity_event(seq, 100.0, **({"ts": START + 10 * seq} | changes))


TOPICS: dict[str, tuple[Any, Callable[..., dict[str, Any]]]] = {
    "equity": (equity_pipeline, equity),
    "trades": (trades_pipeline, trade),
    "health": (health_pipeline, health_event),
}


def of(run: Run) -> list[tuple[str, str, str]]:
    return [entry for entry in story(run.alerts) if entry[0] == RULE]


def both(event: Callable[..., dict[str, Any]], begin: int, end: int) -> list[dict[str, Any]]:
    """The older process sends 2 s after each event of the newer."""
    return [
        made
        for seq in range(begin, end)
        for made in (
            event(seq, epoch=EPOCH + 9),
            event(seq + 7, ts=START + 10 * seq + 2, epoch=EPOCH) | {"agent_id": "momentum-1"},
        )
    ]


@pytest.mark.parametrize("topic", TOPICS)
def test_epochs_that_interleave(topic: str) -> None:
    pipeline, event = TOPICS[topic]
    run = Run(pipeline(1))
    run.feed(*both(event, 0, 100))
    (first, *repeats) = [alert for alert in run.alerts if alert.rule == RULE]
    assert of(run) == [FIRED, *[FIRED] * len(repeats)]
    assert first.ts == START + 52  # the third strike at 22 s, and 30 s of it
    assert first.title == f"momentum-1: two processes send {topic} under this id"
    assert [alert.ts - START for alert in repeats] == [352, 652, 952]
    assert len([out for out in run.outputs if out.topic == "dead-letter"]) == 100
    run.feed(*(event(seq, epoch=EPOCH + 9) for seq in range(100, 170)))
    assert of(run)[-1] == OVER
    assert run.alerts[-1].ts == START + 1600  # ten minutes after the last one, at 992 s
    assert run.state.strikes is None


@pytest.mark.parametrize("topic", TOPICS)
def test_a_restart_whose_last_events_come_late_is_no_second_process(topic: str) -> None:
    pipeline, event = TOPICS[topic]
    run = Run(pipeline(1))
    run.feed(*(event(seq) for seq in range(5)))
    late = [event(seq, ts=START + 50) for seq in range(5, 40)]
    run.feed(event(0, epoch=EPOCH + 9, ts=START + 50), *late)
    run.feed(event(1, epoch=EPOCH + 9, ts=START + 51), *late)
    run.feed(*(event(seq, epoch=EPOCH + 9, ts=START + 50 + 10 * seq) for seq in range(2, 100)))
    assert not of(run)
    assert run.state.strikes is None


def test_a_restart_each_minute_is_none_either() -> None:
    """One stale event each: they are strikes, but the processes do not go on beside each other… for long."""
    run = Run(health_pipeline(1))
    for life in range(30):
        begin = START + 1200 * life
        run.feed(health_event(0, epoch=EPOCH + life, ts=begin))
        if life:
            run.feed(health_event(9, epoch=EPOCH + life - 1, ts=begin + 1))
        run.feed(health_event(1, epoch=EPOCH + life, ts=begin + 2))
    assert not of(run)


def test_an_older_process_alone_is_a_stale_agent_not_two() -> None:
    """The newer one was a short-lived twin: nothing of it is going on."""
    run = Run(health_pipeline(1))
    run.feed(health_event(0, epoch=EPOCH + 9), *(health_event(seq) for seq in range(1, 200)))
    assert not of(run)


def test_flapping_gives_one_firing_and_one_resolved_per_cooldown() -> None:
    """Two rounds fall into the cooldown of the one before, and were no worse."""
    run = Run(health_pipeline(1))
    seq = 0
    for _ in range(4):  # 200 s of two, then 700 s of one
        run.feed(*both(health_event, seq, seq + 20))
        run.feed(*(health_event(n, epoch=EPOCH + 9) for n in range(seq + 20, seq + 90)))
        seq += 90
    assert of(run) == [FIRED, OVER] * 2


class TestSameEpoch:
    """What can be seen: a used seq with a time that is newer than everything accepted."""

    def test_two_in_lockstep(self) -> None:
        run = Run(health_pipeline(1))
        run.feed(
            *(
                event
                for seq in range(20)
                for event in (health_event(seq), health_event(seq, ts=START + 10 * seq + 3))
            )
        )
        assert of(run) == [FIRED]
        assert "came again with other content" in run.alerts[0].body

    def test_an_emitter_that_does_not_count(self) -> None:
        """Always seq 0: without the alert all but its first event would vanish among the duplicates."""
        run = Run()
        run.feed(*(equity(0, ts=START + 10 * i) for i in range(20)))
        assert of(run) == [FIRED]

    def test_repeats_are_repeats(self) -> None:
        run = Run(health_pipeline(1))
        sent = [health_event(seq) for seq in range(100)]
        for begin in range(100):
            run.feed(*sent[max(0, begin - 20) : begin + 1])
        assert not run.alerts
        assert run.state.strikes is None

    def test_trades_come_in_any_order_of_time_so_nothing_is_concluded(self) -> None:
        run = Run(trades_pipeline(1))
        run.feed(*(trade(0, ts=START + 10 * i) for i in range(20)))
        assert not run.alerts


@pytest.mark.parametrize("topic", TOPICS)
def test_cuts_and_replays_count_a_strike_once(topic: str) -> None:
    """Also when a replay begins between a strike and the next accepted event."""
    pipeline, event = TOPICS[topic]
    log = records(both(event, 0, 12))
    whole = Run(pipeline(1))
    whole.apply(log)
    assert of(whole) == [FIRED]
    for cut in range(1, len(log)):
        killed = Run(pipeline(1))
        killed.apply(log[:cut])
        killed.restart()
        killed.apply(log[max(0, cut - 3) :])
        assert killed.packed() == whole.packed()
        assert of(killed) == [FIRED]


def test_the_rest_of_the_log_is_untouched_by_rubbish_keys() -> None:
    """A stale event under another agent's key is nobody's strike."""
    run = Run(health_pipeline(1))
    run.feed(health_event(0, epoch=EPOCH + 9))
    value = records([health_event(3)])[0].value
    run.apply([Rec(offset, int(START * 1000), b"momentum-2", value) for offset in range(1, 9)])
    assert run.state.strikes is None
