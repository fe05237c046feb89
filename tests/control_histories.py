"""What a monitor and a person, who both know all that was before, may have written about one agent."""

from hypothesis import strategies as st

from fleawatch.control.records import Latched, command, control_state
from fleawatch_schemas.wire_control import Action, Command, ControlState, State

ACTIONS: dict[Action, State] = {"pause": "paused", "resume": "running", "kill": "killed"}
STEPS = st.lists(st.tuples(st.sampled_from(sorted(ACTIONS)), st.booleans()), max_size=12)


def history(steps: list[tuple[Action, bool]]) -> tuple[list[ControlState | Command], State]:
    """The records, and what is wanted last."""
    written: list[ControlState | Command] = []
    last: ControlState | None = None
    for action, by_a_person in steps:
        by = "ann" if by_a_person else None
        try:
            last = control_state("a", ACTIONS[action], reason="", now=1.0, previous=last, by=by)
        except Latched:
            assert last is not None
            assert last.state == "killed"
            continue
        written += [last, command("a", action, reason="", now=1.0, version=last.version, by=by)]
    return written, "running" if last is None else last.state
