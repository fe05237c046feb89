"""Files of routes: what is read from them, how mistakes are told, and where `fleawatch routes test` says that an alert goes."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from fleawatch.alerting.clockface import Hours
from fleawatch.alerting.defaults import DEFAULTS, TIERS
from fleawatch.alerting.routes import Route, Step
from fleawatch.alerting.stages import STAGES
from fleawatch.cli import fleawatch
from fleawatch.errors import ConfigError
from fleawatch.operator.routes_file import read_routes, routes_of
from fleawatch.settings import Settings

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "routes.yaml"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def written(text: str) -> Path:
        path = tmp_path / "routes.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return written


Write = Callable[[str], Path]


def refused(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read_routes(path)
    return [
        line.strip().removeprefix(f"{path}:") for line in str(error.value).splitlines() if str(path) in line
    ]


def run(*words: str, **env: str) -> Result:
    return CliRunner(env={f"FLEAWATCH_{name.upper()}": value for name, value in env.items()}).invoke(
        fleawatch, ["routes", *words]
    )


def asked(path: Path | None, *alert: str, at: str = "12:00", **env: str) -> dict[str, list[tuple[str, ...]]]:
    """Channel → (at, what, stage, why)."""
    words = [word for pair in alert for word in ("--alert", pair)]
    file = () if path is None else ("--file", str(path))
    result = run("test", *file, *words, "--at", at, "--format", "json", **env)
    assert result.exit_code == 0, result.exception
    rows: dict[str, list[tuple[str, ...]]] = {}
    for row in json.loads(result.output):
        rows.setdefault(row["channel"], []).append((row["at"], row["what"], row["stage"], row["why"]))
    return rows


# what a file says


def test_a_file_stands_before_the_defaults_and_has_every_field(write: Write) -> None:
    path = write("""\
time_zone: Europe/Berlin
night: {from: "23:00", to: "06:30"}
digest_at: "08:15"
failover: [sms]
waits: {dedup: 1m, escalate: 90, failover: 20s}
hours:
  lunch: {from: "12:00", to: "13:00", days: [mon, fri]}
routes:
  - name: all of it
    match: {severity: [WARN, CRIT*], group: trend, rule: clock_skew}
    receivers: [slack, telegram]
    group_by: [group]
    group_wait: 1.5m
    group_interval: 1h
    repeat_interval: never
    escalation: [{after: 2m, to: [sms]}]
    mute: [lunch]
    night: false
    digest: true
    continue: true
  - name: bare
    receivers: []
""")
    found = read_routes(path)
    lunch = Hours(12 * 60, 13 * 60, frozenset({0, 4}))
    match = {"severity": ("WARN", "CRIT*"), "group": ("trend",), "rule": ("clock_skew",)}
    assert found.routes[0] == Route(
        "all of it", ("slack", "telegram"), match, ("group",), 90.0, 3600.0, None, (Step(120.0, ("sms",)),),
        (lunch,), night=False, digest=True, goes_on=True,
    )  # fmt: skip
    assert found.routes[1] == Route("bare", (), {}, ("agent", "rule"), 0.0, 0.0, 3600.0)
    assert found.routes[2:] == DEFAULTS.routes
    assert (found.failover, found.night, found.digest_at) == (("sms",), Hours(23 * 60, 6 * 60 + 30), 495)
    assert found.zone == ZoneInfo("Europe/Berlin")
    assert (found.waits.dedup, found.waits.escalate, found.waits.failover, found.waits.no_data) == (
        60,
        90,
        20,
        900,
    )


def test_an_empty_file_changes_nothing(write: Write) -> None:
    assert read_routes(write("")) == DEFAULTS


def test_there_may_be_no_night(write: Write) -> None:
    path = write("night: false")
    assert read_routes(path).night is None
    assert [what for _, what, _, _ in asked(path, "rule=clock_skew", at="23:30")["telegram"]] == [
        "waits",
        "told",
    ]
    assert asked(path, "rule=clock_skew", at="23:30")["telegram"][0][2] == "gathered"


def test_each_mistake_is_told_with_its_line(write: Write) -> None:
    path = write("""\
