"""What two hops over the broker cost at all: every 50th event is sent on as it came; no Faust, no parsing, no state."""

import asyncio
import os

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.contenders.meter import Meter

ONE_IN = 50


async def main() -> None:
    meter = Meter()
    bootstrap = os.environ["BENCH_BOOTSTRAP"]
    consumer = AIOKafkaConsumer(
        os.environ["BENCH_INPUT"],
        bootstrap_servers=bootstrap,
        group_id=os.environ["BENCH_GROUP"],
        auto_offset_reset="earliest",
    )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    await consumer.start()
    seen = 0
    try:
        while True:
            for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    seen += 1
                    if seen % ONE_IN == 0:
                        await producer.send(
                            os.environ["BENCH_OUTPUT"], record.value, key=record.key, partition=tp.partition
                        )
                meter.count(len(records))
    finally:
        await consumer.stop()
        await producer.stop()


if __name__ == "__main__":
    asyncio.run(main())
