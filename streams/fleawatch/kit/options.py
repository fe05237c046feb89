"""The keyword arguments that both emitters take; `Emitter` has their defaults and says what they are."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from fleawatch.kit.callbacks import Callback
from fleawatch.kit.checks import Check


class EmitterOptions(TypedDict, total=False):
    """The keyword arguments of an emitter."""

    heartbeat_secs: float
    equity_interval_secs: float | None
    labels: Mapping[str, str] | None
    checks: Mapping[str, Check] | None
    on_pause: Callback | None
    on_resume: Callback | None
    on_kill: Callback | None
    on_flatten: Callback | None
    stale_secs: float
    health_port: int | None
    health_host: str
    spill_dir: Path | None
    spill_limit_bytes: int
