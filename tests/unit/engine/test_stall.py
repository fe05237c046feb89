"""Standing still, and what only looks like it."""

from faust.types import TP

from fleawatch.engine.stall import Seen, StallWatch

A, B = TP("in", 0), TP("in", 1)
LIMIT = 10


def looked(watch: StallWatch, seen: Seen, times: int) -> list[list[TP]]:
    return [watch.look({A: seen}) for _ in range(times)]


def test_a_cursor_that_stands_is_suspected_and_then_stalled() -> None:
    """Breaks when it is ended on suspicion alone, or never."""
    watch = StallWatch(LIMIT)
    verdicts = []
    for _ in range(20):
        suspected = watch.look({A: Seen(7, 3)})
        verdicts.append((bool(suspected), bool(suspected and watch.answered({A: 10}))))
    assert verdicts.index((True, False)) == LIMIT // 2
    assert verdicts.index((True, True)) == LIMIT


def test_who_moves_is_never_suspected_however_far_behind() -> None:
    watch = StallWatch(LIMIT)
    assert not any(watch.look({A: Seen(cursor, 1_000_000)}) for cursor in range(100))


def test_nothing_to_read_is_no_stall() -> None:
    watch = StallWatch(LIMIT)
    assert not any(looked(watch, Seen(7, 0), 100))
    looked(watch, Seen(7, None), 6)  # fetches get no answer
    assert watch.answered({A: 7}) == []
    assert watch.looks(A) == 0


def test_fetches_without_an_answer_are_a_stall_when_kafka_answers_another() -> None:
    """Breaks when the consumer's own word counts: a wedged one never learns that there is more."""
    watch = StallWatch(LIMIT)
    looked(watch, Seen(7, None), LIMIT + 1)
    assert watch.answered({A: 8}) == [A]


def test_kafka_away_is_waited_for_and_then_there_is_time_to_come_back() -> None:
    watch = StallWatch(LIMIT)
    for _ in range(100):
        if watch.look({A: Seen(7, None)}):
            watch.away()
    looks = 0
    while not (watch.look({A: Seen(7, None)}) and watch.answered({A: 8})):
        looks += 1
    assert looks == LIMIT // 2 - 1


def test_assignment_and_recovery_begin_the_count_anew() -> None:
    watch = StallWatch(LIMIT)
    looked(watch, Seen(7, 3), LIMIT)
    assert watch.look({}) == []
    assert not any(looked(watch, Seen(7, 3), LIMIT // 2))


def test_one_of_two_partitions() -> None:
    """Breaks when a partition that moves speaks for one that does not."""
    watch = StallWatch(LIMIT)
    suspected: list[TP] = []
    for cursor in range(LIMIT + 1):
        suspected = watch.look({A: Seen(cursor, 5), B: Seen(0, 5)})
    assert suspected == [B]
    assert watch.answered({B: 5}) == [B]
