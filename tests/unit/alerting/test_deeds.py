"""What was done about an alert: said in its message, in order and once, however often a command is sent again."""

from typing import Any

from alert_desks import World, alert
from fleawatch.alerting.deeds import MOST, Deeds
from fleawatch_schemas.wire_control import Action, Command, CommandAck


def command(number: int = 1, action: Action = "pause", **more: Any) -> Command:
    fields: dict[str, Any] = {
        "command_id": f"c{number}", "agent_id": "a", "action": action, "reason": "r", "alert_id": f"{number:016x}",
        "issued_ts": 1.0, "expires_ts": 31.0, "nonce": "n",
    }  # fmt: skip
    return Command(**fields | more)


def answer(number: int = 1, **more: Any) -> CommandAck:
    fields: dict[str, Any] = {"command_id": f"c{number}", "agent_id": "a", "status": "applied", "ts": 2.0}
    return CommandAck(**fields | more)


def deeds() -> tuple[Deeds, list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []
    return Deeds(lambda alert_id, what: told.append((alert_id, what))), told


def test_an_order_and_its_answer_are_of_the_alert() -> None:
    made, told = deeds()
    made.command(command())
    made.answer(answer())
    made.command(command(2, "kill", by="ann"))
    made.answer(answer(2, status="refused", detail="no such account"))
    assert told == [
        (f"{1:016x}", "pause ordered by the monitor"),
        (f"{1:016x}", "pause confirmed by the agent"),
        (f"{2:016x}", "kill ordered by ann"),
        (f"{2:016x}", "kill refused by the agent: no such account"),
    ]


def test_what_is_of_no_alert_is_nothing() -> None:
    made, told = deeds()
    made.command(command(alert_id=None))
    made.answer(answer())
    made.answer(answer(7))
    assert told == []


def test_an_answer_to_what_is_long_over_is_not_waited_for() -> None:
    """Breaks when commands are kept for ever: each is another entry."""
    made, told = deeds()
    for number in range(MOST + 1):
        made.command(command(number))
    told.clear()
    made.answer(answer(0))
    assert told == []
    made.answer(answer(1))
    assert told == [(f"{1:016x}", "pause confirmed by the agent")]


def test_the_message_says_what_was_done_once_and_rings_for_nobody() -> None:
    world = World()
    notifier = world.notifier(edits=True)
    one = world.fire()
    world.wait(10)
    made = Deeds(notifier.desk.did)
    for _ in range(5):  # sent again until it is confirmed
        made.command(command(alert_id=one.alert_id))
        world.wait(10)
    made.answer(answer())
    made.answer(answer())
    world.wait(30)
    done = [(note.update, note.items[0].actions) for _, note in notifier.sent]
    ordered, confirmed = "pause ordered by the monitor", "pause confirmed by the agent"
    assert done == [(False, ()), (True, (ordered,)), (True, (ordered, confirmed))]
    assert {note.ref for _, note in notifier.sent[1:]} == {"m1"}


def test_what_was_done_is_not_lost_by_who_reads_it_first() -> None:
    """Commands and alerts are two topics, and a new process reads all commands of the last hour before any alert."""
    world = World()
    notifier = world.notifier(edits=True)
    one = alert(at=world.now)
    done = Deeds(notifier.desk.did)
    done.command(command(alert_id=one.alert_id))
    world.publish(one)
    world.wait(10)
    notifier.start(world.now)
    again = Deeds(notifier.desk.did)
    again.command(command(alert_id=one.alert_id))
    again.answer(answer())
    world.wait(30)
    ordered, confirmed = "pause ordered by the monitor", "pause confirmed by the agent"
    told = [(note.update, note.items[0].actions) for _, note in notifier.sent]
    assert told == [(False, (ordered,)), (True, (ordered, confirmed))]


def test_what_was_done_before_it_is_told_is_in_the_first_message() -> None:
    """On channels that cannot change a message, too."""
    world = World()
    notifier = world.notifier("slack")
    one = world.fire(rule="agent_stopped")  # waits for a larger cause
    notifier.read()
    Deeds(notifier.desk.did).command(command(alert_id=one.alert_id))
    world.wait(60)
    ((_, note),) = notifier.sent
    assert note.items[0].actions == ("pause ordered by the monitor",)
