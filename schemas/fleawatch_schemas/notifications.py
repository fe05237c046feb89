"""Topic `notifications`: what was delivered, what a person has seen, and what shall be quiet."""

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


class Silence(Contract):
    """Keyed `silence|id`: matching alerts are not sent until it ends."""

    kind: Literal["silence"]
    silence_id: Name
    matchers: dict[str, str]
    """By the alert's field or label; all must match."""
    by: Name
    ts: Time
    until_ts: Time
    comment: Annotated[str, Field(max_length=500)] | None = None


class Notification(RootModel[Annotated[Delivery | Acknowledgement | Silence, Field(discriminator="kind")]]):
    """One of the three, by `kind`."""
