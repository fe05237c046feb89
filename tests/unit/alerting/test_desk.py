"""One channel's desk on a made-up clock: what is told, when, and in which company."""

import dataclasses

import pytest

from alert_desks import NOON, World, without_night
from fleawatch.alerting.clockface import Hours
from fleawatch.alerting.defaults import DEFAULTS
from fleawatch.alerting.flood import Limits
from fleawatch.alerting.records import SilenceRecord
from fleawatch.alerting.routes import Route, Step

HOUR = 3600.0


def told(world: World, index: int = 0) -> list[tuple[float, str, tuple[str, ...]]]:
    """Time since noon, kind, standings."""
    return [
        (round(at - NOON, 1), note.kind, tuple(item.standing for item in note.items))
        for at, note in world.notifiers[index].sent
    ]


def test_critical_is_told_at_once_and_its_end_in_the_same_message() -> None:
    world = World()
    world.notifier()
    one = world.fire()
    world.wait(60)
    world.resolve(one)
    world.wait(10)
    (_, first), (_, last) = world.notifiers[0].sent
    assert told(world) == [(0.0, "single", ("firing",)), (60.0, "single", ("resolved",))]
    assert (first.ref, last.ref, last.shared) == (None, "m1", False)
    assert last.items[0].lasted == 60.0


def test_warnings_of_an_agent_are_gathered_also_those_that_are_over_meanwhile() -> None:
    """The hole of others: what fires and resolves within the wait is never told."""
    world = World()
    world.notifier()
    first = world.fire(rule="clock_skew")
    world.fire(rule="error_rate")
    world.wait(10)
    world.resolve(first)
    world.wait(60)
    assert told(world) == [(30.0, "group", ("firing", "resolved"))]


def test_the_log_has_everything_at_once() -> None:
    world = World()
    world.notifier("log", limits=Limits(singles=float("inf")))
    world.silence(HOUR, agent="*")
    world.fire(rule="milestone")
    world.fire(rule="sharpe_low")
    world.fire(rule="clock_skew")
    world.wait(5)
    assert [one[1:] for one in told(world)] == [("single", ("firing",))] * 3


@pytest.mark.parametrize(
    ("channel", "rules"),
    [
        ("telegram", {"clock_skew", "drawdown_exceeded"}),
        ("slack", {"drawdown_exceeded"}),
        ("sms", {"drawdown_exceeded"}),
    ],
)
def test_tiers(channel: str, rules: set[str]) -> None:
    world = World()
    world.notifier(channel)
    for rule in ("milestone", "clock_skew", "drawdown_exceeded", "sharpe_low", "daily_summary"):
        world.fire(rule=rule)
    world.wait(100)
    assert {item.alert.rule for _, note in world.notifiers[0].sent for item in note.items} == rules


def test_a_restart_says_nothing_again() -> None:
    world = World()
    one = world.notifier()
    alerts = [world.fire(f"agent-{n}") for n in range(50)]
    world.wait(120)
    before = len(one.sent)
    assert {alert_id for alert_id, _ in one.news()} == {alert.alert_id for alert in alerts}
    one.start(world.now)
    for alert in alerts:
        world.publish(alert)
    world.wait(120)
    assert len(one.sent) == before
    one.committed = 0  # even where the group's offsets are lost
    one.start(world.now)
    world.wait(120)
    assert len(one.sent) == before


def test_a_worse_one_is_news() -> None:
    world = World()
    world.notifier()
    world.fire()
    world.wait(10)
    world.fire(threshold=25.0, labels={"action": "kill"})
    world.wait(10)
    world.notifiers[0].start(world.now)
    world.fire(threshold=25.0, labels={"action": "kill"})
    world.wait(10)
    assert told(world) == [(0.0, "single", ("firing",)), (10.0, "single", ("firing",))]


def test_flapping_is_one_firing_and_one_resolved_in_a_window() -> None:
    """Agents' own cooldown is none for agent_stopped: at 1 Hz every second is another alert."""
    world = World()
    world.notifier()
    ids = set()
    for n in range(300):
        one = world.fire(rule="agent_stopped", n=n)
        ids.add(one.alert_id)
        world.wait(1)
        world.resolve(one)
        world.wait(1)
    world.wait(400)
    notes = told(world)
    assert len(notes) <= 2 * 3
    assert {alert_id for alert_id, _ in world.notifiers[0].news()} == ids


