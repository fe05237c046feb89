"""The demo's table says what the output topics say, and nothing twice."""

import json

from fleawatch.local.demo.board import Board
from fleawatch.local.demo.roster import ARCHETYPES
from fleawatch.local.demo.summary import last_line, stories
from fleawatch_schemas.wire import Alert, Anomaly, Metrics, Source, encode


def _alert(rule: str, status: str = "firing", agent_id: str = "hold-wti", alert_id: str = "a" * 16) -> bytes:
    return encode(
        Alert(
            alert_id=alert_id,
            agent_id=agent_id,
            rule=rule,
            severity="CRITICAL",
            status=status,  # type: ignore[arg-type]  # one of the three, by the callers below
            title="t",
            body="b",
            started_ts=1.0,
            ts=1.0,
            runbook="r",
        )
    )


def _metrics(
    ts: float, equity: float, window: str = "24h", sharpe: float | None = None, n: int = 500
) -> bytes:
    return json.dumps(
        dict.fromkeys(Metrics.__struct_fields__)
        | {
            "agent_id": "hold-wti",
            "ts": ts,
            "window": window,
            "equity": equity,
            "drawdown_pct": 1.5,
            "sharpe_ratio": sharpe,
            "n": n,
            "undefined": {},
        }
    ).encode()


def test_the_latest_figures_win_whatever_their_window() -> None:
    board = Board()
    board.apply("metrics", _metrics(20, 99.0, "all", 1.2))
    board.apply("metrics", _metrics(10, 50.0, "24h", 7.0))
    row = board.rows["hold-wti"]
    assert (row.equity, row.sharpe_so_far, row.state) == (99.0, 1.2, "running")
    board.apply("metrics", _metrics(30, 99.0, "all", 614.6, n=3))
    assert row.sharpe_so_far == 7.0  # three returns say nothing


def test_a_repeated_alert_is_no_news_and_is_counted_once() -> None:
    board = Board()
    assert board.apply("alerts", _alert("drawdown_exceeded")) is not None
    assert board.apply("alerts", _alert("drawdown_exceeded")) is None
    assert len(board.alerts) == 1
    assert board.rows["hold-wti"].state == "drawdown_exceeded"


def test_a_resolved_alert_leaves_the_state_but_stays_counted() -> None:
    board = Board()
    board.apply("alerts", _alert("agent_stopped"))
    assert board.rows["hold-wti"].state == "STOPPED"
    assert board.apply("alerts", _alert("agent_stopped", "resolved")) is not None
    assert board.rows["hold-wti"].state == "starting"
    assert len(board.alerts) == 1


def test_only_agents_are_agents() -> None:
    """The fleet as one account has figures and alerts, the monitor alerts; neither is a row."""
    board = Board()
    board.apply("metrics", _metrics(20, 99.0).replace(b"hold-wti", b"_fleet"))
    assert board.apply("alerts", _alert("fleet_drawdown", agent_id="_fleet")) is not None
    assert board.apply("alerts", _alert("watchdog", agent_id="_monitor", alert_id="b" * 16)) is None
    assert board.rows == {}
    assert [alert.rule for alert in board.alerts] == ["fleet_drawdown"]


def test_an_anomaly_is_an_event_not_a_state() -> None:
    board = Board()
    board.apply("alerts", _alert("return_anomaly"))
    board.apply(
        "anomalies",
        encode(
            Anomaly(
                anomaly_id="c" * 16,
                agent_id="hold-wti",
                ts=1.0,
                detector="zscore",
                return_=-0.1,
                z_score=-9.0,
                baseline_mean=0.0,
                baseline_std=0.01,
                n=30,
                direction="loss",
                equity=1.0,
                source=Source("equity", 0, 0),
            )
        ),
    )
    row = board.rows["hold-wti"]
    assert (row.last_z, row.anomalies, row.state) == (-9.0, 1, "starting")


def test_the_summary_says_which_stories_were_seen_and_what_was_counted() -> None:
    board = Board()
    board.apply("alerts", _alert("drawdown_exceeded"))
    board.apply("alerts", _alert("drawdown_exceeded", agent_id="breakout-wti", alert_id="b" * 16))
    told = stories(ARCHETYPES, board)
    assert "CRITICAL drawdown_exceeded" in told[0]
    assert [line.endswith("yet") for line in told] == [False, True, True, True]
    counts = {"equity": 1200, "trades": 3, "health": 7, "anomalies": 2, "dead-letter": 0}
    assert last_line(counts, board, 4) == (
        "processed 1,210 events (1,200 equity, 3 trades, 7 health; 0 rejected), "
        "found 2 anomalies and 2 alerts (drawdown_exceeded 2), sent 4 notifications"
    )
