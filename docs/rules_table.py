"""Writes the tables of rules between a Markdown file's markers: `python docs/rules_table.py docs/rules.md`."""

import sys
from pathlib import Path

from fleawatch.core.overrides import PARAMETERS, PRESETS, RULE_NAMES, outer
from fleawatch.core.rules import DEFAULTS, Rule
from markers import put


def tables() -> str:
    """As Markdown, from what the program uses."""
    rows = ["| rule | severity | fires | for | runbook |", "|---|---|---|---|---|"]
    rows += [_rule(getattr(DEFAULTS, name)) for name in RULE_NAMES]
    rows += ["", "| parameter | of the rule | default | what it is |", "|---|---|---|---|"]
    for name, parameter in PARAMETERS.items():
        value = getattr(DEFAULTS, name)
        shown = (
            f"{outer(value, parameter.unit):g} {parameter.unit}".strip()
            if isinstance(value, float)
            else value
        )
        rows.append(f"| `{name}` | `{parameter.rule}` | {shown} | {parameter.text} |")
    rows += ["", "| preset | what it sets |", "|---|---|"]
    rows += [
        f"| `{name}` | {', '.join(f'`{path}` {value:g}' for path, value in values.items())} |"
        for name, values in PRESETS.items()
    ]
    return "\n".join(rows)


def _rule(rule: Rule) -> str:
    limit = f"{outer(rule.threshold, rule.unit):g} {rule.unit}".removesuffix(" ratio")
    if not rule.settable:
        fires = "when it happens" if rule.kind == "occurrence" else "yes or no"
    elif not rule.enabled:
        fires = f"off until it has a threshold ({rule.unit})"
    else:
        fires = f"{'below' if rule.below else 'above'} {limit}"
    holds = f"{rule.for_secs:g} s" if rule.for_secs else ""
    return f"| `{rule.name}` | {rule.severity} | {fires} | {holds} | [{rule.runbook}](runbooks/{rule.runbook}.md) |"


def with_tables(text: str) -> str:
    """`text` with what lies between the markers replaced.

    Raises:
        ValueError: a marker is missing.
    """
    return put(text, "rules", tables())


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(with_tables(target.read_text(encoding="utf-8")), encoding="utf-8")
