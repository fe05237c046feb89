"""Orders that agents have not confirmed: sent again every 10 s, and an alert until they do. Operators' orders as well.

An order stands until the agent confirms it, a newer one takes its place, or the agent is retired. Time is counted from when
this worker has read the partition at its end: what it has not heard yet is nobody's silence.
"""

from typing import Final

from faust.types import TP

from fleawatch.agents.control_book import ControlBook, Flatten, Standing
from fleawatch.agents.control_send import ACTION_OF, ControlSender
from fleawatch.agents.inputs import address
from fleawatch.agents.telemetry import count_outputs
from fleawatch.core.control_alerts import over, unconfirmed
from fleawatch.core.outputs import Output
from fleawatch.core.registry import Registry
from fleawatch.core.rules import REPUBLISH_SECS, Rule
from fleawatch.engine.app import BatchApp
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry
from fleawatch_schemas.wire import ResolveReason

AGAIN_SECS: Final = 10.0
GIVEN_UP_SECS: Final = 6 * 86_400.0
"""Older orders are not asked about any more: Kafka forgets the confirmations after a week."""
LATELY_SECS: Final = 1200.0
"""Receivers forget an alert of which they hear nothing for 15 minutes: what ended longer ago need not be told."""
FLATTEN_SECS: Final = 3600.0
"""So long a flatten that nobody confirmed is an alert: it was void after half a minute."""


_REPLACED: Final = "another order took its place"
_DONE: Final[tuple[str, ResolveReason]] = ("confirmed", "cleared")
_RETIRED: Final[tuple[str, ResolveReason]] = ("the agent was retired", "retired")
_EXPIRED: Final[tuple[str, ResolveReason]] = ("it was never confirmed", "expired")


class Chaser:
    """Of the owned partitions, each once a second."""

    def __init__(
        self,
        app: BatchApp,
        settings: Settings,
        telemetry: Telemetry,
        *,
        registry: Registry,
        book: ControlBook,
        sender: ControlSender,
    ) -> None:
        self._app, self._settings, self._telemetry = app, settings, telemetry
        self._registry, self._book, self._sender = registry, book, sender
        self._equity = settings.topic("equity")
        self._told: dict[str, float] = {}  # flattens, by command

    def chase(self, partition: int, since: float, now: float) -> None:
        """`since`: from when on this worker would have heard a confirmation."""
        out: list[Output] = []
        flattens: dict[str, list[Flatten]] = {}
        for each in self._book.flattens.values():
            flattens.setdefault(each.command.agent_id, []).append(each)
        for agent_id in sorted(self._book.open[partition]):
            rule = self._registry.rules_of(agent_id).command_unconfirmed
            standing = self._book.standing(agent_id)
            busy = standing is not None and self._stand(standing, rule, since, now, out)
            for flatten in flattens.get(agent_id, ()):
                busy |= self._flatten(flatten, rule, since, now, out)
            if not busy:
                self._book.closed(partition, agent_id)
        if out:
            self._app.outbox.put(None, address(self._settings, TP(self._equity, partition), out))
            count_outputs(self._telemetry, out)

    def _stand(self, standing: Standing, rule: Rule, since: float, now: float, out: list[Output]) -> bool:
        """True: to be looked at again."""
        newest = standing.newest
        agent_id, command_id, what = newest.agent_id, newest.command_id or "", ACTION_OF[newest.state]
        if standing.lax:
            self._sender.assert_again(standing, now)
        out += [
            over(rule, agent_id, gone.command_id, what=ACTION_OF[gone.state], since=gone.since, now=now, why=_REPLACED)
            for gone in standing.withdrawn
            if now - gone.until <= LATELY_SECS
        ]  # fmt: skip
        standing.withdrawn.clear()
        retired = self._registry.entry(agent_id).retired
        waits = standing.waits and not retired and now - newest.ts <= GIVEN_UP_SECS
        if waits and now - standing.sent >= AGAIN_SECS:
            self._sender.again(standing, now)
        if not waits or not rule.enabled:
            if now - standing.told <= LATELY_SECS:
                end = _DONE if standing.confirmed else _RETIRED if retired else _EXPIRED
                out.append(
                    over(
                        rule,
                        agent_id,
                        command_id,
                        what=what,
                        since=standing.began,
                        now=now,
                        why=end[0],
                        reason=end[1],
                    )
                )
            standing.told = 0.0
        elif now - max(standing.began, since) >= rule.threshold and now - standing.told >= REPUBLISH_SECS:
            standing.told = now
            refused = standing.refused
            out.append(
                unconfirmed(
                    rule, agent_id, command_id, what=what, since=standing.began, refused=refused, now=now
                )
            )
        return waits

    def _flatten(self, flatten: Flatten, rule: Rule, since: float, now: float, out: list[Output]) -> bool:
        command, began = flatten
        agent_id, name = command.agent_id, command.command_id
        told = self._told.get(name, 0.0)
        done = self._book.confirmed(command)
        if done or now - began > FLATTEN_SECS or not rule.enabled:
            if told:
                why, reason = _DONE if done else _EXPIRED
                out.append(
                    over(rule, agent_id, name, what="flatten", since=began, now=now, why=why, reason=reason)
                )
            self._told.pop(name, None)
            del self._book.flattens[name]
            return False
        if now - max(began, since) >= rule.threshold and now - told >= REPUBLISH_SECS:
            self._told[name] = now
            out.append(unconfirmed(rule, agent_id, name, what="flatten", since=began, refused="", now=now))
        return True
