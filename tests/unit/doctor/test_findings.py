"""`fleawatch doctor`: when an agent's drawdown would go unnoticed, it is said; tokens are not."""

import json
from dataclasses import replace
from typing import Any

import pytest

from fleawatch.alerting.defaults import DEFAULTS
from fleawatch.alerting.routes import Route, Routes
from fleawatch.doctor.channels import channels
from fleawatch.doctor.findings import Finding, as_json, as_text, exit_code
from fleawatch.doctor.obedience import Answers, obedience
from fleawatch.doctor.protection import Basis, protection
from fleawatch.doctor.reach import reach
from fleawatch.settings import Settings
from fleet_records import FLOOR, NASTY, NOW, alert, fleet, health, metrics, registered, rules

GOOD = Basis(cash=False, flows=True)
ALIVE = ("metrics", metrics("a"), NOW - 1)


def said(*records: tuple[str, bytes, float], basis: Basis | None = GOOD) -> list[tuple[str, str]]:
    made = fleet(*records)
    found = protection(made.rows["a"], basis, made.registry, NOW, FLOOR)
    return [(one.level, one.text) for one in found]


def test_nothing_is_said_of_an_agent_that_is_protected() -> None:
    assert said(ALIVE) == []


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([ALIVE, ("rules", rules("agent", "a", enabled=False), NOW)],
         "no drawdown limit: the rule drawdown_exceeded is off (agent a)"),
        ([ALIVE, ("rules", rules("fleet", None, threshold=100), NOW)], "a drawdown limit of 100 % is never reached"),
        ([ALIVE, ("alerts", alert("a", "agent_stopped"), NOW)], "stopped: no equity comes, so drawdown is not known"),
        ([("metrics", metrics("a"), NOW - 500)], "silent: no equity comes, so drawdown is not known"),
        ([("agents", registered("a"), NOW)], "nothing has ever come"),
        ([ALIVE, ("alerts", alert("a", "agent_unmonitored", title="a: equity is refused"), NOW)],
         "unmonitored: equity is refused"),
        ([("health", health("a"), NOW)], "alive without equity: there is nothing to measure a drawdown of"),
        ([("metrics", metrics("a", equity=None, drawdown_pct=None), NOW)],
         "alive without equity: there is nothing to measure a drawdown of"),
    ],
)  # fmt: skip
def test_why_protection_is_not_effective(records: list[tuple[str, bytes, float]], expected: str) -> None:
    assert said(*records) == [("problem", expected)]


@pytest.mark.parametrize(
    ("records", "basis", "expected"),
    [
        ([ALIVE], Basis(cash=True, flows=True),
         ("warning", "equity is cash: an open position looks like a loss, so this alerts but never pauses")),
        ([ALIVE], Basis(cash=False, flows=False),
         ("note", "no net_deposits are sent: a withdrawal looks like a loss, a deposit hides one")),
        ([ALIVE], GOOD._replace(late_secs=75.0),
         ("warning", "its newest equity was 75 s old when it came: over the limit this alerts but never pauses")),
        ([ALIVE], GOOD._replace(late_secs=40.0),
         ("warning", "its newest equity was 40 s old when it came: is its clock so far behind? Then it refuses commands")),
        ([ALIVE], GOOD._replace(late_secs=-45.0),
         ("warning", "its clock is 45 s ahead: it refuses commands as expired, and obeys its control state only")),
        ([ALIVE, ("agents", registered("a", mode="paper"), NOW)], GOOD,
         ("note", "registered as paper: alerts never exceed WARN")),
        ([ALIVE, ("agents", registered("a", expected=False), NOW)], GOOD,
         ("warning", "silence is no alert (expected: false): nobody is told of a stop")),
        ([ALIVE, ("rules", rules("fleet", None, severity="WARN"), NOW)], GOOD,
         ("warning", "a drawdown over the limit is WARN only")),
        ([ALIVE, ("rules", rules("fleet", None, for_secs=300), NOW)], GOOD,
         ("warning", "no alert before 300 s over the limit")),
        ([("metrics", metrics("a", drawdown_pct=20.0), NOW)], GOOD,
         ("warning", "over the drawdown limit now: 20.0 % of 15 %")),
    ],
)  # fmt: skip
def test_what_weakens_it(
    records: list[tuple[str, bytes, float]], basis: Basis, expected: tuple[str, str]
) -> None:
    assert said(*records, basis=basis) == [expected]


