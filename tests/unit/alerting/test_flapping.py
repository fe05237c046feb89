"""From events to messages: what swings about its limit every second is told once, and its end once, in a cooldown."""

from alert_desks import NOON, World, without_night
from core_records import START, Run, equity_event
from fleawatch.core.rules import DEFAULTS

MINUTES = 10


def test_an_equity_that_swings_at_one_hertz_for_ten_minutes() -> None:
    """Drawdowns of 16 and 12 %, by turns: over the limit of 15 %, and below 90 % of it."""
    run = Run()
    run.feed(equity_event(0, 10_000.0, ts=START))
    world = World()
    notifier = world.notifier(routes=without_night())
    seen = 0
    for second in range(1, MINUTES * 60 + 1):
        run.feed(equity_event(second, 8_400.0 if second % 2 else 8_800.0, ts=START + second))
        for alert in run.alerts[seen:]:
            if alert.rule == "drawdown_exceeded":
                world.publish(alert)
        seen = len(run.alerts)
        world.wait(1)
    world.wait(60)
    rounds = MINUTES * 60 / DEFAULTS.drawdown_exceeded.cooldown_secs
    standings = [item.standing for _, note in notifier.sent for item in note.items]
    assert 2 <= len(standings) <= 2 * rounds
    assert standings == ["firing", "resolved"] * (len(standings) // 2)
    assert all(at >= NOON for at, _ in notifier.sent)
