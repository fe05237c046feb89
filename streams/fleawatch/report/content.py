"""What a report says, whatever its form: figures with marks, attribution, curves."""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from fleawatch.report.curve import Curve
from fleawatch.report.marks import FIGURES, REASONS, Figure, Mark
from fleawatch_schemas.anomalies import AnomalyEvent
from fleawatch_schemas.attribution import AssetShare, AttributionRecord
from fleawatch_schemas.metrics import MetricsRecord

WINDOWS: Mapping[str, str] = {
    "24h": "the last 24 hours",
    "7d": "the last 7 days",
    "30d": "the last 30 days",
    "all": "its whole life",
}
ShareT = TypeVar("ShareT", bound=AssetShare)
_CONTROL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class Report:
    """`metrics` or `attribution` is None where the topic has none; `curve` is what the equity topic still holds."""

    agent_id: str
    window: str
    metrics: MetricsRecord | None
    attribution: AttributionRecord | None
    curve: Curve = field(default_factory=Curve)
    anomalies: tuple[AnomalyEvent, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ts(self) -> float:
        return max([one.ts for one in (self.metrics, self.attribution) if one is not None])


@dataclass(frozen=True, slots=True)
class Row:
    """A figure as it is shown. `reason` says why it is undefined, or not judged."""

    figure: Figure
    value: float | None
    mark: Mark
    reason: str = ""


def rows(metrics: MetricsRecord) -> Iterator[Row]:
    for figure in FIGURES:
        value: float | None = getattr(metrics, figure.name)
        reason = ""
        if value is None:
            why = metrics.undefined.get(figure.name, "")
            reason = REASONS.get(why, why.replace("_", " "))
        elif (size := figure.few(metrics)) is not None:
            reason = f"of {size} {'returns' if figure.sample == 'n' else 'trades'}, too few to judge"
        yield Row(figure, value, figure.mark(metrics), reason)


def best_first(shares: Mapping[str, ShareT]) -> list[tuple[str, ShareT]]:
    """By net PnL."""
    return sorted(shares.items(), key=lambda item: (-item[1].net, item[0]))


def clean(text: str) -> str:
    """A label as agents sent it, without what would steer a terminal or a browser: it stays one visible line."""
    return "".join("�" if unicodedata.category(char) in _CONTROL else char for char in text)


def when(ts: float) -> str:
    """UTC, to the second."""
    return datetime.fromtimestamp(ts, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
