"""Commands and control states in any order, some of them twice: what holds is the highest version, and kills latch."""

from hypothesis import given
from hypothesis import strategies as st

from control_histories import STEPS, history
from fleawatch.control.latch import Latch
from fleawatch_schemas.wire_control import Action, Command, ControlState


def _held(records: list[ControlState | Command]) -> Latch:
    latch = Latch()
    for record in records:
        latch = latch.with_state(record) if isinstance(record, ControlState) else latch.with_command(record)
    return latch


@given(steps=STEPS, data=st.data())
def test_any_shuffle_with_repeats_ends_in_what_was_wanted_last(
    steps: list[tuple[Action, bool]], data: st.DataObject
) -> None:
    written, wanted = history(steps)
    again = data.draw(st.lists(st.sampled_from(written), max_size=10)) if written else []
    shuffled = data.draw(st.permutations(written + again))
    assert _held(shuffled) == _held(written)
    assert _held(shuffled).held == wanted


@given(steps=STEPS, data=st.data())
def test_the_last_record_alone_says_the_same_whatever_of_the_others_was_missed(
    steps: list[tuple[Action, bool]], data: st.DataObject
) -> None:
    """A compacted topic keeps no more."""
    written, wanted = history(steps)
    if not written:
        return
    seen = data.draw(st.lists(st.sampled_from(written)))
    last = max((one for one in written if isinstance(one, ControlState)), key=lambda one: one.version)
    assert _held([*seen, last]).held == wanted


@given(
    records=st.lists(
        st.builds(
            ControlState,
            agent_id=st.just("a"),
            state=st.sampled_from(["running", "paused", "killed"]),
            version=st.integers(0, 5),
            reason=st.just(""),
            ts=st.just(1.0),
            by=st.sampled_from([None, "ann"]),
        )
    ),
    data=st.data(),
)
def test_also_among_writers_who_know_nothing_of_each_other_the_order_is_nothing(
    records: list[ControlState], data: st.DataObject
) -> None:
    latch = _held(list(records))
    assert _held(data.draw(st.permutations(records))) == latch
    killed = max((one.version for one in records if one.state == "killed"), default=-1)
    resumed = max((one.version for one in records if one.state == "running" and one.by), default=-1)
    assert (latch.held == "killed") == (killed > resumed or latch.state == "killed")
