"""What each agent shall do, and whether it has said that it does: the topics control-state, commands and command-acks, merged.

Pure: times are arguments. Whatever the order in which the topics are read, the book is the same (`control/latch.py`).
"""

from collections import OrderedDict, defaultdict
from typing import Final, NamedTuple

from fleawatch.control.latch import STRICTNESS, Latch
from fleawatch_schemas.partition import partition_for
from fleawatch_schemas.wire_control import Command, CommandAck, ControlState, State

MOST_ACKS: Final = 20_000
NEVER: Final = -1.0


class Ask(NamedTuple):
    """What an agent was asked to confirm, and since when it is not any more."""

    command_id: str
    state: State
    since: float
    until: float


class Standing:
    """One agent's. `newest` is the control state that holds, or would, but for an older kill (`latch`)."""

    __slots__ = (
        "alert_id",
        "began",
        "confirmed",
        "last",
        "latch",
        "newest",
        "refused",
        "resumed",
        "sent",
        "told",
        "withdrawn",
    )

    def __init__(self, newest: ControlState, now: float) -> None:
        self.newest = newest
        self.last = newest  # the last one on the topic: what compaction keeps
        self.latch = Latch()
        self.resumed = NEVER  # when a person last let it run, by the clock that is behind
        self.alert_id: str | None = None  # that the command names
        self.confirmed = 0.0  # when; 0: not yet
        self.refused = ""  # why the agent said no
        self.began = min(newest.ts, now)  # the order: by our clock where its giver's is ahead
        self.sent = self.began  # the command, the last time
        self.told = 0.0  # that it is unconfirmed, the last time
        self.withdrawn: list[Ask] = []  # told of, and no longer asked
        self.merge(newest, now)

    def merge(self, record: ControlState, now: float) -> None:
        """Let a record count, whichever comes first."""
        before, self.latch, self.last = self.latch.released, self.latch.with_state(record), record
        if self.latch.released > before:
            self.resumed = min(self.latch.released / 1000, now)

    @property
    def waits(self) -> bool:
        """For the agent's confirmation."""
        return self.newest.command_id is not None and not self.confirmed

    @property
    def lax(self) -> bool:
        """Who reads the topic after its compaction would think that less is asked of the agent than is."""
        own = Latch().with_state(self.last)
        return self.last.version < self.newest.version or STRICTNESS[own.held] < STRICTNESS[self.latch.held]


class Flatten(NamedTuple):
    """An operator's command to close positions. It leads to no control state."""

    command: Command
    since: float


class ControlBook:
    """`open`: by partition, the agents of whom something may have to be sent or told."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._standings: dict[str, Standing] = {}
        self._commands: dict[str, Command] = {}  # by agent: the last one
        self._acks: OrderedDict[tuple[str, str], CommandAck] = OrderedDict()  # by agent and command
        self.flattens: dict[str, Flatten] = {}
        self.open: defaultdict[int, set[str]] = defaultdict(set)
        self._held: defaultdict[int, set[str]] = defaultdict(set)

    def standing(self, agent_id: str) -> Standing | None:
        return self._standings.get(agent_id)

    def state(self, agent_id: str) -> State | None:
        """What the agent shall do; None: nobody has ever said."""
        standing = self._standings.get(agent_id)
        return None if standing is None else standing.latch.held

    def held(self, partition: int) -> set[str]:
        """The agents of a partition that are to be paused or killed."""
        return self._held[partition]

    def take_state(self, record: ControlState, confirm_secs: float, now: float) -> None:
        """A record of control-state, ours as well; any order, any number of times."""
        agent = record.agent_id
        standing = self._standings.get(agent)
        if standing is None:
            standing = self._standings[agent] = Standing(record, now)
            self._refer(standing, now)
        else:
            before = standing.newest
            standing.merge(record, now)
            rank = (record.version, STRICTNESS[record.state])
            if rank > (before.version, STRICTNESS[before.state]):
                began = min(record.ts, now)
                if standing.waits and began - standing.began >= confirm_secs:
                    standing.withdrawn.append(
                        Ask(before.command_id or "", before.state, standing.began, began)
                    )
                standing.newest, standing.began, standing.sent, standing.told = record, began, began, 0.0
                standing.confirmed, standing.refused, standing.alert_id = 0.0, "", None
                self._refer(standing, now)
        home = partition_for(agent.encode(), self._partitions)
        if standing.latch.held == "running":
            self._held[home].discard(agent)
        else:
            self._held[home].add(agent)
        if standing.waits or standing.withdrawn or standing.lax:
            self.open[home].add(agent)

    def take_command(self, command: Command, now: float) -> None:
        self._commands[command.agent_id] = command
        if command.action == "flatten":
            if command.command_id not in self.flattens and not self.confirmed(command):
                self.flattens[command.command_id] = Flatten(command, min(command.issued_ts, now))
                self.open[partition_for(command.agent_id.encode(), self._partitions)].add(command.agent_id)
        elif (standing := self._standings.get(command.agent_id)) is not None:
            self._refer(standing, now)

    def take_ack(self, ack: CommandAck, confirm_secs: float) -> None:
        """An agent's answer; a later one does not take back that it applied the command."""
        key = (ack.agent_id, ack.command_id)
        if ack.status == "applied" or key not in self._acks:
            self._acks[key] = ack
            while len(self._acks) > MOST_ACKS:
                self._acks.popitem(last=False)
        standing = self._standings.get(ack.agent_id)
        if standing is None or standing.newest.command_id != ack.command_id:
            return
        late = ack.ts - standing.began >= confirm_secs
        self._refer(standing, standing.sent)
        if standing.confirmed and late and not standing.told:
            standing.told = ack.ts  # by another worker, perhaps

    def confirmed(self, command: Command) -> bool:
        """Whether the agent has said that it applied it."""
        ack = self._acks.get((command.agent_id, command.command_id))
        return ack is not None and ack.status == "applied"

    def closed(self, partition: int, agent_id: str) -> None:
        """All that was to be sent and told of the agent has been."""
        self.open[partition].discard(agent_id)

    def _refer(self, standing: Standing, now: float) -> None:
        """Take over what is known of the command that says what the control state says."""
        agent, name = standing.newest.agent_id, standing.newest.command_id
        if name is None:
            return
        command = self._commands.get(agent)
        if command is not None and command.command_id == name:
            standing.sent = max(standing.sent, min(command.issued_ts, now))
            standing.alert_id = command.alert_id or standing.alert_id
        ack = self._acks.get((agent, name))
        if ack is not None and ack.status == "applied":
            standing.confirmed = standing.confirmed or ack.ts
        elif ack is not None:
            standing.refused = ack.detail or "no reason given"
