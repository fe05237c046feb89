"""What holds for an agent when control states and commands arrive in any order, some twice, some never. Pure.

The highest version holds; of two with the same version the stricter. A kill holds besides, whatever the versions above
it say, until a person's resume of a higher version. Both parts only ever grow, so the order of arrival cannot matter.
"""

from typing import Final, NamedTuple

from fleawatch_schemas.wire_control import Command, ControlState, State

STATE_OF: Final[dict[str, State]] = {"pause": "paused", "resume": "running", "kill": "killed"}
"""The control state that an action leads to; a flatten leads to none."""
STRICTNESS: Final[dict[State, int]] = {"running": 0, "paused": 1, "killed": 2}


class Latch(NamedTuple):
    """`kill`: the highest version of a kill, `released`: of a person's resume; -1: there was none."""

    version: int = -1
    state: State = "running"
    kill: int = -1
    released: int = -1

    @property
    def held(self) -> State:
        """What the agent has to be."""
        return "killed" if self.kill > self.released else self.state

    def merged(self, other: "Latch") -> "Latch":
        """Both together; the same whichever comes first, and however often."""
        newest = max(self, other, key=lambda one: (one.version, STRICTNESS[one.state]))
        return Latch(
            newest.version, newest.state, max(self.kill, other.kill), max(self.released, other.released)
        )

    def with_state(self, record: ControlState) -> "Latch":
        """After a record of the topic `control-state`."""
        latch = _one(record.version, record.state, record.by)
        return self.merged(
            latch._replace(released=max(latch.released, -1 if record.released is None else record.released))
        )

    def with_command(self, command: Command) -> "Latch":
        """After a command; a flatten changes nothing."""
        if command.action == "flatten":
            return self
        return self.merged(_one(version_of(command), STATE_OF[command.action], command.by))


def version_of(command: Command) -> int:
    """Of the control state that it leads to. Versions are times in ms or later, so that one that has none has its time."""
    return int(command.issued_ts * 1000) if command.version is None else command.version


def _one(version: int, state: State, by: str | None) -> Latch:
    by_a_person = state == "running" and by is not None
    return Latch(version, state, version if state == "killed" else -1, version if by_a_person else -1)