def test_unacknowledged_is_repeated_every_hour_and_acknowledged_is_not() -> None:
    world = World()
    world.notifier(edits=True)
    one = world.fire()

    def hours(count: float) -> None:
        world.wait(count * HOUR)

    hours(2.5)
    assert [(at, note.reminder) for at, note in world.notifiers[0].sent] == [
        (NOON, 0), (NOON + HOUR, 1), (NOON + 2 * HOUR, 2)
    ]  # fmt: skip
    world.ack(one)
    hours(2)
    update = world.notifiers[0].sent[3][1]
    assert (update.update, update.standing, update.ref) == (True, "acknowledged", "m1")
    assert len(world.notifiers[0].sent) == 4
    world.notifiers[0].start(world.now)
    world.publish(one)
    world.wait(60)
    assert len(world.notifiers[0].sent) == 4
    world.ack(one, withdrawn=True)
    hours(1)
    assert [note.reminder > 0 for _, note in world.notifiers[0].sent[4:]] in ([False, True], [True])


def test_a_stopped_agent_explains_its_other_alerts_but_not_its_losses() -> None:
    world = World()
    world.notifier()
    stopped = world.fire(rule="agent_stopped")
    world.fire(rule="agent_unmonitored")
    world.fire(rule="clock_skew")
    world.fire(rule="drawdown_exceeded")
    world.wait(100)
    rules = [item.alert.rule for _, note in world.notifiers[0].sent for item in note.items]
    assert rules == ["drawdown_exceeded", "agent_stopped"]
    world.resolve(stopped)
    world.wait(100)
    after = [
        (item.alert.rule, item.standing) for _, note in world.notifiers[0].sent[2:] for item in note.items
    ]
    assert sorted(after) == [
        ("agent_stopped", "resolved"),
        ("agent_unmonitored", "firing"),
        ("clock_skew", "firing"),
    ]


def test_a_group_outage_is_one_message() -> None:
    """Forty agents, of which the larger alert names twenty; the registry knows the group of all."""
    world = World()
    names = [f"agent-{n}" for n in range(40)]
    world.notifier(agents={name: {"group": "trend"} for name in names})
    alerts = [world.fire(name, "agent_stopped") for name in names[:5]]
    world.wait(3)
    world.fire("_fleet", "fleet_silent", labels={"group": "trend", "agents": ",".join(names[:20])})
    alerts += [world.fire(name, "agent_stopped") for name in names[5:]]
    world.wait(600)
    assert [item.alert.rule for _, note in world.notifiers[0].sent for item in note.items] == ["fleet_silent"]


def test_silent_agents_that_nothing_explains_are_one_message_too() -> None:
    world = World()
    world.notifier()
    alerts = [world.fire(f"agent-{n}", "agent_stopped") for n in range(8)]
    world.wait(60)
    ((_, note),) = world.notifiers[0].sent
    assert set(note.ids) == {one.alert_id for one in alerts}


def test_silence_is_quiet_until_its_end_and_never_hides_the_end_of_what_was_told() -> None:
    world = World()
    world.notifier()
    before = world.fire("a")
    world.wait(10)
    world.silence(600, agent="a*")
    silenced = world.fire("ab")
    world.fire("ac", "outflow")  # happened, and has no end
    world.wait(30)
    world.resolve(before)
    world.wait(300)
    assert told(world)[1:] == [(40.0, "single", ("resolved",))]
    world.wait(400)
    assert [note.ids for _, note in world.notifiers[0].sent[2:]] == [(silenced.alert_id,)]


def test_maintenance_mutes_life_not_money_and_reports_who_is_not_back() -> None:
    world = World()
    world.notifier()
    world.silence(1800, maintenance=True, agent="*")
    world.wait(1)
    stopped = [world.fire(f"agent-{n}", "agent_stopped") for n in range(5)]
    money = world.fire("agent-1", "drawdown_exceeded")
    world.wait(600)
    for one in stopped[:2]:
        world.resolve(one)
    world.wait(1000)
    assert [note.ids for _, note in world.notifiers[0].sent] == [(money.alert_id,)]
    world.wait(300)
    ((_, _), (_, report)) = world.notifiers[0].sent
    assert set(report.ids) == {one.alert_id for one in stopped[2:]}
    assert report.title.startswith("Maintenance by ann is over")


