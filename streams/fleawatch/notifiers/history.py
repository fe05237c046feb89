"""What an agent did until now, in words and as a picture."""

from dataclasses import dataclass

from fleawatch.notifiers.retry import File


@dataclass(frozen=True, slots=True)
class Look:
    """`words` on one line; `picture` is None where it could not be drawn."""

    words: str
    caption: str
    picture: File | None = None


class History:
    """Knows nothing: for channels without Kafka. See `equity_history` for the one that reads."""

    async def look(self, agent_id: str) -> Look | None:  # noqa: ARG002 what readers of topics need
        """None where nothing is known, or not in time. Never raises."""
        return None
