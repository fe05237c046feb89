"""What a trading agent imports. Needs the base install only."""

from fleawatch.kit.async_emitter import AsyncEmitter
from fleawatch.kit.emitter import Emitter
from fleawatch.kit.stats import Stats, Undelivered

__all__ = ["AsyncEmitter", "Emitter", "Stats", "Undelivered"]
