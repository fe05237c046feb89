"""What Python can do at all with these bytes: fetched and parsed; no Faust, no validation, no state, no commit."""

import asyncio
import os

import orjson
from aiokafka import AIOKafkaConsumer

from benchmarks.contenders.meter import Meter


async def main() -> None:
    meter = Meter()
    consumer = AIOKafkaConsumer(
        os.environ["BENCH_INPUT"],
        bootstrap_servers=os.environ["BENCH_BOOTSTRAP"],
        group_id=os.environ["BENCH_GROUP"],
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    left = int(os.environ["BENCH_EVENTS"])
    parse = orjson.loads
    try:
        while left > 0:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    parse(record.value or b"")
                left -= len(records)
                meter.count(len(records))
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.run(main())
