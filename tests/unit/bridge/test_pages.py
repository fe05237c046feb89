"""Pages of any content: figures that are right, or `Unreadable`, and nothing else."""

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleawatch.bridge.fetch import Page
from fleawatch.bridge.figures import figures_of, find
from fleawatch.bridge.health_page import MOST_CHECKS, said
from fleawatch.bridge.series import Unreadable
from fleawatch.bridge.target import Fields, Target
from fleawatch_schemas.bounds import MAX_NUMBER

PLAIN = Target(agent_id="a", api_base="http://127.0.0.1")
ODD = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=80).map(lambda rest: b"balance" + rest),
    st.binary(max_size=80).map(lambda rest: b'balance{a="' + rest),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["balance", "open_positions", "pnl_24h", "status", "checks", "ok", "errors_1h"]
                ),
                inner,
            )
        ),
    ).map(orjson.dumps),
)


@given(ODD)
def test_no_page_breaks_the_reader_or_gives_a_figure_beyond_bounds(body: bytes) -> None:
    try:
        figures = figures_of(body, PLAIN)
    except Unreadable:
        return
    assert all(math.isfinite(one) and abs(one) <= MAX_NUMBER for one in (figures.equity, figures.balance))
    assert figures.open_positions >= 0
    assert figures.equity == figures.balance
    assert not figures.marked


@given(ODD, st.sampled_from([200, 503]))
def test_no_page_of_health_breaks_the_reader(body: bytes, status: int) -> None:
    try:
        result = said(Page(status, body, 1.0))
    except Unreadable:
        return
    assert len(result.checks) <= MOST_CHECKS
    assert result.status != "ok" or status == 200


def mapped(body: bytes, **fields: str) -> object:
    return figures_of(body, PLAIN.model_copy(update={"fields": Fields(**fields)}))


def test_paths_lead_through_objects_and_lists_and_keys_with_dots() -> None:
    document = {"a": {"b": [{"c": 1}, {"c.d": 2}]}, "a.b": 3}
    assert find(document, "a.b.0.c") == 1
    assert find(document, "a.b.1.c.d") == 2
    assert find(document, "a.b") == 3
    assert find(document, "a.b.7.c") is None
    assert find(document, "a.b.0.c.x") is None


@pytest.mark.parametrize(
    ("body", "fields", "told"),
    [
        (b"{}", {}, "no balance: name it under fields"),
        (b'{"balance": true}', {}, "balance is no number"),
        (b'{"balance": "NaN"}', {}, "balance is no finite number of usual size"),
        (b'{"balance": 1e16}', {}, "balance is no finite number of usual size"),
        (b'{"balance": 1, "open_positions": 1.5}', {}, "open_positions is no count"),
        (b'{"balance": 1, "n": 2}', {"open_positions": "m"}, "no open_positions: nothing at m"),
        (b'{"balance": 1}', {"net_deposits": "flows.total"}, "no net_deposits: nothing at flows.total"),
        (b"balance NaN\n", {}, "balance is no finite number of usual size"),
        (b"balance one\n", {}, "no Prometheus text at balance"),
        (b"cash 1\n", {"balance": "account.cash"}, "no Prometheus text at account.cash"),
    ],
)
def test_what_is_missing_or_no_number_is_said(body: bytes, fields: dict[str, str], told: str) -> None:
    with pytest.raises(Unreadable) as error:
        mapped(body, **fields)
    assert str(error.value) == told


def test_health_pages_as_they_come() -> None:
    assert said(Page(200, b"OK\n", 1.0)).status == "ok"
    assert said(Page(200, b"", 1.0)).status == "ok"
    assert said(Page(503, b"", 1.0)).status == "degraded"
    assert said(Page(200, b'{"status": "UP"}', 1.0)).status == "ok"
    assert said(Page(503, b'{"status": "stopping"}', 1.0)).status == "stopping"
    body = orjson.dumps(
        {"checks": {"a": True, "b": {"status": "fail"}, "c": {"ok": False}, "d": 3, "e": "ok"}}
    )
    assert said(Page(200, body, 1.0)).checks == {"a": True, "b": False, "c": False, "e": True}
    body = orjson.dumps({"last_error": "POST https://me:hunter22@x failed, api_key=hunter22"})
    assert "hunter22" not in str(said(Page(200, body, 1.0)))
    with pytest.raises(Unreadable):
        said(Page(200, b"<html>log in</html>", 1.0))
