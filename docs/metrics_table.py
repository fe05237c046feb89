"""Writes the tables of Prometheus metrics between a Markdown file's markers: `python docs/metrics_table.py docs/metrics.md`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from fleawatch.settings import Settings
from fleawatch.telemetry import AGENT, FLEET, AgentMetric, Telemetry
from markers import put


def agents(metrics: Sequence[AgentMetric] = AGENT) -> str:
    """One row per figure of an agent, or of the fleet."""
    prefix = Settings.model_fields["metrics_prefix"].default
    rows = [
        f"| `{prefix}{metric.name}` | {metric.kind} | {', '.join(metric.labels)} | {metric.help} | {metric.unit} |"
        for metric in metrics
    ]
    return "\n".join(["| metric | type | labels | what it is | unit |", "|---|---|---|---|---|", *rows])


def processes() -> str:
    """One row per metric of a process."""
    telemetry = Telemetry(CollectorRegistry())
    rows = []
    for metric in vars(telemetry).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = ", ".join(metric._labelnames)
            rows.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    return "\n".join(["| metric | type | labels | what it is |", "|---|---|---|---|", *rows])


def with_tables(text: str) -> str:
    """`text` with what lies between the markers replaced.

    Raises:
        ValueError: a marker is missing.
    """
    for name, table in (("agents", agents()), ("fleet", agents(FLEET)), ("processes", processes())):
        text = put(text, name, table)
    return text


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(with_tables(target.read_text(encoding="utf-8")), encoding="utf-8")
