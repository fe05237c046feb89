"""fleawatch: event-driven monitoring for fleets of autonomous trading agents."""

__version__ = "0.1.0"
