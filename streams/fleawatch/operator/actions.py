"""What a person does about alerts, as records: the effect, and who did it. Pure; the caller writes them as one batch."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Literal

from fleawatch.operator.notebook import Via
from fleawatch_schemas.notifications import Acknowledgement, Audit, Silence

Outcome = Literal["intended", "done", "refused", "failed"]
Records = list[Acknowledgement | Silence | Audit]
MOST_TEXT = 500
MOST_NAME = 64


class Actor:
    """Who does it, where, and when. `audit_id` is the same where the same is done again."""

    def __init__(self, by: str, via: Via, now: float, audit_id: str) -> None:
        self.by = by.strip()[:MOST_NAME] or "?"
        self.via = via
        self.now = now
        self.audit_id = audit_id

    def audit(
        self, action: str, target: str, detail: str = "", *, outcome: Outcome = "done", count: int = 1
    ) -> Audit:
        return Audit(
            kind="audit", audit_id=self.audit_id, via=self.via, by=self.by, action=action, outcome=outcome,
            target=target[:MOST_TEXT], detail=detail[:MOST_TEXT], count=count, ts=self.now,
        )  # fmt: skip


def acknowledge(alert_ids: Sequence[str], actor: Actor, note: str = "", *, withdraw: bool = False) -> Records:
    """Somebody looks after the alerts; with `withdraw` nobody does any more."""
    acks: Records = [
        Acknowledgement(
            kind="ack", alert_id=one, by=actor.by, ts=actor.now,
            note=note[:MOST_TEXT] or None, withdrawn=withdraw,
        )
        for one in alert_ids
    ]  # fmt: skip
    return [*acks, actor.audit("unack" if withdraw else "ack", " ".join(alert_ids), note)]


def silence(
    matchers: Mapping[str, str],
    secs: float,
    actor: Actor,
    reason: str,
    *,
    maintenance: bool = False,
    silence_id: str = "",
) -> tuple[Silence, Records]:
    """Matching alerts are quiet for `secs`; with `maintenance` only those that say an agent is away."""
    made = Silence(
        kind="silence", silence_id=silence_id or f"{'m' if maintenance else 's'}-{secrets.token_hex(3)}",
        matchers=dict(matchers), by=actor.by, ts=actor.now, until_ts=actor.now + secs,
        comment=reason[:MOST_TEXT] or None, maintenance=maintenance,
    )  # fmt: skip
    action = "maintenance" if maintenance else "silence"
    return made, [
        made,
        actor.audit(action, f"{made.silence_id}: {written(matchers)}", f"for {secs:g} s. {reason}"),
    ]


def end(one: Silence, actor: Actor) -> Records:
    """End it now."""
    ended = one.model_copy(update={"until_ts": actor.now, "ended_by": actor.by})
    action = "maintenance-end" if one.maintenance else "silence-end"
    return [ended, actor.audit(action, f"{one.silence_id}: {written(one.matchers)}")]


def written(matchers: Mapping[str, str]) -> str:
    """As a person writes them."""
    return " ".join(f"{name}={value}" for name, value in matchers.items())
