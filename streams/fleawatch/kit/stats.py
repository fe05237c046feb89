"""What became of an emitter's events, in numbers."""

from typing import NamedTuple


class Stats(NamedTuple):
    """Events since the emitter was started, all topics together."""

    emitted: int
    """calls that were accepted, and the heartbeats"""
    queued: int
    """now waiting for Kafka, in memory or on disk, those of earlier processes included"""
    spilled: int
    """that went by way of the disk"""
    delivered: int
    """acknowledged by all in-sync replicas, those of earlier processes included"""
    dropped: int
    """given up: no room, or refused by Kafka. They show as gaps in the sequence"""


class Undelivered(NamedTuple):
    """What `close` could not deliver."""

    kept: int
    """events on disk, which the next start delivers first"""
    lost: int
    """events that were neither delivered nor kept"""
