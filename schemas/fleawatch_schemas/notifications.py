"""Topic `notifications`: what was delivered, what a person has seen or done, and what shall be quiet."""

from typing import Annotated, Literal

from pydantic import Field, RootModel

from fleawatch_schemas.contract import AlertId, Contract, Count, Name, Time


class Delivery(Contract):
    """Keyed `delivery|channel|alert_id|status`: a notifier that starts again does not send it twice."""

    kind: Literal["delivery"]
    channel: Name
    alert_id: AlertId
    status: Literal["firing", "resolved", "no_data"]
    outcome: Literal["sent", "failed", "suppressed"]
    attempts: Count
    message_ref: str | None = None
    """The channel's id of the message, by which it can be edited."""
    detail: Annotated[str, Field(max_length=500)] | None = None
    ts: Time


class Acknowledgement(Contract):
    """Keyed `ack|alert_id`: someone looks after it."""

    kind: Literal["ack"]
    alert_id: AlertId
    by: Name
    ts: Time
    note: Annotated[str, Field(max_length=500)] | None = None
    withdrawn: bool = False
    """Nobody looks after it any more: as if it had never been acknowledged."""


class Silence(Contract):
    """Keyed `silence|id`: matching alerts are not sent until it ends. To end it early, `until_ts` is written anew."""

    kind: Literal["silence"]
    silence_id: Name
    matchers: dict[str, str]
    """By the alert's field or label; all must match."""
    by: Name
    ts: Time
    until_ts: Time
    comment: Annotated[str, Field(max_length=500)] | None = None
    maintenance: bool = False
    """Mutes liveness rules only, and at its end it is reported who has not come back."""
    ended_by: Name | None = None
    """Who ended it before its time."""


class Audit(Contract):
    """Keyed `audit|id`: what a person did or tried, in one batch with its effect where that is on this topic.

    What has its effect elsewhere is `intended` first, and has a newer record under the same key when it is settled.
    """

    kind: Literal["audit"]
    audit_id: Name
    """Of a Telegram update: a function of it, so that what is done again is recognised."""
    via: Literal["cli", "telegram"]
    by: Name
    action: Name
    """ack, unack, silence, silence-end, maintenance, pause, resume, …; `refused` where a stranger tried something."""
    target: Annotated[str, Field(max_length=500)] = ""
    """Alert, silence or agent."""
    outcome: Literal["intended", "done", "refused", "failed"]
    detail: Annotated[str, Field(max_length=500)] = ""
    count: Count = 1
    """How often: attempts of one stranger are one record."""
    ts: Time


class BotPlace(Contract):
    """Keyed `bot|telegram|bot id`: the updates below `next_update` are done. In one batch with what was done for them."""

    kind: Literal["bot"]
    next_update: Count
    ts: Time


class Notification(
    RootModel[Annotated[Delivery | Acknowledgement | Silence | Audit | BotPlace, Field(discriminator="kind")]]
):
    """One of these, by `kind`. Readers pass over kinds that they do not know."""