time_zone: Europe/Berln
night: {from: "22:00"}
digest_at: 7:00
failover: [telegramm]
waits: {dedup: 10 minutes, dedupe: 5m}
hours:
  weekend: {from: "00:00", to: "24:30", days: [saturday]}
routes:
  - name: one
    match: {severity: [HIGH], rule: agent_stoped, agent: 7}
    receivers: [sms, log]
    group_wait: -1
    mute: [week-end]
    night: "no"
    escalation: [{after: 5m}]
route: []
""")
    assert refused(path) == [
        "1: time_zone: got 'Europe/Berln', expected a time zone like Europe/Berlin",
        "2: night: got {'from': '22:00'}, expected hours like {from: \"22:00\", to: \"07:00\", days: [sat, sun]}",
        '3: digest_at: got 420, expected a time of day in quotes, like "07:00"',
        "4: failover: got 'telegramm', expected a receiver; did you mean telegram?",
        "5: waits.dedupe: expected one of the waits; did you mean dedup?",
        "5: waits.dedup: got '10 minutes', expected a time like 30s, 5m, 1h or 2d, at most a week",
        "7: hours.weekend.days: got 'saturday', expected one of mon, tue, wed, thu, fri, sat, sun",
        "7: hours.weekend.to: got '24:30', expected a time of day in quotes, like \"07:00\"",
        "10: routes.0.match.severity: got 'HIGH', expected a severity or a pattern of one; there are INFO, WARN, CRITICAL",
        "10: routes.0.match.rule: got 'agent_stoped', expected a rule or a pattern of one; did you mean agent_stopped?",
        "10: routes.0.match.agent: got [7], expected a list of names",
        "11: routes.0.receivers: got 'log', expected a receiver; there are telegram, slack, sms, apprise",
        "12: routes.0.group_wait: got -1, expected a time like 30s, 5m, 1h or 2d, at most a week",
        "13: routes.0.mute: got 'week-end', expected one of the section hours; did you mean weekend?",
        "14: routes.0.night: got 'no', expected true or false",
        "15: routes.0.escalation.0: got {'after': '5m'}, expected after and to, like {after: 5m, to: [sms]}",
        "16: route: expected a section; did you mean routes?",
    ]  # fmt: skip


def test_mistakes_of_whole_routes(write: Write) -> None:
    path = write("""\
routes:
  - receiver: [sms]
  - name: one
    receivers: sms
  - critical
  - {name: critical, receivers: []}
  - {name: one, receivers: []}
