"""README.md's settings table is what the settings are."""

from pathlib import Path

import pytest

from fleawatch.settings import PREFIX, Settings
from settings_table import with_table

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_is_up_to_date() -> None:
    assert with_table(README) == README, "run `make generate`"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_is(name: str) -> None:
    assert Settings.model_fields[name].description
    assert f"`{PREFIX}{name.upper()}`" in README


def test_a_file_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="settings"):
        with_table("# no table here\n")


def test_links_lead_somewhere() -> None:
    """Relative links of the README: a moved page would leave a dead one."""
    targets = [part.split(")")[0] for part in README.split("](")[1:]]
    for target in targets:
        if "://" not in target and not target.startswith("#"):
            assert (ROOT / target.split("#")[0]).exists(), target
