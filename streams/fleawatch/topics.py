"""Topics on the broker: created with their settings where they are missing, compared with them where they exist.

Never created by the broker on first use: it would give them one partition and its own defaults. An existing topic
is never changed: more partitions would move agents between workers, away from their state.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka.errors import KafkaError

from fleawatch.errors import BrokerUnavailable, TopicMismatch
from fleawatch.settings import Settings
from fleawatch.topic_admin import TopicAdmin, WantedTopic
from fleawatch_schemas.topics import TOPICS

# What the design cannot do without. Retention, segment sizes and the rest are the operator's to tune.
EXACT = frozenset({"cleanup.policy", "message.timestamp.type"})
AT_LEAST = frozenset({"max.message.bytes", "min.compaction.lag.ms"})


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting of an existing topic. `fatal`: the design depends on it; else it is only told."""

    setting: str
    found: str
    expected: str
    fatal: bool


@dataclass(frozen=True, slots=True)
class TopicRow:
    """One topic of the design. `partitions` 0: it does not exist."""

    topic: str
    partitions: int
    created: bool
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Report:
    rows: tuple[TopicRow, ...]

    @property
    def created(self) -> list[str]:
        return [row.topic for row in self.rows if row.created]

    @property
    def missing(self) -> list[str]:
        return [row.topic for row in self.rows if not row.partitions]

    @property
    def problems(self) -> list[str]:
        """What refuses a start: one line each, with topic, setting, found and expected."""
        absent = [f"{topic}: does not exist" for topic in self.missing]
        wrong = [
            f"{row.topic}: {one.setting} is {one.found}, expected {one.expected}"
            for row in self.rows
            for one in row.differences
            if one.fatal
        ]
        return absent + wrong


@asynccontextmanager
async def connected(bootstrap: str) -> AsyncIterator[TopicAdmin]:
    """For questions about topics; whatever Kafka answers instead is a BrokerUnavailable."""
    try:
        async with TopicAdmin(bootstrap) as admin:
            yield admin
    except (KafkaError, TimeoutError, OSError) as exc:
        raise BrokerUnavailable(
            f"the topics at {bootstrap} could not be read or created: {str(exc) or type(exc).__name__}",
            hint="is Kafka running, and may this user create topics?",
        ) from exc


async def ensure_topics(
    bootstrap: str, settings: Settings, *, create: bool, extra: Sequence[WantedTopic] = ()
) -> Report:
    """Make sure that the broker has every topic as the design needs it.

    Returns when every broker knows a leader for every partition. Several processes may do it at once.

    With `create` what is missing is created; without, a missing topic is a mismatch. `extra` are more topics, such
    as changelogs; their names get no prefix.

    Raises:
        TopicMismatch: a topic is missing or differs; nothing that existed was changed.
        BrokerUnavailable: Kafka cannot be reached, or did not name leaders in time.
        ConfigError: Kafka refuses to create a topic with these settings.
    """
    report = await compare_topics(bootstrap, settings, create=create, extra=extra)
    if problems := report.problems:
        raise TopicMismatch(
            "topics are not as they must be:\n  " + "\n  ".join(problems),
            hint="missing ones: `fleawatch topics create`; for wrong ones change the topic or the setting, "
            "or take another FLEAWATCH_TOPIC_PREFIX",
        )
    return report


async def compare_topics(
    bootstrap: str, settings: Settings, *, create: bool, extra: Sequence[WantedTopic] = ()
) -> Report:
    """As `ensure_topics`, but mismatches are in the report instead of raised."""
    wanted = {topic.name: topic for topic in (*_designed(settings), *extra)}
    async with connected(bootstrap) as admin:
        before = await admin.partitions(wanted)
        absent = [topic for topic in wanted.values() if topic.name not in before]
        if create:
            await admin.create(absent, settings.replication_factor)
        present = await admin.wait_for_leaders(wanted if create else before)
        configs = await admin.configs(present)
    return Report(
        tuple(
            TopicRow(
                name,
                present.get(name, 0),
                name in present and name not in before,
                _differences(topic, present[name], configs[name]) if name in present else (),
            )
            for name, topic in wanted.items()
        )
    )


def _designed(settings: Settings) -> list[WantedTopic]:
    return [
        WantedTopic(settings.topic(spec.name), settings.partitions if spec.by_agent else 1, spec.config)
        for spec in TOPICS.values()
    ]


def _differences(topic: WantedTopic, partitions: int, config: Mapping[str, str]) -> tuple[Difference, ...]:
    found: list[Difference] = []
    if partitions != topic.partitions:
        found.append(Difference("partitions", str(partitions), str(topic.partitions), fatal=True))
    for setting, value in topic.config.items():
        actual = config.get(setting, "(unknown)")
        if set(actual.split(",")) == set(value.split(",")):  # `compact,delete` is a set
            continue
        too_small = setting in AT_LEAST and not (actual.isdigit() and int(actual) >= int(value))
        shown = f"at least {value}" if too_small else value
        found.append(Difference(setting, actual, shown, fatal=setting in EXACT or too_small))
    return tuple(found)
