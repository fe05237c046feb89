"""What a trading agent imports. Needs the base install only."""

from fleawatch.kit.emitter import AsyncEmitter

__all__ = ["AsyncEmitter"]
