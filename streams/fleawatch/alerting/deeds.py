"""What was done about alerts, from the commands and the agents' answers: "pause ordered", "pause confirmed by the agent"."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from fleawatch_schemas.wire_control import Command, CommandAck

MOST: Final = 4_096
"""Commands that are waited for; they expire within half a minute."""


class Deeds:
    """`done` is told the alert's id and a few words. Commands are sent again and again, so it is told things twice."""

    def __init__(self, done: Callable[[str, str], None]) -> None:
        self._done = done
        self._alerts: OrderedDict[str, tuple[str, str]] = OrderedDict()  # command → alert, action

    def command(self, command: Command) -> None:
        if command.alert_id is None:
            return
        self._alerts[command.command_id] = (command.alert_id, command.action)
        self._alerts.move_to_end(command.command_id)
        if len(self._alerts) > MOST:
            self._alerts.popitem(last=False)
        self._done(command.alert_id, f"{command.action} ordered by {command.by or 'the monitor'}")

    def answer(self, answer: CommandAck) -> None:
        known = self._alerts.get(answer.command_id)
        if known is None:
            return
        alert_id, action = known
        if answer.status == "applied":
            self._done(alert_id, f"{action} confirmed by the agent")
        else:
            self._done(
                alert_id,
                f"{action} refused by the agent: {answer.detail}" if answer.detail else f"{action} refused",
            )