""")
    assert refused(path) == [
        "2: routes.0.receiver: expected a field of a route; did you mean receivers?",
        "2: routes.0.name: expected a name, which logs and `fleawatch routes test` show",
        "2: routes.0.receivers: expected a list of telegram, slack, sms, apprise; [] for nobody",
        "4: routes.1.receivers: got 'sms', expected a list of names",
        "5: routes.2: got 'critical', expected a route: name, match, receivers, …",
        "6: routes.3.name: got 'critical', expected a name that no other route has",
        "7: routes.4.name: got 'one', expected a name that no other route has",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("routes: {}", ["1: routes: got {}, expected a list of routes"]),
        ("routes: [", ["1: no YAML: expected the node content, but found '<stream end>'"]),
        ("hours: [5]", ["hours: got [5], expected a mapping"]),
        ("night: {}\nnight: {}", ["2: night occurs twice, first on line 1"]),
        ("night: {from: 22:00, to: 7:00}", ["1: night.from: got 1320", "1: night.to: got 420"]),
        ("waits: {dedup: 8d}", ["1: waits.dedup: got '8d'"]),
        ("waits: {dedup: true}", ["1: waits.dedup: got True"]),
        ("waits: {dedup: .nan}", ["1: waits.dedup: got nan"]),
        ('routes: [{name: "", receivers: [sms]}]', ["1: routes.0.name: got ''"]),
    ],
)
def test_what_is_no_file_of_routes(write: Write, text: str, told: list[str]) -> None:
    found = refused(write(text))
    assert len(found) == len(told)
    assert all(part in line for part, line in zip(told, found, strict=True))


def test_settings_that_are_wrong_are_named(write: Write, tmp_path: Path) -> None:
    for result, words in (
        (
            run("test", time_zone="Mars/Olympus"),
            "setting FLEAWATCH_TIME_ZONE: 'Mars/Olympus' is no time zone",
        ),
        (
            run("test", routes=str(tmp_path / "none.yaml")),
            "none.yaml cannot be read: No such file or directory",
        ),
        (run("test", routes=str(write("nigth: 1"))), ":1: nigth: expected a section; did you mean night?"),
        (run("check", str(tmp_path)), "cannot be read: Is a directory"),
    ):
        assert isinstance(result.exception, ConfigError)
        assert words in str(result.exception)


def test_a_files_time_zone_stands_before_the_settings(write: Write) -> None:
    path = write("routes: []")
    own = write("time_zone: Asia/Tokyo")
    assert routes_of(Settings.load(time_zone="Europe/Berlin")).zone == ZoneInfo("Europe/Berlin")
    assert routes_of(Settings.load(time_zone="Europe/Berlin", routes=own)).zone == ZoneInfo("Asia/Tokyo")
    path.write_text("routes: []", encoding="utf-8")
    assert routes_of(Settings.load(time_zone="Europe/Berlin", routes=path)).zone == ZoneInfo("Europe/Berlin")


# what is hardly meant


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("routes: [{name: r, receivers: [sms]}]", []),
        (
            "failover: [sms]\nroutes: [{name: r, match: {severity: ['CRIT*']}, receivers: [sms]}]",
            ["r: what is critical goes to sms alone, and nobody stands in for it"],
        ),
        ("failover: []\nroutes: [{name: r, match: {severity: [WARN]}, receivers: [sms]}]", []),
        ("failover: []\nroutes: [{name: r, match: {rule: [clock_skew]}, receivers: [sms]}]", []),
        ("routes: [{name: r, receivers: []}]", ["r: what is critical goes to nobody"]),
        ("routes: [{name: r, receivers: [], continue: true}]", []),
        ("routes: [{name: r, receivers: [sms], digest: true}]", ["r: what is critical waits for the digest, too"]),
        (
            "hours: {h: {from: '01:00', to: '02:00'}}\nroutes: [{name: r, match: {rule: 'ret*'}, receivers: [sms], mute: [h]}]",
            ["r: what is critical waits for the end of the mute hours, too"],
        ),
        (
            "hours: {h: {from: '00:00', to: '24:00'}}\nroutes: [{name: r, match: {severity: [W*]}, receivers: [sms], mute: [h]}]",
            ["r is quiet at all hours of all days: nothing of it is ever told"],
        ),
        (
            "routes: [{name: a, receivers: [sms]}, {name: b, receivers: [slack]}, {name: c, receivers: []}]",
            ["a takes every alert, so these are never asked: b, c"],
        ),
    ],
)  # fmt: skip
def test_check_says_what_is_hardly_meant(write: Write, text: str, told: list[str]) -> None:
    first, *rest = run("check", str(write(text))).output.splitlines()
    assert "good" in first
    assert [line.removeprefix("  ! ") for line in rest] == told


def test_check_needs_no_kafka_and_ends_with_an_error_for_a_bad_file(write: Write) -> None:
    good = run("check", str(EXAMPLE), bootstrap_servers="127.0.0.1:1")
    assert good.output == f"{EXAMPLE}: good; 4 routes before the default ones\n"
    assert isinstance(run("check", str(write("routes: [{}]"))).exception, ConfigError)


# where an alert goes


def test_by_default_everybody_is_told_what_is_critical_and_at_night_too() -> None:
    rows = asked(None, "rule=drawdown_exceeded", at="sat 03:00")
    assert list(rows) == list(TIERS)
    assert rows["log"] == [("Sat 03:00:00", "told", "concerned", "the log has everything")]
    for channel in ("telegram", "slack", "sms", "apprise"):
        assert rows[channel] == [
            ("Sat 03:00:00", "told", "told", "it is told now, and every 1h until somebody acknowledges it")
        ]


@pytest.mark.parametrize(
    ("at", "stops"),
    [
        ("fri 21:59", ["Fri 21:59:00 waits gathered", "Fri 21:59:30 told told"]),
        ("fri 22:00", ["Fri 22:00:00 waits hours", "Sat 07:00:00 told told"]),
        ("sat 03:00", ["Sat 03:00:00 waits hours", "Sat 07:00:00 told told"]),
        ("sat 07:00", ["Sat 07:00:00 waits gathered", "Sat 07:00:30 told told"]),
    ],
)
def test_what_can_wait_waits_for_the_morning(at: str, stops: list[str]) -> None:
    rows = asked(None, "rule=clock_skew", at=at)
    assert [" ".join(row[:3]) for row in rows["telegram"]] == stops
    assert rows["slack"][0][1:] == ("never", "concerned", "the route warnings does not name slack")
    assert asked(None, "rule=clock_skew", "severity=CRITICAL", at=at)["telegram"][0][1] == "told"


def test_night_is_that_of_the_time_zone() -> None:
    for zone, stage in (("UTC", "gathered"), ("Asia/Tokyo", "hours"), ("America/New_York", "gathered")):
        noon = datetime(2026, 11, 17, 15, 0, tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone))
        rows = asked(None, "rule=clock_skew", at=f"{noon:%a %H:%M}", time_zone=zone)
        assert rows["telegram"][0][2] == stage


def test_the_night_that_is_an_hour_longer_ends_at_seven_all_the_same() -> None:
    """Clocks go back in Berlin on 25 October 2026 at 03:00: breaks if an end is counted in hours from the beginning."""
    zone = ZoneInfo("Europe/Berlin")
    now = datetime(2026, 10, 24, 23, 30, tzinfo=zone).timestamp()
    end = Hours(22 * 60, 7 * 60).ends(now, zone)
    assert end == datetime(2026, 10, 25, 7, 0, tzinfo=zone).timestamp()
    assert end - now == 8.5 * 3600


def test_a_silent_agent_waits_for_a_larger_cause() -> None:
    rows = asked(None, "rule=agent_stopped", at="sat 12:00")["telegram"]
    assert next(row[:4] for row in rows) == (
        "Sat 12:00:00",
        "waits",
        "settling",
        "a larger cause may explain it",
    )
    assert rows[1][:2] == ("Sat 12:00:06", "told")


def test_ratios_of_a_month_are_for_the_daily_digest_and_news_for_the_log_unless_a_route_asks_for_them() -> (
    None
):
    for rule in ("daily_summary", "milestone"):
        told = {channel for channel, rows in asked(None, f"rule={rule}").items() if rows[-1][1] == "told"}
        assert told == {"log"}
    for rule in ("sharpe_low", "win_rate_low"):
        rows = asked(None, f"rule={rule}", at="sat 12:00")
        assert {channel for channel in rows if rows[channel][-1][1] == "told"} == {
            "log",
            "telegram",
            "apprise",
        }
        assert [row[:3] for row in rows["telegram"]] == [
            ("Sat 12:00:00", "waits", "hours"), ("Sun 07:00:00", "told", "told")
        ]  # fmt: skip
    rows = asked(EXAMPLE, "rule=daily_summary", at="sun 02:05")
    assert [row[:3] for row in rows["telegram"]] == [
        ("Sun 02:05:00", "waits", "hours"), ("Sun 07:00:00", "told", "told")
    ]  # fmt: skip
    assert rows["telegram"][0][3] == "it is for the daily digest at 07:00 on Sunday"


def test_others_stand_in_and_are_called_after_a_while() -> None:
    """The default chain: 45 s apart where nothing was delivered, 5 minutes apart where nobody acknowledged."""
    told = asked(EXAMPLE, "rule=drawdown_exceeded", "group=mm-1", at="12:00")
    assert [row[1] for row in told["slack"]] == ["waits", "told"]
    assert told["slack"][1][3] == "it is told now, and every 30m until somebody acknowledges it"
    assert told["telegram"] == [
        ("after 45s", "stands in", "turn", "if slack has not delivered it by then"),
        ("after 2m", "told", "turn", "if nobody has acknowledged it by then"),
    ]
    assert told["sms"] == [
        ("after 1m 30s", "stands in", "turn", "if slack has not delivered it by then"),
        ("after 10m", "told", "turn", "if nobody has acknowledged it by then"),
    ]
    assert told["apprise"][0][1:] == ("never", "concerned", "the route market-making does not name apprise")


def test_without_an_escalation_of_its_own_a_route_has_the_default_one(write: Write) -> None:
    path = write("failover: [telegram, slack, sms]\nroutes: [{name: r, receivers: [slack, apprise]}]")
    rows = asked(path, "rule=outflow")
    assert [row[0] for row in rows["telegram"]] == ["after 45s", "after 5m"]
    assert [row[0] for row in rows["sms"]] == ["after 1m 30s", "after 10m"]
    assert rows["telegram"][0][3] == "if slack and apprise have not delivered it by then"
    assert rows["slack"][0][3] == "it is told now"  # it happened: there is nothing to repeat


def test_a_quiet_route_waits_for_the_end_of_its_hours(write: Write) -> None:
    path = write(
        "hours: {lunch: {from: '12:00', to: '13:00', days: [mon]}}\n"
        "routes: [{name: r, match: {severity: [WARN]}, receivers: [slack], mute: [lunch]}]"
    )
    rows = asked(path, "rule=clock_skew", at="mon 12:30")
    assert rows["slack"] == [
        ("Mon 12:30:00", "waits", "hours", "the route r is quiet until 13:00 on Monday"),
        ("Mon 13:00:00", "told", "told", "it is told now"),
    ]
    assert asked(path, "rule=clock_skew", at="tue 12:30")["slack"][0][1] == "told"


def test_continue_asks_the_next_route_too() -> None:
    rows = asked(EXAMPLE, "rule=api_latency", "venue=kraken", at="12:00")
    assert {channel for channel, found in rows.items() if found[-1][1] == "told"} == {
        "log", "slack", "telegram", "apprise"
    }  # fmt: skip
    assert [row[0][4:] for row in rows["slack"]] == ["12:00:00", "12:01:00"]
    assert [row[0][4:] for row in rows["telegram"]] == ["12:00:00", "12:00:30"]


def test_the_stages_it_names_are_those_of_the_desk() -> None:
    """docs/routes.md lists them: breaks when one is added and not explained."""
    text = (ROOT / "docs" / "routes.md").read_text(encoding="utf-8")
    for stage in STAGES:
        assert f"`{stage.__name__.removeprefix('_')}`" in text


def test_the_table_is_for_people() -> None:
    result = run("test", "--alert", "rule=agent_stopped", "--alert", "agent=a-1", time_zone="Europe/Berlin")
    head, blank, columns, *rows = result.output.splitlines()
    assert head == "CRITICAL agent_stopped of a-1; times are of Europe/Berlin"
    assert blank == ""
    assert columns.split() == ["channel", "at", "what", "stage", "route", "why"]
    assert len(rows) == 9


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (["--alert", "rule"], "--alert 'rule' is not NAME=VALUE", "for example"),
        (["--alert", "=x"], "--alert '=x' is not NAME=VALUE", "for example"),
        (["--alert", "rule=agent_stop"], "there is no rule 'agent_stop'", "did you mean agent_stopped?"),
        (["--alert", "severity=HIGH"], "there is no severity 'HIGH'", "one of INFO, WARN, CRITICAL"),
        (["--at", "25:00"], "--at '25:00' is no time of day", "for example --at 23:30"),
        (["--at", "funday 12:00"], "--at 'funday 12:00' is no time of day", "sat 23:30"),
    ],
)
def test_what_is_asked_wrongly_is_said(words: list[str], error: str, hint: str) -> None:
    result = run("test", *words)
    assert isinstance(result.exception, ConfigError)
    assert error in str(result.exception)
    assert hint in str(result.exception.hint)
