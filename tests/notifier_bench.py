"""Notifier processes on a real broker, against servers that enforce the receivers' limits."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError

from engine_app.log import read_all
from fleawatch.alerting.records import Delivery, read
from fleawatch.operator.compacted import read_latest
from fleawatch_schemas.wire import Alert, Severity, encode
from stand_ins.slack import FakeSlack
from stand_ins.telegram import FakeTelegram

TESTS = str(Path(__file__).parent)
AT_ONCE = """\
night: false  # tests run at night, too
routes:
  - {name: all, match: {severity: [CRITICAL]}, receivers: [telegram, slack, sms, apprise]}
  - {name: warnings-at-once, match: {severity: [WARN]}, receivers: [telegram, apprise]}
"""


def alert(number: int, severity: Severity = "CRITICAL", **more: object) -> Alert:
    fields: dict[str, object] = {
        "alert_id": f"{number:016x}",
        "agent_id": f"agent-{number}",
        "rule": "drawdown_exceeded",
        "severity": severity,
        "status": "firing",
        "title": f"title {number}",
        "body": "Equity fell.",
        "value": 17.31,
        "threshold": 15.0,
        "unit": "%",
        "started_ts": 1_795_000_000.0,
        "ts": 1_795_000_001.0,
        "runbook": "drawdown-exceeded",
    }
    return msgspec.convert(fields | more, Alert)


@dataclass
class Notifier:
    """One `fleawatch notify` process; its whole output is in `output` once it has ended."""

    process: asyncio.subprocess.Process
    output: bytearray = field(default_factory=bytearray)
    _reading: "asyncio.Task[None] | None" = None

    async def collect(self) -> None:
        assert self.process.stdout is not None
        while chunk := await self.process.stdout.read(65536):
            self.output += chunk

    async def end(self, number: int) -> int:
        """Send a signal; the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(20):
            return await self.process.wait()

    def peak_mb(self) -> float:
        """The most memory that it ever had resident."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024

    async def wait_for_output(self, text: str, timeout_secs: float = 30.0) -> None:
        async with asyncio.timeout(timeout_secs):
            while text.encode() not in self.output:
                assert self.process.returncode is None, self.output.decode()
                await asyncio.sleep(0.02)


class Bench:
    """A topic prefix of its own, two fake receivers, and any number of notifier processes."""

    def __init__(
        self,
        bootstrap: str,
        admin: AIOKafkaAdminClient,
        telegram: FakeTelegram,
        slack: FakeSlack,
        routes: Path,
    ) -> None:
        self._admin = admin
        self.routes = routes
        self.bootstrap = bootstrap
        self.telegram = telegram
        self.slack = slack
        self.app_id = f"test-{uuid4().hex[:8]}"
        self.topic = f"{self.app_id}.alerts"
        self.read = [
            f"{self.app_id}.{name}"
            for name in ("notifications", "agents", "commands", "command-acks", "dead-letter")
        ]
        self.started: list[Notifier] = []
        self._readers: list[asyncio.Task[None]] = []

    async def start(
        self, channel: str, module: tuple[str, ...] = ("fleawatch.cli",), **environment: str
    ) -> Notifier:
        """`module`: what is run in place of the command line, and its arguments."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("FLEAWATCH_")}
        env |= {
            "PYTHONPATH": os.pathsep.join((TESTS, os.environ.get("PYTHONPATH", ""))),
            "FLEAWATCH_BOOTSTRAP_SERVERS": self.bootstrap,
            "FLEAWATCH_TOPIC_PREFIX": self.topic.removesuffix("alerts"),
            "FLEAWATCH_APP_ID": self.app_id,
            "FLEAWATCH_PARTITIONS": "1",
            "FLEAWATCH_ROUTES": str(self.routes),
            "FLEAWATCH_TELEGRAM_TOKEN": self.telegram.token,
            "FLEAWATCH_TELEGRAM_CHAT_ID": self.telegram.chat_id,
            "FLEAWATCH_TELEGRAM_API_BASE": self.telegram.url,
            "FLEAWATCH_SLACK_WEBHOOK": self.slack.webhook,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *module, "notify", channel,
            env=env | environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        notifier = Notifier(process)
        self._readers.append(asyncio.create_task(notifier.collect()))
        self.started.append(notifier)
        return notifier

    async def publish(self, *alerts: Alert | bytes, together: bool = False) -> None:
        """One by one, or as fast as the broker takes them."""
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap) as producer:
            sent = []
            for item in alerts:
                value = item if isinstance(item, bytes) else encode(item)
                sent.append(await producer.send(self.topic, value, partition=0))
                if not together:
                    await sent[-1]
            await asyncio.gather(*sent)

    async def end(self) -> int:
        """The offset after the last alert."""
        tp = TopicPartition(self.topic, 0)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap)
        await consumer.start()
        try:
            return int((await consumer.end_offsets([tp]))[tp])
        finally:
            await consumer.stop()

    async def recreate_topic(self) -> None:
        await self._admin.delete_topics([self.topic])
        async with asyncio.timeout(20):
            while True:
                made = await self._admin.create_topics([NewTopic(self.topic, 1, 1)])
                if made.to_object()["topic_errors"][0]["error_code"] == 0:  # else the old one is still going
                    return
                await asyncio.sleep(0.1)

    async def committed(self, channel: str) -> int | None:
        """The group's offset of the one partition; None before its first commit."""
        try:
            offsets = await self._admin.list_consumer_group_offsets(self._group(channel))
        except (
            GroupCoordinatorNotAvailableError
        ):  # a fresh broker makes its offsets topic at the first question
            return None
        found = offsets.get(TopicPartition(self.topic, 0))
        return None if found is None or found.offset < 0 else int(found.offset)

    def _group(self, channel: str) -> str:
        return f"{self.app_id}-notify-{channel}"

    async def wait_committed(self, channel: str, offset: int, timeout_secs: float = 30.0) -> None:
        async with asyncio.timeout(timeout_secs):
            while await self.committed(channel) != offset:  # noqa: ASYNC110 the broker tells nobody
                await asyncio.sleep(0.05)

    async def deliveries(self) -> list[Delivery]:
        """What the log says now, of all channels."""
        latest = await read_latest(self.bootstrap, self.read[0], [0], b"delivery|")
        return [found for value in latest.values() if isinstance(found := read(value), Delivery)]

    async def dead_letters(self) -> list[tuple[str, str, str, str]]:
        """Reason, detail, source topic and offset of each."""
        by_partition = await read_all(self.bootstrap, self.read[-1])
        found = [dict(record.headers) for records in by_partition.values() for record in records]
        names = ("reason", "detail", "source-topic", "source-offset")
        return [tuple(one[name].decode() for name in names) for one in found]  # type: ignore[misc] # four of them

    async def close(self) -> None:
        for notifier in self.started:
            await notifier.end(signal.SIGKILL)
        await asyncio.gather(*self._readers)


@asynccontextmanager
async def open_bench(bootstrap: str, directory: Path, routes: str = AT_ONCE) -> AsyncIterator[Bench]:
    """Topics of one partition, with `routes` as the file that notifiers read."""
    file = directory / "routes.yaml"
    file.write_text(routes)
    async with FakeTelegram() as telegram, FakeSlack() as slack:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        made = Bench(bootstrap, admin, telegram, slack, file)
        await admin.start()
        topics = [made.topic, *made.read]
        await admin.create_topics([NewTopic(topic, 1, 1) for topic in topics])
        try:
            yield made
        finally:
            await made.close()
            await admin.delete_topics(topics)
            await admin.close()


def ids(texts: Iterable[str]) -> list[str]:
    """The alert that each message is about, whatever its markup."""
    return [found[1] for text in texts if (found := re.search(r"\bid: (?:<code>|`)?([0-9a-f]{16})", text))]
