"""Have the workers shared the partitions among them? Only Kafka knows."""

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError


class Group:
    """A consumer group, asked about through an admin client that stays connected. Use as `async with`."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        self._name = name

    async def __aenter__(self) -> "Group":
        await self._admin.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._admin.close()

    async def settled(self, members: int) -> bool:
        """All `members` have joined and know their partitions."""
        try:
            answers = await self._admin.describe_consumer_groups([self._name])
        except KafkaError:
            return False  # its coordinator is still being chosen
        return any(
            group[2] == "Stable" and len(group[5]) == members
            for answer in answers
            for group in answer.groups  # type: ignore[attr-defined]  # built from a schema at run time
        )
