"""What the log of deliveries tells a process that starts."""

from fleawatch.alerting.deliveries import RECENT, Deliveries
from fleawatch.alerting.records import Delivery
from fleawatch_schemas.wire import Status


def sent(
    alert_id: str, at: float, attempts: int = 1, status: Status = "firing", channel: str = "telegram"
) -> Delivery:
    return Delivery(
        channel=channel, alert_id=alert_id, status=status, outcome="sent", attempts=attempts, ts=at
    )


def test_calls_are_those_of_each_letter_also_of_one_whose_alert_is_over() -> None:
    """Breaks where a restart may call as often again as before it: firing and resolved, each with a picture or an answer."""
    known = Deliveries("telegram")
    for record in (
        sent("a", 10.0, 2), sent("b", 10.0, 2),  # one letter about two
        sent("a", 20.0, 2, "resolved"), sent("c", 30.0), sent("d", 31.0, channel="slack"),
    ):  # fmt: skip
        known.take(record)
    assert known.calls(15.0) == [20.0, 20.0, 30.0]
    assert known.calls(0.0) == [10.0, 10.0, 20.0, 20.0, 30.0]


def test_only_recent_calls_are_remembered() -> None:
    known = Deliveries("telegram")
    for number in range(2 * RECENT):
        known.take(sent(f"{number}", float(number)))
    assert known.calls(0.0) == [float(number) for number in range(RECENT, 2 * RECENT)]
