"""Whatever fires, ends, is silenced or dies in whatever order: nobody misses anything, and nothing is said twice but by a death.

The clock is made up, the log and the topic are lists; a death is one between a message and its record, the worst moment.
"""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from alert_desks import Notifier, World, without_night
from fleawatch.alerting.letters import Letter
from fleawatch_schemas.wire import Alert

RULES = ("drawdown_exceeded", "clock_skew", "wiped_out", "error_rate")
REST_SECS = 3 * 3600.0


@dataclass
class Mortal(Notifier):
    """`dies` at its next delivery: people have it, the log does not."""

    dies: bool = False
    deaths: list[float] = field(default_factory=list)

    def deliver(self, letter: Letter, now: float) -> None:
        if not self.dies:
            super().deliver(letter, now)
            return
        self.dies = False
        self.deaths.append(now)
        self.sent.append((now, letter.note))
        self.start(now)
        self.read()


agents = st.sampled_from(["a", "b", "c"])
steps = st.one_of(
    st.tuples(st.just("fire"), agents, st.sampled_from(RULES)),
    st.tuples(st.just("many"), st.integers(8, 40), st.sampled_from(RULES)),
    st.tuples(st.just("over"), st.integers(0, 30)),
    st.tuples(st.just("worse"), st.integers(0, 30)),
    st.tuples(st.just("ack"), st.integers(0, 30)),
    st.tuples(st.just("silence"), agents, st.floats(1, 3_000)),
    st.tuples(st.just("wait"), st.floats(0.1, 900)),
    st.just(("die",)),
    st.just(("restart",)),
    st.just(("forget",)),
)


def play(script: list[tuple[object, ...]]) -> tuple[World, Mortal, list[Alert], set[str]]:
    """The world after `script` and three hours more; every alert in it; the ids of those that are over."""
    world = World()
    notifier = Mortal(world.topics, routes=without_night(), edits=True)
    world.notifiers.append(notifier)
    fired: list[Alert] = []
    over: set[str] = set()
    for step in script:
        match step:
            case ("fire", str(agent), str(rule)):
                fired.append(world.fire(agent, rule, len(fired)))
            case ("many", int(count), str(rule)):
                for _ in range(count):
                    fired.append(world.fire(f"agent-{len(fired)}", rule, len(fired)))
            case ("over" | "worse" | "ack" as what, int(index)) if fired:
                one = fired[index % len(fired)]
                if what == "over" and one.alert_id not in over:
                    over.add(one.alert_id)
                    world.resolve(one)
                elif what == "worse" and one.alert_id not in over and one.rule == "drawdown_exceeded":
                    world.fire(one.agent_id, one.rule, fired.index(one), threshold=25.0)
                elif what == "ack":
                    world.ack(one)
            case ("silence", str(agent), float(secs)):
                world.silence(secs, agent=agent)
            case ("wait", float(secs)):
                world.wait(secs)
            case ("die",):
                notifier.dies = True
            case ("restart",):
                notifier.start(world.now)
            case ("forget",):  # the group's offsets are lost
                notifier.committed = 0
                notifier.start(world.now)
            case _:
                pass
    world.wait(REST_SECS)
    notifier.work(world.now, world.now + 10)
    return world, notifier, fired, over


@settings(max_examples=80, deadline=None)
@given(st.lists(steps, max_size=25))
def test_everybody_knows_how_everything_stands(script: list[tuple[object, ...]]) -> None:
    """What fires was told, unless a silence covered it to its end; and whoever was told is told that it is over."""
    world, notifier, fired, over = play(script)
    last: dict[str, str] = dict(notifier.news())
    silenced = {step[1] for step in script if step[0] == "silence"}
    for one in fired:
        standing = last.get(one.alert_id)
        if one.alert_id in over:
            assert standing == "resolved" or (standing is None and one.agent_id in silenced), one
        else:
            assert standing == "firing", one
    assert notifier.committed == len(world.topics.alerts)


@settings(max_examples=80, deadline=None)
@given(st.lists(steps, max_size=25))
def test_nothing_is_said_twice_but_by_a_death(script: list[tuple[object, ...]]) -> None:
    _, notifier, _, _ = play(script)
    said = Counter(
        (item.alert.alert_id, item.standing.replace("acknowledged", "firing"), item.alert.threshold)
        for _, note in notifier.sent
        if not note.reminder and not note.update and not note.lines
        for item in note.items
    )
    lined = Counter(
        (line.alert_id, line.standing.replace("acknowledged", "firing"))
        for _, note in notifier.sent
        if not note.reminder
        for line in note.lines
    )
    assert max(said.values(), default=0) <= 1 + len(notifier.deaths)
    assert max(lined.values(), default=0) <= 1 + len(notifier.deaths)
    repeats = sum(count - 1 for count in said.values())
    assert not repeats or notifier.deaths


@settings(max_examples=80, deadline=None)
@given(st.lists(steps, max_size=25))
def test_the_limits_of_a_chat_hold(script: list[tuple[object, ...]]) -> None:
    _, notifier, _, _ = play(script)
    alone = [at for at, note in notifier.sent if note.kind != "digest"]
    for at in alone:
        assert sum(at <= other < at + 60 for other in alone) <= 10 + len(notifier.deaths)
