"""Topic settings, partitions and ids: what other programs, and other versions of ours, depend on."""

from dataclasses import dataclass
from hashlib import sha256

import pytest
from aiokafka.partitioner import DefaultPartitioner, murmur2
from hypothesis import given
from hypothesis import strategies as st

from fleawatch.core.outputs import dead_letter
from fleawatch_schemas import partition
from fleawatch_schemas.bounds import MAX_MESSAGE_BYTES
from fleawatch_schemas.dead_letter import MAX_ORIGINAL_BYTES, DeadLetterHeaders
from fleawatch_schemas.ids import alert_id, anomaly_id
from fleawatch_schemas.reasons import Reason, Rejected
from fleawatch_schemas.topics import TOPICS


def test_the_topics_are_the_designed_ones() -> None:
    compacted = {name for name, spec in TOPICS.items() if spec.cleanup == "compact"}
    assert compacted == {"metrics", "control-state", "agents", "attribution", "notifications", "rules"}
    assert set(TOPICS) - compacted == {
        *("trades", "equity", "health", "anomalies", "alerts", "commands", "command-acks", "dead-letter"),
        "fleet-partials",
    }
    assert {name for name, spec in TOPICS.items() if not spec.by_agent} == {
        "notifications",
        "rules",
        "dead-letter",
        "fleet-partials",
    }
    assert TOPICS["alerts"].config["retention.ms"] == str(30 * 86_400_000)


def test_settings_hold_what_the_design_needs() -> None:
    for name, spec in TOPICS.items():
        assert spec.name == name
        assert spec.config["cleanup.policy"] == spec.cleanup
        is_input = name in {"trades", "equity", "health"}
        assert (spec.config.get("message.timestamp.type") == "LogAppendTime") is is_input
        # An oversize input must be able to arrive, or nobody would learn of it.
        assert int(spec.config["max.message.bytes"]) > MAX_MESSAGE_BYTES
    largest_input = max(
        int(TOPICS[name].config["max.message.bytes"]) for name in ("trades", "equity", "health")
    )
    room = int(TOPICS["dead-letter"].config["max.message.bytes"])
    assert room >= largest_input + 64 * 1024
    assert room >= MAX_ORIGINAL_BYTES + 64 * 1024


@given(st.binary(max_size=70))
def test_keys_live_where_a_kafka_client_puts_them(key: bytes) -> None:
    assert partition.murmur2(key) == murmur2(key) & 0xFFFFFFFF
    if key:
        everywhere = list(range(12))
        assert partition.partition_for(key, 12) == DefaultPartitioner()(key, everywhere, everywhere)


def test_ids_never_change() -> None:
    # Receivers recognise a repeat by the id; a new version of us must make the same.
    written = b'["trend-btc-01","drawdown_exceeded","equity",1767225000000,41]'
    assert (
        alert_id("trend-btc-01", "drawdown_exceeded", "equity", 1767225000000, 41)
        == sha256(written).hexdigest()[:16]
    )
    assert alert_id("trend-btc-01", "drawdown_exceeded", "equity", 1767225000000, 41) == "e24200fe247523e3"
    assert anomaly_id("trend-btc-01", "zscore", "equity", 1767225000000, 41) == "e34b7a8b70b2ffdf"


@given(st.tuples(*[st.text(max_size=4)] * 3, st.integers(0, 99), st.integers(0, 99)), st.data())
def test_different_events_have_different_ids(
    event: tuple[str, str, str, int, int], data: st.DataObject
) -> None:
    other = data.draw(st.tuples(*[st.text(max_size=4)] * 3, st.integers(0, 99), st.integers(0, 99)))
    assert (alert_id(*event) == alert_id(*other)) is (event == other)
    assert alert_id(*event) != anomaly_id(*event)


@dataclass
class Arrived:
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def test_the_headers_that_the_monitor_writes_fit_their_contract() -> None:
    record = Arrived(18_204, 1_767_225_600_250, b"bot-1", b"\xff{")
    output = dead_letter("equity", 3, record, Rejected(Reason.NOT_UTF8, "byte 0 is not UTF-8" + "!" * 1_000))
    headers = DeadLetterHeaders.decode(output.headers)
    assert (headers.reason, headers.source_topic, headers.source_partition) == (Reason.NOT_UTF8, "equity", 3)
    assert (headers.source_offset, headers.ts) == (18_204, 1_767_225_600.25)
    assert output.value == b"\xff{"


def test_other_headers_are_no_dead_letter() -> None:
    with pytest.raises(ValueError, match="not a dead letter: 5 headers"):
        DeadLetterHeaders.decode((("reason", b"not_utf8"),))
