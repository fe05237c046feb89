"""Is the monitor itself well? What the partitions tell of their writers, and the alerts of `_monitor`.

They are judged where the partitions are joined: by one worker at a time, whichever, from the same records. So there is one
alert about all of them, whoever writes; and the worker that is in trouble need not be the one that says so.
"""

import struct
from collections.abc import Iterable, Mapping
from typing import Final

from fleawatch.core.alerts import Cause, Firing, Words, duration, fires, is_open, tell, watching
from fleawatch.core.fleet_slot import Slot
from fleawatch.core.outputs import Output
from fleawatch.core.packing import Reader, pack_alerts, read_alerts
from fleawatch.core.rules import DEFAULTS, Rules
from fleawatch_schemas.wire_fleet import FleetPartial

MONITOR: Final = "_monitor"
WINDOW_SECS: Final = 60
"""Rejected events are counted over so much of the writers' clock."""
UNTOLD_SECS: Final = 5.0
"""Partitions are told of every second; after so long without, nobody is at work on one."""
_NAMES: Final = 20
_HEAD = struct.Struct("<ddqI")
_COUNT = struct.Struct("<qI")


class Watch:
    """The alerts about ourselves, as `core.alerts` moves them, and what they are made of."""

    def __init__(self) -> None:
        self.agent_id = MONITOR
        self.rules = DEFAULTS
        self.alerts: dict[str, Firing] = {}
        self.watch = False
        self.began = 0.0  # when the first partition was told of
        self.beat = 0.0  # when the watchdog was published last
        self.looked = -1  # the second of the last look
        self.rejected: dict[int, int] = {}  # by second, of the last `WINDOW_SECS`

    def count(self, partial: FleetPartial, before: FleetPartial | None, clock: float) -> None:
        """Note what the writer has rejected since its last partial, `before`: of another writer it says nothing."""
        known = before.rejected if before is not None and before.run == partial.run else 0
        if partial.rejected > known:
            second = int(clock)
            self.rejected[second] = self.rejected.get(second, 0) + partial.rejected - known
        if self.began == 0:
            self.began = clock

    def check(self, slots: Mapping[int, Slot], partitions: int, cause: Cause, out: list[Output]) -> None:
        """Every rule about the monitor, once in a second of the writers' clock, which is `cause.ts`."""
        second = int(cause.ts)
        if second == self.looked:
            return
        self.looked = second
        self._check_behind(slots, partitions, cause, out)
        self._check_rejected(second, cause, out)
        self._beat(len(slots), partitions, cause, out)

    def _check_behind(
        self, slots: Mapping[int, Slot], partitions: int, cause: Cause, out: list[Output]
    ) -> None:
        rule = self.rules.monitor_behind
        worst = 0.0
        late: list[int] = []
        untold: list[int] = []
        records = 0
        for partition in range(partitions):
            slot = slots.get(partition)
            silent = cause.ts - (self.began if slot is None else slot.status.ts)
            behind = 0.0 if slot is None else slot.status.behind_secs
            if silent > UNTOLD_SECS:
                behind += silent
            if behind > rule.threshold * rule.resolve_ratio:
                if silent > UNTOLD_SECS:
                    untold.append(partition)
                else:
                    late.append(partition)
                    records += 0 if slot is None else slot.status.behind_records
            worst = max(worst, behind)
        over = worst > rule.threshold
        if not fires(self, rule, cause, worst, out, holds=over, clear=rule.calm(worst)):
            return
        said = []
        if late:
            said.append(f"{records:,} records of {_named(late)} wait.")
        if untold:
            said.append(f"No worker tells of {_named(untold)}.")
        said.append("Alerts about the agents there come so much later.")
        title = f"the monitor is {duration(worst)} behind"
        out.append(tell(self, rule, cause, Words(title, " ".join(said), worst, rule.threshold)))

    def _check_rejected(self, second: int, cause: Cause, out: list[Output]) -> None:
        rule = self.rules.rejected_events
        self.rejected = {at: count for at, count in self.rejected.items() if at > second - WINDOW_SECS}
        rate = float(sum(self.rejected.values()))
        if fires(self, rule, cause, rate, out, holds=rate > rule.threshold, clear=rule.calm(rate)):
            title = f"{rate:.0f} events in the last minute could not be used"
            body = "They are in dead-letter, with their reasons: `fleawatch dlq ls`."
            out.append(tell(self, rule, cause, Words(title, body, rate, rule.threshold)))

    def _beat(self, told: int, partitions: int, cause: Cause, out: list[Output]) -> None:
        """The watchdog fires for ever; who hears it no more knows that the monitor is silent."""
        rule = self.rules.watchdog
        due = cause.ts - self.beat >= self.rules.heartbeat_secs
        new = fires(self, rule, cause, 0.0, out, holds=True, clear=False)
        if not (new or (due and is_open(self, rule))):
            return
        self.beat = cause.ts
        body = f"{told} of {partitions} partitions are told of. This is said over and over: its absence is the alarm."
        out.append(tell(self, rule, cause, Words("the monitor works", body)))

    # -- storing

    def pack(self) -> bytes:
        return b"".join((
            _HEAD.pack(self.began, self.beat, self.looked, len(self.rejected)),
            *(_COUNT.pack(*entry) for entry in sorted(self.rejected.items())),
            pack_alerts(self.alerts),
        ))  # fmt: skip

    def read(self, reader: Reader) -> None:
        self.began, self.beat, self.looked, count = reader.fields(_HEAD)
        for _ in range(count):
            second, found = reader.fields(_COUNT)
            self.rejected[second] = found
        self.alerts = read_alerts(reader)
        self.watch = watching(self.alerts)

    def use(self, rules: Rules) -> None:
        """Apply `rules`, those of the agent `_monitor`."""
        self.rules = rules


def _named(partitions: Iterable[int]) -> str:
    names = list(partitions)
    more = ", …" if len(names) > _NAMES else ""
    word = "partition" if len(names) == 1 else "partitions"
    return f"{word} {', '.join(map(str, names[:_NAMES]))}{more}"
