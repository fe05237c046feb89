"""docs/guide.md: what it names exists, and values are as it says.

A reference is text in backticks in the third column of a table, or behind it; `name = value` is compared.
"""

import ast
import importlib
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from fleawatch.alerting.defaults import TIERS
from fleawatch.cli import COMMANDS
from fleawatch.core.rules import DEFAULTS
from fleawatch.settings import PREFIX, Settings
from fleawatch.telemetry import AGENT
from fleawatch_schemas.topics import TOPICS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
METRIC_PREFIX = Settings.model_fields["metrics_prefix"].default
APPLYING = [
    path
    for part in ("core", "agents")
    for path in sorted((ROOT / "streams" / "fleawatch" / part).rglob("*.py"))
]
RULES_APPLIED = "\n".join(
    path.read_text(encoding="utf-8")
    for path in APPLYING
    if path.name not in {"rules.py", "overrides.py", "rule_checks.py"}
)
WORDS = {"classic", "calibrated", "other", "endpoint", "agent_id", "null"}  # values and labels, not names


def rows() -> list[list[str]]:
    """The cells of every row but headings: in the guide, there, here, difference."""
    lines = [line for line in PAGE.splitlines() if line.startswith("| ")]
    cells = [
        [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]
        for line in lines
    ]
    return [row for row in cells if row[0] != "guide"]


def names() -> list[str]:
    """Of what is said about us, in the tables and between them."""
    between = "\n".join(line for line in PAGE.splitlines() if not line.startswith("|"))
    texts = [cell for row in rows() for cell in row[2:]] + [between.split("## MonitoringConfig")[1]]
    return sorted({name for text in texts for name in re.findall(r"`([^`]+)`", text)} - WORDS)


def resolve(name: str) -> Any:
    """What `name` stands for; raises where there is nothing."""
    head, _, rest = name.partition(".")
    if name.startswith(METRIC_PREFIX):
        return next(metric for metric in AGENT if METRIC_PREFIX + metric.name == name)
    if name.startswith("docs/"):
        return (ROOT / name).read_text(encoding="utf-8")
    if name.startswith("fleawatch "):
        _, command, *channel = name.split()
        assert not channel or channel[0] in TIERS
        return COMMANDS[command]
    if head == "rules":
        value: Any = DEFAULTS
        for part in rest.split("."):
            value = getattr(value, part)
        return value
    if name in TOPICS:
        return TOPICS[name]
    if head in TOPICS:
        return TOPICS[head].model.model_fields[rest]
    if name == name.upper():
        return variables()[name]
    return code(name)


def code(name: str) -> Any:
    """A module, or something in one."""
    parts = name.split(".")
    for size in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:size]))
        except ModuleNotFoundError:
            continue
        for part in parts[size:]:
            defaults = {field.name: field.default for field in fields(found)} if is_dataclass(found) else {}
            found = defaults.get(part) or getattr(found, part)
        return found
    raise LookupError(name)


def variables() -> dict[str, str]:
    """Environment variable → field of the settings."""
    names: dict[str, str] = {}
    for field, info in Settings.model_fields.items():
        choices = getattr(info.validation_alias, "choices", [])
        names |= {str(name): field for name in (PREFIX + field.upper(), *choices)}
        if "Secret" in str(info.annotation):
            names[f"{PREFIX}{field.upper()}_FILE"] = field
    return names


@pytest.mark.parametrize("reference", names())
def test_what_the_guide_names_is_there(reference: str) -> None:
    name, _, value = reference.partition(" = ")
    found = resolve(name)
    if value:
        said = ast.literal_eval(value)
        assert found == (said if isinstance(said, (str, dict)) else pytest.approx(said, rel=1e-12)), name


def rule_names() -> set[str]:
    return {re.split(r"[. ]", name)[1] for name in names() if name.startswith("rules.")}


@pytest.mark.parametrize("name", sorted(rule_names()))
def test_a_rule_that_the_guide_names_is_applied(name: str) -> None:
    """Breaks when a default stands in the table of rules and nothing reads it."""
    assert re.search(rf"rules\.{name}\b|\.{name}\b|\"{name}\"", RULES_APPLIED), name


def test_every_row_says_where_it_went() -> None:
    bare = [row for row in rows() if len(row) != 4 or not (row[2] or row[3])]
    assert not bare
    assert len(rows()) > 60


def test_links_lead_somewhere() -> None:
    for target in (part.split(")")[0] for part in PAGE.split("](")[1:]):
        assert (ROOT / "docs" / target.split("#")[0]).exists(), target
