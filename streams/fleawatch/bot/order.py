"""Orders that come from Telegram, given as the command line gives them."""

from typing import Literal, NamedTuple

from fleawatch.errors import ConfigError
from fleawatch.operator.control_desk import ControlDesk, Order
from fleawatch.operator.drawdown import standings
from fleawatch.settings import Settings

CONFIRM_SECS = 10.0
Verb = Literal["pause", "resume"]
_DONE: dict[Verb, str] = {"pause": "paused", "resume": "running"}


class Came(NamedTuple):
    """What came of an order, for the audit and for a person."""

    outcome: Literal["done", "refused", "failed"]
    words: str


class Orders:
    """On one Kafka."""

    def __init__(self, settings: Settings, servers: str) -> None:
        self._settings = settings
        self._servers = servers

    async def give(
        self, agent_id: str, verb: Verb, *, reason: str, by: str, command_id: str, asked: float
    ) -> Came:
        """Give it and wait for the agent. The same `command_id` again is the same order; `asked` is when it was first given.

        Raises:
            ConfigError: it is refused.
            BrokerUnavailable: Kafka cannot be reached; what was ordered is not known.
        """
        async with ControlDesk(self._settings, self._servers) as desk:
            state = (await desk.states([agent_id])).get(agent_id)
            if state is not None and state.ts > asked and state.command_id != command_id:
                raise ConfigError(
                    f"meanwhile it was ordered to be {state.state} by {state.by or 'the monitor'}"
                )
            if verb == "resume":
                await self._refuse_over_limit(agent_id)
            order = Order(agent_id, verb, reason, by, command_id)
            (answer,) = await desk.give([order], timeout=CONFIRM_SECS)
        detail = f" ({answer.detail})" if answer.detail else ""
        match answer.status:
            case "applied":
                return Came(
                    "done", f"{_DONE[verb]}, confirmed by the agent after {answer.secs:.1f} s{detail}"
                )
            case "unconfirmed":
                held = "the order holds until another one does"
                return Came("failed", f"NOT confirmed by the agent within {answer.secs:.0f} s; {held}")
            case _:
                return Came("refused", answer.detail or "refused by the agent")

    async def _refuse_over_limit(self, agent_id: str) -> None:
        found = (await standings(self._settings, self._servers, [agent_id])).get(agent_id)
        if found is not None and found.over:
            raise ConfigError(
                f"it is {found.drawdown_pct:.1f} % below its peak, its limit is {found.limit_pct:g} %",
                hint=f"`fleawatch resume {agent_id} --rebase-peak` begins a new peak",
            )
