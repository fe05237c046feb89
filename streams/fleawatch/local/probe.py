"""Does a Kafka answer? Asked by a real metadata request: an open port alone proves nothing."""

import asyncio

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from fleawatch.errors import BrokerUnavailable


async def probe(servers: str, seconds: float) -> int:
    """How many brokers the cluster at `servers` has.

    Raises:
        BrokerUnavailable: no answer within `seconds`, or one that names no broker (it is still starting).
    """
    client = AIOKafkaClient(bootstrap_servers=servers, request_timeout_ms=max(1000, int(seconds * 1000)))
    try:
        async with asyncio.timeout(seconds):
            await client.bootstrap()
        brokers = len(client.cluster.brokers())
    except (KafkaError, TimeoutError, OSError, ValueError) as exc:
        raise BrokerUnavailable(
            f"no Kafka answers at {servers}: {str(exc) or type(exc).__name__}",
            hint="check FLEAWATCH_BOOTSTRAP_SERVERS and the network",
        ) from exc
    finally:
        await client.close()
    if not brokers or client.cluster.controller is None:
        raise BrokerUnavailable(
            f"the Kafka at {servers} is still starting", hint="try again in a few seconds"
        )
    return brokers
