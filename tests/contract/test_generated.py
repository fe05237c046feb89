"""The generated forms of the contracts: up to date, and an AsyncAPI document whose references lead somewhere."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft7Validator

from fleawatch_schemas.generate import main
from fleawatch_schemas.topics import BESIDE, TOPICS

SCHEMAS = Path(__file__).parents[2] / "schemas"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text(encoding="utf-8"))
    return loaded


def test_the_committed_files_are_what_the_models_say() -> None:
    result = CliRunner().invoke(main, ["--check"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("damage", ["changed", "missing", "extra"])
def test_check_fails_on_any_difference_and_a_run_mends_it(tmp_path: Path, damage: str) -> None:
    shutil.copytree(SCHEMAS / "json", tmp_path / "json")
    shutil.copy(SCHEMAS / "asyncapi.yaml", tmp_path)
    path = tmp_path / "json" / "equity.json"
    if damage == "changed":
        path.write_text(path.read_text(encoding="utf-8").replace("maximum", "max"), encoding="utf-8")
    elif damage == "missing":
        path.unlink()
    else:
        (tmp_path / "json" / "retired.json").write_text("{}", encoding="utf-8")
    runner = CliRunner()
    failed = runner.invoke(main, ["--check", "--out", str(tmp_path)])
    assert failed.exit_code == 1
    assert ("retired.json" if damage == "extra" else "equity.json") in failed.output
    assert runner.invoke(main, ["--out", str(tmp_path)]).exit_code == 0
    assert runner.invoke(main, ["--check", "--out", str(tmp_path)]).exit_code == 0


@pytest.mark.parametrize("topic", TOPICS)
def test_the_schema_files_are_schemas(topic: str) -> None:
    schema = json.loads((SCHEMAS / "json" / f"{topic}.json").read_text(encoding="utf-8"))
    Draft7Validator.check_schema(schema)
    for reference in _references(schema):
        assert _resolve(schema, reference) is not None


def test_every_reference_of_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    found = list(_references(document))
    assert len(found) >= 3 * len(TOPICS)
    for reference in found:
        if reference.startswith("#"):
            assert _resolve(document, reference) is not None
        else:
            assert (SCHEMAS / reference).is_file()


def test_the_document_has_the_shape_of_asyncapi_3(document: dict[str, Any]) -> None:
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(document["info"])
    assert set(document["channels"]) == set(TOPICS)
    beside = {topic: [name] for topic, (name, _) in BESIDE.items()}
    assert set(document["components"]["messages"]) == {*TOPICS, *(name for name, _ in BESIDE.values())}
    for name, channel in document["channels"].items():
        assert channel["address"] == "{prefix}" + name
        assert list(channel["parameters"]) == ["prefix"]
        assert list(channel["messages"]) == [name, *beside.get(name, [])]
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}
        _resolve(document, operation["channel"]["$ref"])
    written = {
        operation["channel"]["$ref"].rsplit("/", 1)[1] for operation in document["operations"].values()
    }
    assert written == set(TOPICS)
    for name, message in document["components"]["messages"].items():
        part = message["headers" if name == "dead-letter" else "payload"]
        assert set(part) == {"schemaFormat", "schema"}


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _resolve(document: dict[str, Any], reference: str) -> object:
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node
