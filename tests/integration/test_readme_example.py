"""The README's example, as it stands there, against a real Kafka."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from fleawatch.settings import Settings
from fleawatch_schemas.codec import decode_equity

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.broker
async def test_the_example_emits_an_event_that_the_contract_accepts(topics: Settings, tmp_path: Path) -> None:
    (code,) = re.findall(
        r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    env = {
        **os.environ,
        "FLEAWATCH_BOOTSTRAP_SERVERS": topics.bootstrap_servers,
        "FLEAWATCH_TOPIC_PREFIX": topics.topic_prefix,
        "FLEAWATCH_DATA_DIR": str(tmp_path),
    }
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", code],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(code.splitlines()) <= 15

    async with AIOKafkaConsumer(
        topics.topic("equity"), bootstrap_servers=topics.bootstrap_servers, auto_offset_reset="earliest"
    ) as consumer:
        record = await asyncio.wait_for(consumer.getone(), 30)
    assert decode_equity(record.value).equity == 10_250.0