def test_maintenance_that_is_ended_early_reports_too() -> None:
    world = World()
    world.notifier()
    world.silence(1800, maintenance=True, agent="*")
    world.wait(1)
    stopped = [world.fire(f"agent-{n}", "agent_stopped") for n in range(3)]
    world.wait(600)
    world.topics.notifications.append(
        SilenceRecord("s0", {"agent": "*"}, "ann", NOON, world.now, None, True, "ann")
    )
    world.wait(100)
    ((_, report),) = world.notifiers[0].sent
    assert set(report.ids) == {one.alert_id for one in stopped}
    assert report.title.startswith("Maintenance by ann is over")


def test_a_weekend_is_two_days_and_ends_with_its_night() -> None:
    """Breaks when the end of Saturday's hours is taken for the end of the weekend, or of the night."""
    world = World(now=NOON + 4 * 24 * HOUR)  # Saturday
    weekend = Hours(0, 0, frozenset({5, 6}))
    route = Route("w", ("telegram",), {"severity": ("WARN",)}, mute=(weekend,))
    world.notifier(routes=dataclasses.replace(DEFAULTS, routes=(route, *DEFAULTS.routes)))
    one = world.fire("a", "clock_skew")
    world.wait(60 * HOUR)
    ((at, note),) = world.notifiers[0].sent
    assert note.ids == (one.alert_id,)
    assert at == NOON + 4 * 24 * HOUR + 43 * HOUR  # Monday 07:00


def test_the_log_says_why_only_where_there_is_a_reason() -> None:
    world = World()
    world.notifier("log", limits=Limits(singles=float("inf")))
    world.fire()
    world.wait(5)
    ((_, note),) = world.notifiers[0].sent
    assert note.why == ""


def test_at_night_only_what_loses_money_or_blinds_us() -> None:
    world = World(now=NOON + 11 * HOUR)
    world.notifier()
    warnings = [world.fire(f"agent-{n}", "clock_skew") for n in range(30)]
    world.wait(HOUR)
    world.resolve(warnings[0])
    loss = world.fire("agent-9", "drawdown_exceeded")
    world.wait(0.5 * HOUR)
    world.ack(loss)
    world.wait(0.5 * HOUR)
    world.notifiers[0].start(world.now)  # what waits survives a restart
    world.wait(6.5 * HOUR)
    (first_at, first), (at, report) = world.notifiers[0].sent
    assert (first.ids, first_at) == ((loss.alert_id,), NOON + 12 * HOUR)
    assert (report.kind, at, report.title) == ("digest", NOON + 19 * HOUR, "While you slept")
    assert set(report.ids) == {one.alert_id for one in warnings}
    assert report.counts["WARN", "resolved"] == 1


def test_no_news_of_an_open_alert_is_a_state_of_its_own() -> None:
    world = World(monitored=False)
    world.notifier()
    alerts = [world.fire(f"agent-{n}") for n in range(3)]
    world.fire("agent-1", "outflow")
    world.wait(20 * 60)
    (_, unknown) = world.notifiers[0].sent[-1]
    assert set(unknown.ids) == {one.alert_id for one in alerts}
    assert unknown.standing == "no_data"
    world.publish(alerts[0])
    world.resolve(alerts[1])
    world.wait(60)
    told = set(world.notifiers[0].news()[7:])
    assert {(alerts[0].alert_id, "firing"), (alerts[1].alert_id, "resolved")} <= told


def test_a_notifier_that_is_behind_knows_nothing_of_silence() -> None:
    world = World(monitored=False)
    notifier = world.notifier()
    world.fire()
    world.wait(10)
    notifier.desk.at_end(float("inf"))
    world.wait(40 * 60)
    assert len(notifier.sent) == 1
    notifier.desk.at_end(world.now)
    world.wait(14 * 60)
    assert len(notifier.sent) == 1


def only(receivers: tuple[str, ...], **more: object) -> Route:
    return Route("mine", receivers, {"severity": ("CRITICAL",)}, group_wait=0.0, group_interval=0.0, **more)  # type: ignore[arg-type] # fields by name


