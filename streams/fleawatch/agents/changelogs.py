"""The changelog topics: their settings, and that none is missing which there was."""

from collections.abc import Mapping
from types import MappingProxyType

from fleawatch.errors import LogTruncated
from fleawatch.topic_admin import WantedTopic
from fleawatch.topics import connected

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


async def refuse_lost(bootstrap: str, group: str, source_topics: Mapping[str, str]) -> None:
    """`source_topics` by changelog. A changelog may only be missing as long as `group` has read nothing of its source.

    Raises:
        LogTruncated: it was deleted: made anew it would be empty, and agents whose events were read would begin anew.
        BrokerUnavailable: Kafka cannot be reached.
    """
    async with connected(bootstrap) as admin:
        read = await admin.committed(
            group
        )  # first: another worker may be creating and reading for the first time just now
        missing = source_topics.keys() - await admin.partitions(source_topics)
    for name in sorted(missing):
        if read.get(source_topics[name], 0) > 0:
            raise LogTruncated(
                f"{name} does not exist, but {group} has read {source_topics[name]}: its states are lost",
                hint="restore the topic; to begin without them use another app id",
            )
