"""What waits to be told: by urgency, and in groups of what is told together."""

from collections.abc import Mapping
from typing import Final, Literal

from fleawatch.alerting.entry import Entry, GroupKey

Box = Literal["urgent", "ready", "gathering"]
"""Told now (what is critical before the rest), or waiting for its group; what waits goes with its group when that is told."""
Group = dict[str, Entry]

_BOXES: Final[tuple[Box, ...]] = ("urgent", "ready", "gathering")


class Boxes:
    """An entry is in one box, or in none; it knows which (`Entry.box`)."""

    def __init__(self) -> None:
        self._boxes: dict[str, dict[GroupKey, Group]] = {name: {} for name in _BOXES}

    def move(self, entry: Entry, box: Box | None) -> None:
        """Out of where it is, and into `box`, to the group that it is of now."""
        alert_id = entry.alert.alert_id
        if entry.box is not None:
            name, key = entry.box
            group = self._boxes[name][key]
            del group[alert_id]
            if not group:
                del self._boxes[name][key]
        entry.box = None
        if box is not None:
            entry.box = (box, entry.group)
            self._boxes[box].setdefault(entry.group, {})[alert_id] = entry

    @property
    def urgent(self) -> bool:
        return bool(self._boxes["urgent"])

    def due(self) -> Mapping[GroupKey, Group]:
        """What is to be told now: the groups of what is critical; only when there is none, the others."""
        return self._boxes["urgent"] or self._boxes["ready"]

    def all_due(self) -> list[tuple[GroupKey, Group]]:
        """What a digest tells."""
        return [*self._boxes["urgent"].items(), *self._boxes["ready"].items()]

    def of_group(self, key: GroupKey) -> list[Entry]:
        """All that is told with a group."""
        return [entry for box in self._boxes.values() for entry in box.get(key, {}).values()]