def routes(*made: Route) -> Routes:
    return replace(DEFAULTS, routes=(*made, *DEFAULTS.routes))


NIGHTLY = Route("trend", ("sms",), {"group": ("trend",)})
NOBODY = Route("quiet", (), {"agent": ("a*",)})
MINE = ("agents", registered("a", group="trend"), NOW)


@pytest.mark.parametrize(
    ("records", "held", "running", "expected"),
    [
        ([ALIVE], DEFAULTS, ["slack"], None),
        ([ALIVE], DEFAULTS, [], None),  # said once, of all
        ([ALIVE, ("rules", rules("fleet", None, severity="WARN"), NOW)], DEFAULTS, ["slack"],
         ("problem", "nobody is told of its drawdown: that alert (WARN) goes to telegram and apprise, where no notifier runs")),
        ([ALIVE, MINE], routes(NIGHTLY), ["sms"], None),
        ([ALIVE, MINE], routes(NIGHTLY), ["slack"],
         ("warning", "its drawdown alert (CRITICAL) goes to sms, where no notifier runs; later, perhaps, to slack")),
        ([ALIVE], routes(NOBODY), ["slack", "telegram"],
         ("problem", "nobody is told of its drawdown: that alert (CRITICAL) goes to nobody")),
        ([ALIVE, ("agents", registered("a", mode="paper"), NOW)], routes(NOBODY), ["slack"], None),
        ([ALIVE, ("rules", rules("agent", "a", enabled=False), NOW)], routes(NOBODY), ["slack"], None),
    ],
)  # fmt: skip
def test_whom_an_agents_drawdown_alert_reaches(
    records: list[tuple[str, bytes, float]],
    held: Routes,
    running: list[str],
    expected: tuple[str, str] | None,
) -> None:
    made = fleet(*records)
    found = [(one.level, one.text) for one in reach(made.rows, made.registry, held, running)]
    assert found == ([] if expected is None else [expected])


def test_retired_agents_are_not_looked_at() -> None:
    assert said(("agents", registered("a", retired=True), NOW)) == []


@pytest.mark.parametrize(
    ("levels", "code"), [((), 0), (("ok", "note"), 0), (("ok", "warning"), 1), (("problem", "warning"), 2)]
)
def test_exit_codes(levels: tuple[Any, ...], code: int) -> None:
    assert exit_code(Finding(level, "x", "y") for level in levels) == code


def test_agents_with_the_same_trouble_share_a_line_and_cannot_steer_the_terminal() -> None:
    found = [Finding("problem", "agents", "stopped", "start it", f"bot-{at}") for at in range(8)]
    text = as_text([*found, Finding("warning", "topics", NASTY, NASTY)])
    assert "bot-0, bot-1, bot-2, bot-3, bot-4 and 3 more: stopped" in text
    assert text.splitlines()[1].strip() == "hint: start it"
    assert text.endswith("8 problems, 1 warning\n")
    assert "\x1b[2J" not in text
    assert "\\x1b[2J" in text
    document = json.loads(as_json(found))
    assert (document["exit_code"], [one["agent"] for one in document["findings"]][-1]) == (2, "bot-7")
    assert as_text([]) == "all is well\n"


TOKEN, WEBHOOK = "123456:very-secret_0123456789abcdefghijklm", "https://hooks.example/very-secret"


