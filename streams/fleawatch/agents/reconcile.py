"""Asks, for agents whose equity or trades have changed, whether the one explains the other."""

from collections.abc import Iterable

from faust.types import TP

from fleawatch.agents.inputs import address
from fleawatch.agents.telemetry import count_outputs
from fleawatch.core.unexplained import check_explained
from fleawatch.engine.app import BatchApp
from fleawatch.engine.table import WriteBehindTable
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry


class Reconciler:
    """Remembers who changed. Both partitions of an agent are one worker's, as for `Liveness`."""

    def __init__(self, app: BatchApp, settings: Settings, telemetry: Telemetry) -> None:
        self._app, self._settings, self._telemetry = app, settings, telemetry
        self._changed: dict[int, set[bytes]] = {}

    def changed(self, partition: int, keys: Iterable[bytes]) -> None:
        self._changed.setdefault(partition, set()).update(keys)

    def check(self, equity: WriteBehindTable, trades: WriteBehindTable) -> None:
        changed, self._changed = self._changed, {}
        for tp in self._app.owned(equity.source_topic):
            if trades.holds(tp.partition):
                self._check(tp, changed.get(tp.partition, ()), equity, trades)

    def _check(
        self, tp: TP, keys: Iterable[bytes], equity: WriteBehindTable, trades: WriteBehindTable
    ) -> None:
        accounts, books = equity.states(tp.partition), trades.states(tp.partition)
        for key in keys:
            account, book = accounts.get(key), books.get(key)
            if account is None or book is None:
                continue
            before = account.alerts.get("unexplained_pnl")
            if account.last.unrealised_pnl is None and before is None:
                continue
            outputs = check_explained(account, book, tp.partition)
            if outputs or account.alerts.get("unexplained_pnl") is not before:
                equity.dirty(tp.partition).add(key)
            if outputs:
                self._app.outbox.put(tp, address(self._settings, tp, outputs))
                count_outputs(self._telemetry, outputs)
