"""fleawatch: event-driven monitoring for fleets of autonomous trading agents."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleawatch.kit import AsyncEmitter as AsyncEmitter
    from fleawatch.kit import Emitter as Emitter

__version__ = "0.1.0"
__all__ = ["AsyncEmitter", "Emitter", "__version__"]


def __getattr__(name: str) -> object:
    """The emitters, imported when asked for: a worker or the command line needs neither."""
    if name in {"AsyncEmitter", "Emitter"}:
        from fleawatch import kit

        return getattr(kit, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
