"""Deduplication by (epoch, seq): every promise of the contract, one by one."""

from core_records import EPOCH, Run, equity_event, story
from fleawatch_schemas.reasons import Reason


def test_a_repeat_is_dropped_and_counted() -> None:
    run = Run()
    event = equity_event(0, 100.0)
    applied = run.feed(event, event, equity_event(1, 101.0), event)
    assert (applied.events, applied.duplicates) == (2, 2)


def test_a_missing_event_is_accepted_once_and_late() -> None:
    run = Run()
    run.feed(equity_event(0, 100.0), equity_event(2, 102.0))
    assert run.equity.lost == 1
    applied = run.feed(equity_event(1, 500.0), equity_event(1, 500.0))
    assert (applied.events, applied.duplicates) == (1, 1)
    assert run.equity.late == 0  # its bar was still open
    assert run.equity.peak == 102.0  # a late snapshot makes no peak
    assert story(run.alerts) == [("sequence_gap", "WARN", "firing")]


def test_the_first_event_may_start_anywhere_and_earlier_ones_may_follow() -> None:
    run = Run()
    run.feed(equity_event(5000, 100.0))
    assert run.equity.lost == 0
    assert not run.alerts
    applied = run.feed(equity_event(4999, 99.0), equity_event(4999, 99.0), equity_event(3976, 99.0))
    assert (applied.events, applied.duplicates) == (1, 2)  # 3976 is outside the map of 1,024


def test_a_larger_epoch_is_a_restart_and_a_smaller_one_stale() -> None:
    run = Run()
    run.feed(equity_event(7, 100.0))
    applied = run.feed(equity_event(0, 101.0, epoch=EPOCH + 1, ts=2e9 - 2e8), equity_event(8, 102.0))
    assert applied.events == 1
    assert applied.rejected == {Reason.STALE_EPOCH: 1}
    assert (run.equity.epoch, run.equity.seq, run.equity.lost) == (EPOCH + 1, 0, 0)


def test_a_gap_wider_than_the_map() -> None:
    run = Run()
    run.feed(equity_event(0, 100.0), equity_event(5000, 100.0))
    assert run.equity.lost == 4999
    applied = run.feed(
        equity_event(5000 - 1023, 100.0), equity_event(5000 - 1024, 100.0), equity_event(1, 100.0)
    )
    assert (applied.events, applied.duplicates) == (1, 2)


def test_a_rejected_event_is_no_gap_and_can_be_retried_once() -> None:
    run = Run()
    bad = equity_event(1, 100.0, balance="much")
    run.feed(equity_event(0, 100.0), bad, equity_event(2, 100.0))
    assert run.equity.lost == 0
    assert not run.alerts
    applied = run.feed(equity_event(1, 100.0), equity_event(1, 100.0), bad)
    assert (applied.events, applied.duplicates) == (1, 1)
    assert applied.rejected == {Reason.BAD_FIELD: 1}


def test_a_rejected_event_cannot_move_the_sequence_far() -> None:
    """Else one malformed event with a huge seq would make duplicates of all that follow."""
    run = Run()
    run.feed(equity_event(0, 100.0), equity_event(2**53 - 1, 100.0, balance=None))
    assert run.feed(equity_event(1, 100.0)).events == 1


def test_the_map_follows_the_sequence() -> None:
    run = Run()
    run.feed(equity_event(0, 1.0), equity_event(2, 1.0), *(equity_event(seq, 1.0) for seq in range(3, 1025)))
    assert run.feed(equity_event(1, 1.0)).events == 1  # bit 1,023
    run = Run()
    run.feed(equity_event(0, 1.0), equity_event(2, 1.0), *(equity_event(seq, 1.0) for seq in range(3, 1026)))
    assert run.feed(equity_event(1, 1.0)).duplicates == 1  # fell off
