"""Every alert names a runbook: the page must be there, and name the rule."""

from dataclasses import fields
from pathlib import Path

import pytest

from fleawatch.core.rules import DEFAULTS, Rule

RUNBOOKS = Path(__file__).resolve().parents[2] / "docs" / "runbooks"


@pytest.mark.parametrize(
    "rule",
    [rule for field in fields(DEFAULTS) if isinstance(rule := getattr(DEFAULTS, field.name), Rule)],
    ids=lambda rule: rule.name,
)
def test_each_rules_runbook_exists_and_names_it(rule: Rule) -> None:
    assert f"`{rule.name}`" in (RUNBOOKS / f"{rule.runbook}.md").read_text(encoding="utf-8")
