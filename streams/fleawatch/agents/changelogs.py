"""The changelog topics' settings."""

from types import MappingProxyType

from fleawatch.topic_admin import WantedTopic

_CONFIG = MappingProxyType(
    {
        "cleanup.policy": "compact",
        # Compaction must not leave a zombie's record as a key's last before the owner has written the key again.
        "min.compaction.lag.ms": "3600000",
        "segment.bytes": str(64 * 1024 * 1024),
        "segment.ms": "600000",
        "max.message.bytes": str(1024 * 1024),
    }
)


def changelog(name: str, partitions: int) -> WantedTopic:
    """As many partitions as the inputs: state lives where its events arrive."""
    return WantedTopic(name, partitions, _CONFIG)