def test_another_channel_takes_over_within_a_minute_and_the_backlog_is_a_digest() -> None:
    world = World()
    routes = dataclasses.replace(DEFAULTS, routes=(only(("telegram",)), *DEFAULTS.routes))
    telegram = world.notifier("telegram", routes=routes, works=False)
    slack = world.notifier("slack", routes=routes)
    alerts = []
    for n in range(20):
        alerts.append(world.fire(f"agent-{n}"))
        world.wait(30)
    world.wait(60)
    heard = {one.alert_id: at for at, one in world.topics.alerts}
    for at, note in slack.sent:
        assert all(at - heard[one] <= 60 for one in note.ids)
        assert note.why == "telegram has not delivered it"
    assert {alert_id for alert_id, _ in slack.news()} == {one.alert_id for one in alerts}
    telegram.works = True
    world.wait(60)
    ((_, digest),) = telegram.sent
    assert digest.kind == "digest"
    assert set(digest.ids) == set(heard)
    for one in alerts:
        world.resolve(one)
    world.wait(120)
    for channel in (telegram, slack):
        assert {one for one, standing in channel.news() if standing == "resolved"} == set(heard)


def test_what_a_receiver_refuses_goes_to_the_other_at_once() -> None:
    world = World()
    routes = dataclasses.replace(DEFAULTS, routes=(only(("telegram",)), *DEFAULTS.routes))
    telegram = world.notifier("telegram", routes=routes)
    slack = world.notifier("slack", routes=routes)
    one = world.fire()
    telegram.read()
    letter = telegram.desk.next(world.now)
    assert letter is not None
    world.topics.notifications += telegram.desk.refused(letter, world.now, "403 blocked", 1)
    world.wait(5)
    assert [note.ids for _, note in slack.sent] == [(one.alert_id,)]
    assert not telegram.sent
    world.wait(300)
    world.publish(one)  # another chance
    world.wait(5)
    assert len(telegram.sent) == 1


def test_escalation_goes_on_until_somebody_acknowledges() -> None:
    world = World()
    routes = dataclasses.replace(DEFAULTS, routes=(only(("telegram",)), *DEFAULTS.routes))
    world.notifier("telegram", routes=routes)
    slack, sms = world.notifier("slack", routes=routes), world.notifier("sms", routes=routes)
    one = world.fire()
    world.wait(400)
    world.ack(one)
    world.wait(600)
    assert [round(at - NOON) for at, _ in slack.sent] == [300]
    assert slack.sent[0][1].why == "nobody has acknowledged it elsewhere"
    assert not sms.sent


def test_an_explicit_escalation_replaces_the_default() -> None:
    world = World()
    route = only(("telegram",), escalation=(Step(60.0, ("sms",)),))
    routes = dataclasses.replace(DEFAULTS, routes=(route, *DEFAULTS.routes))
    for channel in ("telegram", "slack", "sms"):
        world.notifier(channel, routes=routes)
    world.fire()
    world.wait(1000)
    assert [[round(at - NOON) for at, _ in one.sent] for one in world.notifiers] == [[0], [], [60]]


def test_a_flood_is_digests_in_which_no_id_is_missing() -> None:
    world = World()
    telegram = world.notifier(routes=without_night())
    ids = set()
    for second in range(120):
        ids |= {world.fire(f"agent-{second}-{n}").alert_id for n in range(50)}
        world.wait(1)
    world.wait(30)
    assert {one for one, _ in telegram.news()} == ids
    assert len(telegram.news()) == len(ids)
    alone = [at for at, note in telegram.sent if note.kind != "digest"]
    assert max((sum(at <= other < at + 60 for other in alone) for at in alone), default=0) <= 10
    heard = {one.alert_id: at for at, one in world.topics.alerts}
    lags = sorted(at - heard[one] for at, note in telegram.sent for one in note.ids)
    assert lags[int(0.95 * len(lags))] <= 10


def test_a_digest_waits_for_its_hour_where_a_route_asks() -> None:
    world = World()
    route = Route("summaries", ("telegram",), {"rule": ("daily_summary", "sharpe_low")}, digest=True)
    world.notifier(routes=dataclasses.replace(DEFAULTS, routes=(route, *DEFAULTS.routes)))
    for n in range(3):
        world.fire(f"agent-{n}", "daily_summary")
        world.fire(f"agent-{n}", "sharpe_low")
    world.wait(20 * HOUR)
    ((at, note),) = world.notifiers[0].sent
    assert (at, note.title, len(note.ids)) == (NOON + 19 * HOUR, "Daily digest", 6)
