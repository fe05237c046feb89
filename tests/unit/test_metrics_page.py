"""docs/metrics.md names every Prometheus metric that is declared, and every figure that is published."""

from pathlib import Path

import pytest

from fleawatch_schemas.metrics import MetricsRecord
from metrics_table import with_tables

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
WHO_AND_WHEN = {
    "agent_id",
    "ts",
    "window",
    "n",
    "undefined",
    "equity",
    "balance_usd",
    "open_positions",
    "periods_per_year",
}


def test_the_tables_are_up_to_date() -> None:
    assert with_tables(PAGE) == PAGE, "run `make generate`"


@pytest.mark.parametrize("figure", sorted(MetricsRecord.model_fields.keys() - WHO_AND_WHEN))
def test_every_published_figure_is_defined(figure: str) -> None:
    assert f"`{figure}`" in PAGE


def test_a_file_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="agents"):
        with_tables("# no table here\n")


def test_links_lead_somewhere() -> None:
    for target in (part.split(")")[0] for part in PAGE.split("](")[1:]):
        if "://" not in target and not target.startswith("#"):
            assert (ROOT / "docs" / target.split("#")[0]).exists(), target
