"""The picture in a message: of any account, also of one that lost everything or never moved."""

import io
import math
from collections.abc import Sequence

import pytest
from PIL import Image

from fleawatch.notifiers.chart import HEIGHT, WIDTH, chart
from fleawatch.notifiers.equity_history import curve, picture, words
from fleawatch_schemas.wire import Equity


def events(
    equities: Sequence[float], *, deposits: Sequence[float | None] = (), every: float = 60.0
) -> list[Equity]:
    paid = list(deposits) or [None] * len(equities)
    return [
        Equity(v=1, agent_id="a", epoch=1, seq=n, ts=1e9 + n * every, equity=equity, balance=equity,
          open_positions=0, net_deposits=paid[n])
        for n, equity in enumerate(equities)
    ]  # fmt: skip


def colours(png: bytes) -> set[object]:
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    assert picture.size == (WIDTH, HEIGHT)
    return {colour for _, colour in picture.getcolors(WIDTH * HEIGHT) or []}


@pytest.mark.parametrize(
    "equities",
    [
        [100.0, 100.0],
        [100.0, 0.0, -50.0, -50.0],
        [1e15, 1e15 - 1, 1e-12],
        [0.0, 0.0, 0.0],
        [10_000 * (1 + math.sin(n / 50) / 10) for n in range(5000)],
    ],
    ids=["flat", "wiped out", "huge", "nothing", "long"],
)
def test_any_account_can_be_drawn(equities: list[float]) -> None:
    assert len(colours(chart("a" * 64, curve(events(equities))))) > 3


def test_the_picture_shows_names_as_text() -> None:
    points = curve(events([100.0, 90.0]))
    assert chart("a\x1b[31mb\u202ec\r\n\x07d", points) == chart("abc d", points)
    assert chart("a", points) != chart("b", points)
    for name in ("<b>x</b>" * 50, "📉اللغة", "", "\x00"):
        assert len(colours(chart(name, points))) > 3


def test_a_name_leads_to_no_other_file() -> None:
    file = picture('../../etc/x"; a=b\r\n\u202e', curve(events([100.0, 90.0])))
    assert file is not None
    assert file.name == "______etc_x___a_b___.png"


def test_a_loss_is_shaded_and_its_returns_are_red() -> None:
    red, shade, green = (220, 38, 38), (252, 165, 165), (22, 163, 74)
    fallen = colours(chart("a", curve(events([100.0, 101.0, 80.0, 70.0]))))
    assert {red, shade, green} <= fallen
    assert not {shade, green} & colours(chart("a", curve(events([100.0, 100.0]))))


def test_words_say_where_it_came_from_and_where_it_is() -> None:
    points = curve(events([10_000.0, 10_240.0, 10_311.0, 8_269.0], every=3600))
    assert words(points) == (
        "equity 10,000 3.0 h before, peak 10,311, now 8,269; last returns +2.40 %, +0.69 %, -19.80 %"
    )


def test_a_withdrawal_is_no_loss() -> None:
    points = curve(events([10_000.0, 5_000.0], deposits=[0.0, -5_000.0]))
    assert "last returns +0.00 %" in words(points)


def test_only_the_last_day_is_told() -> None:
    assert len(curve(events([100.0] * 50, every=3600))) == 25
