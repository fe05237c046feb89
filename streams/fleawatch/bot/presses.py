"""Buttons under alerts: acknowledge, silence for an hour, pause."""

from collections.abc import Awaitable, Callable

from fleawatch.bot.act import Act, Asked, refusal
from fleawatch.bot.control import Control
from fleawatch.notifiers.buttons import MESSAGE, SILENCE_SECS, Press
from fleawatch.notifiers.telegram_answer import ref_of
from fleawatch.operator.actions import Actor, Records, acknowledge, silence
from fleawatch.operator.alert_desk import Desk
from fleawatch.operator.times import told
from fleawatch_schemas.wire import Alert

MOST = 20
"""Alerts that one press silences; more is a matter for `/silence`."""
_PLACES = ("group", "venue")


class Presses:
    """`look` reads the topics."""

    def __init__(self, look: Callable[[], Awaitable[Desk]], control: Control) -> None:
        self._look = look
        self._control = control

    async def handle(self, press: Press, asked: Asked, chat_id: int) -> Act:
        """Raises BrokerUnavailable: nothing was done, and it can be tried again."""
        if not asked.may_act:
            return refusal("Only operators may do that.")
        desk = await self._look()
        ids = [press.alert_id] if press.alert_id != MESSAGE else _told_by(desk, chat_id, asked.message_id)
        if not ids:
            return refusal("It is not known which alerts this message tells of. Use /ack or /silence.")
        if press.verb == "ack":
            others = {desk.notes.acks[one].by for one in ids if one in desk.notes.acks} - {asked.actor.by}
            after = f" (before: {', '.join(sorted(others))})" if others else ""
            return Act(acknowledge(ids, asked.actor), toast=f"{_counted(len(ids))} acknowledged{after}.")
        alerts = [desk.incidents.by_id[one].alert for one in ids if one in desk.incidents.by_id]
        if not alerts:
            return refusal("Nothing has been heard of this alert for a day.")
        if press.verb == "pause":
            return await self._control.ask(
                "pause", alerts[0].agent_id, f"{alerts[0].rule}: {alerts[0].title}", asked
            )
        return _silenced(alerts, asked.actor)


def _told_by(desk: Desk, chat_id: int, message_id: int | None) -> list[str]:
    ref = ref_of(chat_id, message_id)
    return sorted(
        alert_id
        for alert_id, deliveries in desk.notes.deliveries.items()
        if any(one.channel == "telegram" and one.message_ref == ref for one in deliveries)
    )


def _silenced(alerts: list[Alert], actor: Actor) -> Act:
    """By rule and agent rather than by id: what fires again within the hour is the same trouble."""
    wanted = {tuple(_about(alert).items()): None for alert in alerts}
    if len(wanted) > MOST:
        return refusal(
            f"{len(wanted)} rules and agents are more than one press should silence. Use /silence."
        )
    records: Records = []
    for number, matchers in enumerate(wanted):
        _, own = silence(
            dict(matchers), SILENCE_SECS, Actor(actor.by, actor.via, actor.now, f"{actor.audit_id}-{number}"),
            "button in Telegram", silence_id=f"{actor.audit_id}-{number}",
        )  # fmt: skip
        records += own
    return Act(records, toast=f"{_counted(len(wanted))} silenced for {told(SILENCE_SECS)}.")


def _about(alert: Alert) -> dict[str, str]:
    places = {name: alert.labels[name] for name in _PLACES if name in alert.labels}
    return {"rule": alert.rule, "agent_id": alert.agent_id, **places}


def _counted(number: int) -> str:
    return "One alert" if number == 1 else f"{number} alerts"