@pytest.mark.parametrize(
    ("settings", "running", "levels", "last"),
    [
        ({}, {}, ["note", "note", "problem"], "no channel delivers CRITICAL alerts to people; there should be 2"),
        ({"telegram_token": TOKEN}, {}, ["warning", "note", "problem"], "no channel delivers"),
        ({"telegram_token": TOKEN, "telegram_chat_id": "7", "slack_webhook": WEBHOOK}, {"telegram": 1},
         ["ok", "warning", "warning"], "only telegram delivers"),
        ({"slack_webhook": WEBHOOK}, {"telegram": 1, "slack": 2}, ["ok", "ok"], "slack: 2 notifier(s) deliver CRITICAL"),
        ({}, {"telegram": 1, "sms": 1}, ["ok", "note", "ok"], "sms: 1 notifier(s) deliver CRITICAL"),
        ({"apprise_urls": "jsons://very-secret"}, {}, ["note", "note", "warning", "problem"], "no channel delivers"),
    ],
)  # fmt: skip
def test_channels(settings: dict[str, str], running: dict[str, int], levels: list[str], last: str) -> None:
    found = list(channels(Settings.load(**settings), running))
    assert [one.level for one in found] == levels
    assert found[-1].text.startswith(last)
    assert "very-secret" not in as_text(found) + as_json(found)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"telegram_token": "very-secret"},
            "telegram cannot start: FLEAWATCH_TELEGRAM_TOKEN is not a bot token",
        ),
        ({"telegram_token": TOKEN}, "telegram cannot start: FLEAWATCH_TELEGRAM_CHAT_ID is not set to a chat"),
        ({"telegram_chat_id": "7"}, "telegram cannot start: FLEAWATCH_TELEGRAM_TOKEN is not set"),
        ({"slack_webhook": "ftp://very-secret"}, "slack cannot start: FLEAWATCH_SLACK_WEBHOOK"),
        ({"sms_url": "very-secret"}, "sms cannot start: FLEAWATCH_SMS_URL is not a URL that Apprise knows"),
    ],
)
def test_a_channel_that_cannot_start(settings: dict[str, str], said: str) -> None:
    found = list(channels(Settings.load(**settings), {}))
    assert [one.level for one in found if one.text.startswith(said)] == ["warning"]
    assert "very-secret" not in as_text(found) + as_json(found)


def controlled(
    *records: tuple[str, bytes, float], answered: Answers | None = None, key: bool = True
) -> list[tuple[str, str]]:
    made = fleet(ALIVE, *records)
    settings = Settings(control_key="x" if key else None)
    said = {} if answered is None else {"a": answered}
    return [(one.level, one.text) for one in obedience(made.rows, said, made.registry, settings)]


ON = ("rules", rules("fleet", None, parameters={"auto_control": "on"}), NOW)
PAUSED = ("control-state", b'{"agent_id": "a", "state": "paused", "version": 3}', NOW)
UNSIGNED = "commands from here are unsigned: whoever can write to the topics can stop and start agents"


def test_nothing_is_said_of_an_agent_that_has_obeyed_and_would_be_paused() -> None:
    assert controlled(ON, PAUSED, answered=Answers(applied=True)) == []


@pytest.mark.parametrize(
    ("records", "answered", "key", "expected"),
    [
        ([ON], Answers(applied=True), False, ("warning", UNSIGNED)),
        ([], Answers(applied=True), True,
         ("note", "auto_control is off: at a limit people are told, nothing is paused")),
        ([("rules", rules("fleet", None, parameters={"auto_control": "dry_run"}), NOW)], Answers(applied=True), True,
         ("note", "auto_control is dry_run: what would be done is said, nothing is done")),
        ([ON], None, True, ("warning", "has not confirmed any command this week")),
        ([ON, PAUSED], None, True, ("warning", "was ordered to be paused and has not confirmed a command this week")),
        ([ON], Answers(applied=True, refused="no handler"), True,
         ("warning", "its newest answer to a command is a refusal: no handler")),
    ],
)  # fmt: skip
def test_what_speaks_against_its_stopping(
    records: list[tuple[str, bytes, float]], answered: Answers | None, key: bool, expected: tuple[str, str]
) -> None:
    assert controlled(*records, answered=answered, key=key) == [expected]


def test_where_nobody_is_commanded_unsigned_is_a_note() -> None:
    levels = {level for level, _ in controlled(key=False)}
    assert levels == {"note"}
