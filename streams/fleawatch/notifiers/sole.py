"""One member of a channel's group has all partitions, the others stand by: the limits of a chat are the chat's, and what
explains an alert may be in another partition. The member that has been there longest stays.
"""

import time
from collections.abc import Iterable, Mapping

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

_VERSION = 0
_BEGAN = f"{time.time():020.6f}".encode()


class Sole(AbstractPartitionAssignor):
    """As Kafka's own assignors. A member tells the others since when its process is there."""

    name = "fleawatch-sole"

    @classmethod
    def assign(
        cls, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        first = min(members, key=lambda member: (members[member].user_data, member))
        topics = sorted(members[first].subscription)
        every = [(topic, sorted(cluster.partitions_for_topic(topic) or ())) for topic in topics]
        return {
            member: ConsumerProtocolMemberAssignment(_VERSION, every if member == first else [], b"")
            for member in members
        }

    @classmethod
    def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        return ConsumerProtocolMemberMetadata(_VERSION, list(topics), _BEGAN)

    @classmethod
    def on_assignment(cls, assignment: ConsumerProtocolMemberAssignment) -> None:
        """There is nothing to remember."""
