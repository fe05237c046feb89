"""Incidents as a person sees them, and what he types about them."""

from typing import Literal

import msgspec
import pytest

from fleawatch.alerting.records import Delivery
from fleawatch.errors import ConfigError
from fleawatch.operator.actions import Actor, acknowledge, end, silence
from fleawatch.operator.alert_rows import document, row, silence_row
from fleawatch.operator.incidents import Incidents, Wanted
from fleawatch.operator.matchers import matchers_of
from fleawatch.operator.notebook import Notes, key_of, notes_of
from fleawatch.operator.times import at, lasting, told
from fleawatch_schemas.wire import Alert

NOW = 1_795_000_000.0


def alert(rule: str = "api_latency", **more: object) -> Alert:
    fields: dict[str, object] = {
        "alert_id": "8f1c000000000000", "agent_id": "btc-1", "rule": rule, "severity": "WARN", "status": "firing",
        "title": "btc-1: slow", "body": "", "started_ts": NOW, "ts": NOW, "runbook": "api-latency",
    }  # fmt: skip
    return msgspec.convert(fields | more, Alert)


def test_an_alert_of_which_nothing_is_heard_any_more_is_not_over() -> None:
    """Breaks when a monitor that is down looks like a fleet that is well."""
    found = Incidents()
    found.add(alert(), NOW)
    (one,) = found.chosen(Wanted(), NOW + 3600, history=False)
    assert (one.standing(NOW + 600), one.standing(NOW + 3600)) == ("firing", "no data")
    found.add(alert(status="resolved", reason="cleared", ts=NOW + 3700), NOW + 3700)
    assert one.standing(NOW + 3700) == "resolved"
    assert found.chosen(Wanted(), NOW + 3700, history=False) == []
    assert found.chosen(Wanted(), NOW + 3700, history=True) == [one]


def test_an_occurrence_has_no_end_and_ends_by_itself() -> None:
    found = Incidents()
    found.add(alert("return_anomaly"), NOW)
    (one,) = found.by_id.values()
    assert (one.standing(NOW + 1700), one.standing(NOW + 1900)) == ("firing", "over")


def test_a_replay_opens_nothing_again() -> None:
    found = Incidents()
    for heard, said in enumerate(
        (alert(), alert(severity="CRITICAL", ts=NOW + 5), alert(status="resolved", ts=NOW + 9))
    ):
        found.add(said, NOW + heard)
    found.add(alert(), NOW + 20)
    found.add(alert(severity="CRITICAL", ts=NOW + 5), NOW + 21)
    (one,) = found.by_id.values()
    assert one.standing(NOW + 30) == "resolved"
    assert one.ended == NOW + 9
    assert one.severity == "CRITICAL"


def test_the_filter_takes_patterns_and_the_worst_come_first() -> None:
    found = Incidents()
    for number, (agent, severity) in enumerate((("btc-1", "WARN"), ("eth-1", "CRITICAL"), ("btc-2", "INFO"))):
        found.add(alert(alert_id=f"{number:016x}", agent_id=agent, severity=severity), NOW)
    order = [one.alert.agent_id for one in found.chosen(Wanted(), NOW, history=False)]
    assert order == ["eth-1", "btc-1", "btc-2"]
    assert [one.alert.agent_id for one in found.chosen(Wanted("btc-*", ("INFO",)), NOW, history=False)] == [
        "btc-2"
    ]


def test_what_is_written_is_read_back_and_what_is_withdrawn_is_gone() -> None:
    actor = Actor(" ada ", "cli", NOW, "a-1")
    _, held = silence({"rule": "x"}, 60, actor, "because", silence_id="s-1")
    records = [*acknowledge(["8f1c000000000000"], actor, "on it"), *held]
    rows = {key_of(one): one.model_dump_json(exclude_none=True).encode() for one in records}
    notes = notes_of([*rows.items(), (b"ack|x", b"\xff"), (b"new|1", b'{"kind": "of a later release"}')])
    assert notes.acks["8f1c000000000000"].by == "ada"
    assert [one.silence_id for one in notes.silent_now(NOW)] == ["s-1"]
    assert notes.silent_now(NOW + 60) == []
    for one in (
        *acknowledge(["8f1c000000000000"], actor, withdraw=True),
        *end(notes.silences["s-1"], Actor("bob", "cli", NOW + 5, "a-2")),
    ):
        rows[key_of(one)] = one.model_dump_json(exclude_none=True).encode()
    notes = notes_of(rows.items())
    assert notes.acks == {}
    assert notes.silent_now(NOW + 6) == []
    assert silence_row(notes.silences["s-1"], NOW + 6)["state"] == "ended by bob"


def test_a_row_says_who_was_told_and_who_was_not() -> None:
    found = Incidents()
    found.add(alert(title="btc-1: \x1b[31mslow"), NOW)
    (one,) = found.by_id.values()
    notes = Notes()
    outcomes: list[tuple[str, Literal["sent", "failed", "suppressed"]]] = [
        ("telegram", "sent"), ("slack", "failed"), ("sms", "suppressed"),
    ]  # fmt: skip
    for channel, outcome in outcomes:
        notes.deliveries.setdefault(one.alert.alert_id, []).append(
            Delivery(
                channel=channel, alert_id=one.alert.alert_id, status="firing", outcome=outcome, attempts=1, ts=NOW,
            )
        )  # fmt: skip
    shown = row(one, notes, lambda _: [], NOW + 90)
    assert shown["told by"] == "telegram, slack FAILED"
    assert shown["lasts"] == "1m 30s"
    assert "\x1b" not in shown["title"]
    assert [told["channel"] for told in document(one, notes, lambda _: [], NOW)["deliveries"]] == [
        "telegram", "slack", "sms",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [[], [""], ["rule"], ["=x"], ["rule="], ["agent=a", "agent_id=b"], [f"l{n}=x" for n in range(17)]],
)
def test_matchers_that_make_no_sense(words: list[str]) -> None:
    with pytest.raises(ConfigError):
        matchers_of(words)


def test_matchers() -> None:
    assert matchers_of(["rule=a=b", "agent=btc-*"]) == {"rule": "a=b", "agent_id": "btc-*"}
    assert matchers_of(["btc-1"], bare="agent_id") == {"agent_id": "btc-1"}


@pytest.mark.parametrize("text", ["", "5", "h", "0s", "-5m", "1.5h", "400d", "5m later", "٣m"])
def test_durations_that_make_no_sense(text: str) -> None:
    with pytest.raises(ConfigError, match="no duration"):
        lasting(text)


def test_times_are_told() -> None:
    assert [lasting(text) for text in ("90s", "1h30m", "2d")] == [90, 5400, 172_800]
    assert told(0.4) == "0s"
    assert (at(0), at(1e300)) == ("1970-01-01 00:00:00Z", "?")
