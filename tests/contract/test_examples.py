"""The golden examples: what every reader and writer of a topic, in any language, can be held to."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator

from fleawatch_schemas.codec import decode_alert, decode_equity, decode_health, decode_trade, validate
from fleawatch_schemas.reasons import Reason, Rejected
from fleawatch_schemas.topics import TOPICS

SCHEMAS = Path(__file__).parents[2] / "schemas"
HOT = {"equity": decode_equity, "trades": decode_trade, "health": decode_health, "alerts": decode_alert}
INPUTS = ("equity", "trades", "health")

# What a JSON Schema cannot say, or Python's JSON reader lets through before the schema sees it.
BEYOND_SCHEMA = {
    "invalid-duplicate_key",
    "invalid-not_finite",
    "invalid-not_json",
    "invalid-not_utf8",
    "invalid-too_deep",
    "invalid-out_of_range-exit-before-entry",
    "invalid-bad_field-integer-with-point",
}


def _examples(kind: str) -> list[Any]:
    paths = sorted((SCHEMAS / "examples").glob(f"*/{kind}-*.json"))
    return [pytest.param(path.parent.name, path, id=f"{path.parent.name}/{path.stem}") for path in paths]


def _schema(topic: str) -> Draft7Validator:
    return Draft7Validator(json.loads((SCHEMAS / "json" / f"{topic}.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize(("topic", "path"), _examples("valid"))
def test_valid_examples_are_read_by_model_schema_and_hot_path(topic: str, path: Path) -> None:
    raw = path.read_bytes()
    model = validate(raw, TOPICS[topic].model)
    _schema(topic).validate(json.loads(raw))
    if topic in HOT:
        event = msgspec.to_builtins(HOT[topic](raw))
        assert event == {name: model.model_dump(by_alias=True)[name] for name in event}


@pytest.mark.parametrize(("topic", "path"), _examples("valid"))
def test_what_was_read_is_written_without_unknown_fields_and_read_again(topic: str, path: Path) -> None:
    model = validate(path.read_bytes(), TOPICS[topic].model)
    written = model.model_dump_json(by_alias=True).encode()
    assert validate(written, TOPICS[topic].model) == model
    assert set(json.loads(written)) <= _known_fields(topic)


@pytest.mark.parametrize(("topic", "path"), _examples("invalid"))
def test_invalid_examples_are_rejected_for_the_reason_in_their_name(topic: str, path: Path) -> None:
    expected = Reason(path.stem.split("-")[1])
    raw = path.read_bytes()
    with pytest.raises(Rejected) as rejected:
        validate(raw, TOPICS[topic].model)
    assert rejected.value.reason is expected
    assert 0 < len(rejected.value.detail) < 400
    if topic in HOT:
        with pytest.raises(Rejected) as hot:
            HOT[topic](raw)
        assert (hot.value.reason, hot.value.detail) == (expected, rejected.value.detail)


@pytest.mark.parametrize(("topic", "path"), _examples("invalid"))
def test_the_schema_rejects_what_a_schema_can(topic: str, path: Path) -> None:
    if any(path.stem.startswith(prefix) for prefix in BEYOND_SCHEMA):
        return
    assert not _schema(topic).is_valid(json.loads(path.read_bytes()))


@pytest.mark.parametrize("topic", TOPICS)
def test_every_topic_has_examples_of_both_kinds(topic: str) -> None:
    folder = SCHEMAS / "examples" / topic
    assert list(folder.glob("valid-*.json"))
    assert len(list(folder.glob("invalid-*.json"))) >= 3


def test_every_reason_that_an_input_alone_can_give_has_an_example() -> None:
    shown = {path.stem.split("-")[1] for path in (SCHEMAS / "examples").glob("*/invalid-*.json")}
    of_others = {
        Reason.KEY_MISMATCH,
        Reason.WRONG_PARTITION,
        Reason.STALE_EPOCH,
        Reason.FUTURE,
        Reason.CURRENCY_CHANGED,
        Reason.UNDELIVERABLE,
    }
    # An example of more than 256 KiB would be a burden to every clone; test_codec_hostile makes one.
    assert {Reason(name) for name in shown} == set(Reason) - of_others - {Reason.TOO_LARGE}


@pytest.mark.parametrize("topic", INPUTS)
def test_a_valid_input_loses_any_required_field_and_is_rejected(topic: str) -> None:
    whole = json.loads((SCHEMAS / "examples" / topic / "valid-minimal.json").read_text(encoding="utf-8"))
    for field in whole:
        raw = json.dumps({name: value for name, value in whole.items() if name != field}).encode()
        with pytest.raises(Rejected, match=f"^missing_field: {field}: missing"):
            HOT[topic](raw)


def _known_fields(topic: str) -> set[str]:
    schema = json.loads((SCHEMAS / "json" / f"{topic}.json").read_text(encoding="utf-8"))
    parts = [schema, *schema.get("$defs", {}).values()]
    return {name for part in parts for name in part.get("properties", {})}
