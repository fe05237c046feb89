"""Why an agent's last refused equity event was refused, so that an alert about missing equity can say it. Not stored."""

from collections.abc import Iterable

from fleawatch.core.outputs import Output

MOST = 10_000
"""Agents of one partition, the longest known go first: a key is whatever a sender wrote."""


class Refusals:
    """By partition and agent."""

    def __init__(self) -> None:
        self._last: dict[int, dict[bytes, tuple[str, float]]] = {}

    def note(self, partition: int, outputs: Iterable[Output]) -> None:
        """Read the dead-letters among a batch's outputs."""
        last = self._last.setdefault(partition, {})
        for output in outputs:
            if output.topic == "dead-letter" and output.key:
                last.pop(output.key, None)
                if len(last) >= MOST:
                    del last[next(iter(last))]
                last[output.key] = (output.labels[1], float(dict(output.headers)["ts"]))

    def since(self, partition: int, key: bytes, received: float) -> str:
        """The reason of the last refusal after `received`; "" when there is none."""
        reason, at = self._last.get(partition, {}).get(key, ("", 0.0))
        return reason if at >= received else ""

    def keep_only(self, partitions: set[int]) -> None:
        for partition in self._last.keys() - partitions:
            del self._last[partition]
