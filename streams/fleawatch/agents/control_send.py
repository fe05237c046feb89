"""Control states and commands on their way out: signed, put into the outbox, and in the book in the same step."""

from collections.abc import Callable
from typing import Final

from fleawatch.agents.control_book import ControlBook, Standing
from fleawatch.control.latch import STATE_OF
from fleawatch.control.records import command, control_state, sealed
from fleawatch.control.signing import Signer
from fleawatch.engine.app import BatchApp
from fleawatch.engine.produce import Outgoing
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry
from fleawatch_schemas.partition import partition_for
from fleawatch_schemas.wire_control import Action, Command, ControlState, State

ACTION_OF: Final[dict[State, Action]] = {state: action for action, state in STATE_OF.items()}  # type: ignore[misc] # the keys are actions


class ControlSender:
    """Of one worker."""

    def __init__(
        self,
        app: BatchApp,
        settings: Settings,
        telemetry: Telemetry,
        book: ControlBook,
        confirm_secs: Callable[[str], float],
    ) -> None:
        self._app, self._telemetry, self._book, self._confirm_secs = app, telemetry, book, confirm_secs
        self._partitions = settings.partitions
        self._states, self._commands = settings.topic("control-state"), settings.topic("commands")
        self._signer = Signer.of_settings(settings)

    def order(
        self, agent_id: str, action: Action, *, alert_id: str, command_id: str, reason: str, now: float
    ) -> None:
        """Make it the agent's control state, and tell the agent. Raises Latched."""
        standing = self._book.standing(agent_id)
        record = control_state(
            agent_id,
            STATE_OF[action],
            reason=reason,
            now=now,
            previous=None if standing is None else standing.newest,
            command_id=command_id,
        )
        fast = command(
            agent_id,
            action,
            reason=reason,
            now=now,
            version=record.version,
            command_id=command_id,
            alert_id=alert_id,
        )
        self._book.take_command(fast, now)
        self._book.take_state(record, self._confirm_secs(agent_id), now)
        self._put(agent_id, record, fast)
        self._telemetry.commands.labels(action).inc()

    def again(self, standing: Standing, now: float) -> None:
        """Send the command of a control state once more: another nonce, another signature, the same id."""
        newest = standing.newest
        fast = command(
            newest.agent_id,
            ACTION_OF[newest.state],
            reason=newest.reason,
            now=now,
            version=newest.version,
            command_id=newest.command_id,
            alert_id=standing.alert_id,
            by=newest.by,
        )
        self._book.take_command(fast, now)
        self._put(newest.agent_id, fast)

    def assert_again(self, standing: Standing, now: float) -> None:
        """Write down once more what holds: a laxer record has come behind it, and would outlive it."""
        newest, held = standing.newest, standing.latch.held
        record = newest
        if held == "killed" != newest.state:
            record = control_state(
                newest.agent_id,
                "killed",
                reason="killed, and no person has lifted it since",
                now=now,
                previous=newest,
                command_id=newest.command_id,
            )
        self._book.take_state(record, self._confirm_secs(newest.agent_id), now)
        self._put(newest.agent_id, record)

    def _put(self, agent_id: str, *records: ControlState | Command) -> None:
        key = agent_id.encode()
        home = partition_for(key, self._partitions)
        self._app.outbox.put(
            None,
            [
                Outgoing(
                    self._states if isinstance(each, ControlState) else self._commands,
                    key,
                    sealed(each, self._signer),
                    (),
                    home,
                )
                for each in records
            ],
        )
