"""All agents side by side."""

from fleawatch.report import everyone
from fleawatch.top.draw import plain
from fleet_records import NOW, alert, fleet, metrics, registered


def test_each_agent_is_a_line_and_what_is_undefined_a_dash() -> None:
    made = fleet(
        ("metrics", metrics("_fleet", "24h", equity=3000.0), NOW),
        ("metrics", metrics("b", "24h", equity=1000.0, sharpe_ratio=0.1, total_trades=1200), NOW),
        ("metrics", metrics("a", "7d", equity=2000.0), NOW),
        ("agents", registered("gone", retired=True), NOW),
        ("alerts", alert("_monitor", "watchdog", severity="INFO"), NOW),
    )
    found = everyone.rows(made)
    assert [row.agent_id for row in found] == ["_fleet", "a", "b"]
    lines = plain(everyone.table(found, "24h")).splitlines()
    assert lines[0].split()[:2] == ["agent", "24"]
    assert lines[2].split() == ["a", *["-"] * len(everyone.COLUMNS)]
    assert "1,200" in lines[3]
    assert "0.10" in lines[3]
    few = fleet(
        ("metrics", metrics("b", "24h", sharpe_ratio=614.6, n=3, profit_factor=9.0, total_trades=2), NOW)
    )
    assert plain(everyone.table(everyone.rows(few), "24h")).splitlines()[1].split()[4:8] == ["-"] * 4
    bad = [span.text.strip() for span in everyone.table(found, "24h")[3] if span.style == "bad"]
    assert "0.10" in bad
    by_agent = {one["agent_id"]: one for one in everyone.document(found, "24h")}
    assert by_agent["a"]["equity"] is None
    assert (by_agent["b"]["total_trades"], by_agent["b"]["n"]) == (1200, 500)


def test_the_monitors_own_alerts_are_no_agents() -> None:
    """Breaks when `_monitor` is listed beside the agents, or its watchdog counted as trouble."""
    made = fleet(("alerts", alert("_monitor", "watchdog", severity="INFO"), NOW))
    assert made.rows == {}
    assert [one.rule for one in made.monitor.open(NOW)] == ["watchdog"]
