"""Attribution and the figures of trades: equal to a direct recomputation at every prefix, and bounded whatever comes."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import fsum

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_records import EPOCH, START, Rec, Run, packed
from fleawatch.core.attribution import attribution_of
from fleawatch.core.ledger import ASSETS, OTHER, STRATEGIES, gross_of
from fleawatch.core.pipeline import trades_pipeline
from fleawatch.core.trades import TradesState, figures, step
from fleawatch_schemas import wire
from fleawatch_schemas.attribution import AttributionRecord
from fleawatch_schemas.codec import validate
from fleawatch_schemas.wire import Trade, Window

WINDOWS: tuple[Window, ...] = ("24h", "7d", "30d", "all")
HOUR, DAY = 3600.0, 86_400.0
KEY = b"momentum-1"


@st.composite
def trades_of(
    draw: st.DrawFn,
    strategies: Sequence[str] = ("trend", "carry"),
    assets: Sequence[str] = ("BTC", "ETH", "SOL"),
    *,
    most: int = 60,
) -> list[Trade]:
    """In the order of their arrival: mostly in that of their exits, some late by minutes, hours or weeks."""
    now = START
    made = []
    money = st.floats(-1e6, 1e6).map(lambda x: round(x, 4))
    for seq in range(draw(st.integers(1, most))):
        now += draw(st.sampled_from([0.0, 40.0, 1000.0, HOUR, 7 * HOUR, 2 * DAY]))
        late = draw(st.sampled_from([0.0] * 6 + [300.0, 2 * HOUR, 26 * HOUR, 8 * DAY, 40 * DAY]))
        exit_ts = now - late
        made.append(
            Trade(
                1, "momentum-1", EPOCH, seq, now, f"t{seq}", draw(st.sampled_from(strategies)),
                draw(st.sampled_from(assets)), draw(st.sampled_from(["buy", "sell"])),
                draw(st.sampled_from([0.5, 1.0, 3.0])), draw(money), draw(money),
                exit_ts - draw(st.sampled_from([1.0, HOUR, 30 * HOUR])), exit_ts,
                draw(st.sampled_from([0.0, 0.1, -0.25, 12.0])), draw(st.sampled_from([0.0, 0.01, -0.5])),
                draw(st.sampled_from([0.0, 0.3, -2.0])),
            )
        )  # fmt: skip
    return made


def records(trades: Iterable[Trade]) -> list[Rec]:
    return [
        Rec(offset, int(trade.ts * 1000), KEY, orjson.dumps(orjson.loads(wire.encode(trade))))
        for offset, trade in enumerate(trades)
    ]


def net_of(trade: Trade) -> float:
    return gross_of(trade) - trade.fees + trade.funding - abs(trade.slippage * trade.size)


def within(trades: Iterable[Trade], window: Window, ts: float) -> list[Trade]:
    """The definition: the last 24 UTC hours, 7 or 30 UTC days, by exit."""
    secs, count = {"24h": (HOUR, 24), "7d": (DAY, 7), "30d": (DAY, 30), "all": (DAY, 10**9)}[window]
    last = ts // secs
    return [trade for trade in trades if last - count < trade.exit_ts // secs <= last]


def total(trades: Iterable[Trade], of: Callable[[Trade], float]) -> float:
    return fsum(map(of, trades))


def check(found: wire.Attribution, expected: Sequence[Trade]) -> None:
    """Sums agree to 1e-10 of what was added up in the window; a closed hour keeps 10⁻¹² of its largest sum."""
    scale = fsum(abs(gross_of(t)) + abs(net_of(t)) + abs(t.fees) for t in expected)

    def same(value: float, trades: Iterable[Trade], of: Callable[[Trade], float]) -> None:
        assert value == pytest.approx(total(trades, of), rel=1e-9, abs=1e-10 * scale)

    for shares, label in ((found.by_strategy, "strategy"), (found.by_asset, "asset")):
        assert set(shares) == {getattr(trade, label) for trade in expected}
        for name, share in shares.items():
            own = [trade for trade in expected if getattr(trade, label) == name]
            assert share.count == len(own)
            same(share.gross, own, gross_of)
            same(share.net, own, net_of)
            if isinstance(share, wire.StrategyShare):
                same(share.fees, own, lambda t: t.fees)
                same(share.slippage_cost, own, lambda t: abs(t.slippage * t.size))
    for hour, net in enumerate(found.by_hour):
        same(net, [t for t in expected if int(t.entry_ts // HOUR) % 24 == hour], net_of)
    check_totals(found, expected, scale)


def check_totals(found: wire.Attribution, expected: Sequence[Trade], scale: float) -> None:
    assert found.totals.count == len(expected)
    sums = (found.totals.gross, found.totals.net, found.totals.fees, found.slippage_cost, found.funding)
    direct = (
        total(expected, gross_of), total(expected, net_of), total(expected, lambda t: t.fees),
        total(expected, lambda t: abs(t.slippage * t.size)), total(expected, lambda t: t.funding),
    )  # fmt: skip
    assert sums == pytest.approx(direct, rel=1e-9, abs=1e-10 * scale)
    turnover = total(expected, lambda t: abs(gross_of(t)))
    if turnover > 0:
        assert found.fee_drag_pct == pytest.approx(100 * direct[2] / turnover, rel=1e-8, abs=1e-8)
    else:
        assert found.fee_drag_pct is None


@settings(max_examples=15, deadline=None)
@given(trades_of(most=40), st.sampled_from([0.0, 2 * HOUR, 3 * DAY, 31 * DAY]))
def test_every_prefix_is_the_direct_recomputation(trades: list[Trade], later: float) -> None:
    run = Run(trades_pipeline(1))
    for so_far, record in enumerate(records(trades), 1):
        run.apply([record])
        known = trades[:so_far]
        ts = known[-1].ts + later
        for window in WINDOWS:
            expected = within(known, window, ts)
            made = attribution_of(run.state, window, ts)
            check(made, expected)
            validate(wire.encode(made), AttributionRecord)
            of_window = figures(run.state, window, ts)
            nets = [net_of(trade) for trade in expected]
            assert of_window.count == len(nets)
            assert of_window.wins == sum(net > 0 for net in nets)
            moved = fsum(map(abs, nets))
            assert (of_window.net, of_window.profits, of_window.losses) == pytest.approx(
                (fsum(nets), fsum(n for n in nets if n > 0), -fsum(n for n in nets if n < 0)),
                rel=1e-9,
                abs=1e-10 * moved,
            )


MANY = [f"run-{number}-{'x' * (number % 50)}" for number in range(400)]


@settings(max_examples=10, deadline=None)
@given(
    trades_of(
        ["main", "main", "main", *MANY], ["BTC", *MANY, "ü" * 64, "😀" * 64, "😎" * 64, OTHER], most=150
    )
)
def test_runaway_labels_stay_bounded_and_lose_no_money(trades: list[Trade]) -> None:
    run = Run(trades_pipeline(1))
    for so_far, record in enumerate(records(trades), 1):
        run.apply([record])
        if so_far % 10 and so_far < len(trades):
            continue
        assert sum(map(len, packed(run.states).values())) < 16 * 1024
        known = trades[:so_far]
        ts = known[-1].ts
        for window in WINDOWS:
            expected = within(known, window, ts)
            scale = fsum(abs(gross_of(t)) + abs(net_of(t)) + abs(t.fees) for t in expected)
            made = attribution_of(run.state, window, ts)
            check_totals(made, expected, scale)
            # of the closed hours, and of the open one
            assert len(made.by_strategy) <= 2 * STRATEGIES + 1
            assert len(made.by_asset) <= 2 * ASSETS + 1
            assert sum(share.count for share in made.by_asset.values()) == len(expected)
            for name, share in made.by_strategy.items():
                assert share.count <= sum(t.strategy == name for t in expected) or name == OTHER


def test_an_agent_that_does_everything_at_once_fits() -> None:
    """Each hour of a month it enters in every hour of the day, with all names, costs and refunds."""
    state = TradesState("a" * 64)
    largest, seq = 0, 0
    for hour in range(32 * 24):
        for entry in range(24):
            ts = START + 3600.0 * hour + 100 * entry
            trade = Trade(
                1, "a" * 64, 0, seq, ts, "t", f"s{seq % 6}" + "x" * 60, f"a{seq % 16:02}" + "y" * 20, "buy", 1.0, 100.0,
                100.0 + seq % 7 - 3.01, ts - 3600.0 * entry, ts, 0.1, 0.01, 0.02,
            )  # fmt: skip
            step(state, trade, Rec(seq, int(ts * 1000), KEY, None), 0, [])
            seq += 1
        if hour % 24 == 23:
            parts = sum(len(part) for _, part in state.closed.all_parts())
            largest = max(largest, len(state.pack()) + parts)
    assert 14 * 1024 < largest < 16 * 1024
    assert len(state.pack()) < 3 * 1024


def test_what_trades_most_keeps_its_name_and_all_its_trades() -> None:
    """Breaks when a label that comes with every trade drives out an established one."""
    made = []
    for number in range(3000):
        ts = START + 600.0 * number
        strategy = "main" if number % 3 else f"uuid-{number}"
        made.append(
            Trade(
                1,
                "momentum-1",
                EPOCH,
                number,
                ts,
                "t",
                strategy,
                "BTC",
                "buy",
                1.0,
                10.0,
                11.0,
                ts - 60,
                ts,
                0.1,
            )
        )
    run = Run(trades_pipeline(1))
    run.apply(records(made))
    ts = made[-1].ts
    for window in WINDOWS:
        expected = Counter("main" if t.strategy == "main" else OTHER for t in within(made, window, ts))
        shares = attribution_of(run.state, window, ts).by_strategy
        assert shares["main"].count == expected["main"]
        assert shares["main"].net == pytest.approx(0.9 * expected["main"], rel=1e-9)
        assert sum(share.count for name, share in shares.items() if name != "main") == expected[OTHER]


@settings(max_examples=12, deadline=None)
@given(
    trades_of(MANY[:30], MANY[:40], most=120), st.lists(st.integers(0, 120), max_size=6), st.integers(0, 40)
)
def test_cuts_restarts_and_replays_change_nothing(trades: list[Trade], cuts: list[int], overlap: int) -> None:
    log = records(trades)
    whole = Run(trades_pipeline(1))
    whole.apply(log)
    killed = Run(trades_pipeline(1))
    at = 0
    for cut in [*sorted(min(cut, len(log)) for cut in cuts), len(log)]:
        killed.restart()
        killed.apply(log[max(0, at - overlap) : cut])
        at = cut
    assert killed.packed() == whole.packed()
    assert killed.outputs == whole.outputs
    ts = trades[-1].ts
    for window in WINDOWS:
        assert wire.encode(attribution_of(killed.state, window, ts)) == wire.encode(
            attribution_of(whole.state, window, ts)
        )


def test_many_small_trades_lose_no_digit() -> None:
    """Breaks when a sum of the life is a plain one: 0.1 added 20,000 times is off in the 12th digit."""
    state = TradesState("momentum-1")
    for number in range(20_000):
        ts = START + 30.0 * number
        trade = Trade(1, "momentum-1", 0, number, ts, "t", "s", "a", "buy", 1.0, 0.0, 0.1, ts, ts)
        step(state, trade, Rec(number, int(ts * 1000), KEY, None), 0, [])
    assert figures(state, "all", START).net == pytest.approx(fsum([0.1] * 20_000), rel=1e-15)


def test_a_missing_part_is_noticed() -> None:
    run = Run(trades_pipeline(1))
    run.apply(
        records(
            [
                Trade(
                    1,
                    "momentum-1",
                    0,
                    n,
                    START + n * HOUR,
                    "t",
                    "s",
                    "a",
                    "buy",
                    1.0,
                    1.0,
                    2.0,
                    START,
                    START + n * HOUR,
                )
                for n in range(40)
            ]
        )
    )
    head, parts = run.state.pack(), dict(run.state.closed.all_parts())
    assert TradesState.unpack(head, parts).pack() == head
    for suffix in parts:
        with pytest.raises(ValueError, match="a part is missing"):
            TradesState.unpack(head, {other: part for other, part in parts.items() if other != suffix})


def test_an_exit_in_the_future_is_refused() -> None:
    """It would close all hours before it, and make every trade from now on a late one."""
    run = Run(trades_pipeline(1))
    ahead = Trade(1, "momentum-1", 0, 0, START, "t", "s", "a", "buy", 1.0, 1.0, 2.0, START, START + 1e6)
    run.apply(records([ahead]))
    assert not run.states
    assert [out.labels for out in run.outputs] == [("trades", "future")]
