"""The shipped history is whole, and its licences are beside it."""

from datetime import date
from importlib.resources import files
from itertools import pairwise

import pytest

from fleawatch.local.demo.market import history
from fleawatch.local.demo.roster import ARCHETYPES, MAX_AGENTS, roster

SERIES = {"spx": 5031, "ixic": 5031, "wti": 8321, "eurusd": 6225, "googl": 2335}


@pytest.mark.parametrize(("asset", "bars"), SERIES.items())
def test_history_is_complete_and_strictly_in_time_order(asset: str, bars: int) -> None:
    series = history(asset)
    assert len(series) == bars
    assert all(a.ts < b.ts for a, b in pairwise(series))
    assert all(bar.close > 0 for bar in series)


def test_history_can_start_at_a_date() -> None:
    lehman = history("spx", date(2008, 9, 15))
    assert (lehman[0].close, len(lehman)) == (1192.70, 2592)


def test_every_shipped_series_is_named_with_its_licence() -> None:
    folder = files("fleawatch.local") / "prices"
    shipped = sorted(path.name for path in folder.iterdir() if path.name.endswith(".gz"))
    text = (folder / "LICENSES.md").read_text(encoding="utf-8")
    assert shipped == sorted(f"{asset}.csv.gz" for asset in SERIES)
    assert all(f"`{name}`" in text for name in shipped)


def test_every_agent_has_an_id_of_its_own_and_history_to_trade() -> None:
    profiles = roster(MAX_AGENTS)
    assert len({profile.agent_id for profile in profiles}) == MAX_AGENTS
    assert all(len(profile.start()[1]) >= 400 for profile in profiles)
    assert [p.story for p in profiles[len(ARCHETYPES) :]] == [None] * (MAX_AGENTS - len(ARCHETYPES))
