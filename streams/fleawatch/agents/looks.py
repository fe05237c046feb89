"""When to look at each agent of a partition next: a heap, so that a second costs what is due in it."""

from heapq import heapify, heappop, heappush
from typing import Any


class Looks:
    """The agents of one partition. A look may be early, never late; whoever looks says when the next one is."""

    def __init__(self) -> None:
        self._states: dict[bytes, Any] | None = None
        self._known: set[bytes] = set()
        self._heap: list[tuple[float, bytes]] = []

    def due(self, states: dict[bytes, Any], now: float) -> list[bytes]:
        """Take who is due. A partition that is new here is spread over half of the shortest grace: nobody is due before."""
        if states is not self._states:
            self._states = states
            self._known = set(states)
            share = 0.5 / max(1, len(states))
            self._heap = [
                (now if state.watch else now + share * place * state.rules.agent_stopped.threshold, key)
                for place, (key, state) in enumerate(states.items())
            ]
            heapify(self._heap)
        elif len(states) != len(self._known):
            self._find_new(states, now)
        due = []
        heap = self._heap
        while heap and heap[0][0] <= now:
            _, key = heappop(heap)
            if key in states:
                due.append(key)
            else:
                self._known.discard(key)
        return due

    def again(self, key: bytes, when: float) -> None:
        """Who was taken is due again at `when`."""
        heappush(self._heap, (when, key))

    def forget(self) -> None:
        """Everybody is due: what was known of them is no longer so."""
        self._heap = [(0.0, key) for key in self._known]

    def _find_new(self, states: dict[bytes, Any], now: float) -> None:
        """A dict keeps its order, so the new ones stand at its end."""
        for key in reversed(states):
            if key not in self._known:
                self._known.add(key)
                heappush(self._heap, (now, key))
                if len(states) == len(self._known):
                    return
