"""docs/reliability.md: each test that it names exists, and each fault has one or is said to have none yet."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
PAGE = (TESTS.parent / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py::\w+)`", PAGE)))
WRITTEN, _, REPORT = PAGE.partition("<!-- faults:")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in WRITTEN.splitlines()
    if line.startswith("| ") and not line.startswith("| fault |")
]


@pytest.mark.parametrize("named", NAMED)
def test_it_exists(named: str) -> None:
    path, _, name = named.partition("::")
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name in functions
    assert name.startswith("test_")


def test_each_fault_has_a_test_or_says_that_it_has_none() -> None:
    assert len(ROWS) > 30
    for fault, expected, test in ROWS:
        assert fault
        assert expected
        assert "not yet" in test or re.search(r"`[\w/]+\.py::\w+`", test), fault


def test_every_path_in_it_is_one_that_is_looked_up() -> None:
    """Breaks when a misspelt reference would not be seen."""
    assert len(re.findall(r"\.py", PAGE)) == len(re.findall(r"`[\w/]+\.py::\w+`", PAGE))


def test_in_the_last_report_nothing_was_lost_or_doubled() -> None:
    head, *rows = [line.strip("| ").split(" | ") for line in REPORT.splitlines() if line.startswith("| ")]
    assert head[4:6] == ["lost", "doubled"]
    judged = [row for row in rows if len(row) > 5 and row[4].strip()]
    assert len(judged) > 10
    assert {(row[4].strip(), row[5].strip()) for row in judged} == {("0", "0")}
