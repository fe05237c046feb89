"""Every Prometheus metric of ours, one line each. A registry is passed in, so that tests and processes do not share one.

Two kinds: a process's own (`Telemetry`, prefix `fleawatch_`) live in its registry; an agent's figures (`AGENT`, prefix a
setting) are read from the states at each scrape (`agents/exposition.py`) and kept nowhere.
"""

from typing import Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BATCH_SECS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
FLUSH_SECS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


class AgentMetric(NamedTuple):
    """A figure of an agent. Its first label is `agent_id`; a figure that is undefined has no series."""

    name: str
    kind: Literal["gauge", "summary"]
    help: str
    unit: str
    labels: tuple[str, ...] = ()


_USD, _PCT, _MONEY = "USD", "percent", "the account's currency"
AGENT = (
    AgentMetric("balance_usd", "gauge", "Cash", _USD),
    AgentMetric("equity", "gauge", "Cash and open positions at market prices", _MONEY),
    AgentMetric("pnl_24h_usd", "gauge", "Gain of the last 24 hours, without deposits and withdrawals", _USD),
    AgentMetric("sharpe_ratio", "gauge", "Mean over deviation of bar returns, annualised", "ratio"),
    AgentMetric("sortino_ratio", "gauge", "Mean over downside deviation of bar returns, annualised", "ratio"),
    AgentMetric("calmar_ratio", "gauge", "Compound annual return over maximum drawdown", "ratio"),
    AgentMetric("max_drawdown_pct", "gauge", "Deepest fall from a peak, flow-adjusted", _PCT),
    AgentMetric("drawdown_pct", "gauge", "Present fall from the peak, flow-adjusted", _PCT),
    AgentMetric("volatility", "gauge", "Deviation of returns, not annualised", "per return"),
    AgentMetric("z_score", "gauge", "The newest return against the up to 99 before it", "deviations"),
    AgentMetric("regime_change_score", "gauge", "How differently the last 20 returns vary", "ratio"),
    AgentMetric("win_rate_pct", "gauge", "Trades with a net gain", _PCT),
    AgentMetric("profit_factor", "gauge", "Net gains over net losses of trades", "ratio"),
    AgentMetric("trades", "gauge", "Closed trades", "trades"),
    AgentMetric("trade_pnl", "gauge", "Net gain of closed trades", _MONEY),
    AgentMetric("pnl_by_strategy", "gauge", "Net gain of closed trades", _MONEY, ("strategy",)),
    AgentMetric("pnl_by_asset", "gauge", "Net gain of closed trades", _MONEY, ("asset",)),
    AgentMetric("pnl_by_hour", "gauge", "Net gain of closed trades, by UTC hour of entry", _MONEY, ("hour",)),
    AgentMetric("fee_drag_pct", "gauge", "Fees over what the trades moved", _PCT),
    AgentMetric("slippage_cost", "gauge", "What slippage cost closed trades", _MONEY),
    AgentMetric("open_positions", "gauge", "Open positions", "positions"),
    AgentMetric("alive", "gauge", "0 while the alert agent_stopped is open, else 1", "0 or 1"),
    AgentMetric(
        "control_state",
        "gauge",
        "What it shall do: 0 run, 1 pause, 2 stay killed; none before the first order",
        "0 to 2",
    ),
    AgentMetric(
        "uptime_seconds", "gauge", "Since the agent's process started, at its last heartbeat", "seconds"
    ),
    AgentMetric("errors_1h", "gauge", "Errors of the last hour, as the agent counts them", "errors"),
    AgentMetric("check_ok", "gauge", "Whether the agent's own check passed", "0 or 1", ("check",)),
    AgentMetric("api_latency_ms", "gauge", "The latest call", "milliseconds", ("endpoint",)),
    AgentMetric("api_latency_seconds", "summary", "The last 100 calls", "seconds", ("endpoint", "quantile")),
    AgentMetric("firing_alerts", "gauge", "Open alerts", "alerts", ("severity",)),
    AgentMetric("last_event_timestamp_seconds", "gauge", "Time of the newest event", "seconds", ("topic",)),
)

# No label tells them apart from an agent's, so they have names of their own: a sum over agents must not count them.
FLEET = (
    AgentMetric("fleet_equity", "gauge", "Of all live agents together", "the fleet's currency"),
    AgentMetric("fleet_balance_usd", "gauge", "Cash of all live agents together", _USD),
    AgentMetric("fleet_pnl_24h_usd", "gauge", "Their gain of the last 24 hours, without flows", _USD),
    AgentMetric("fleet_drawdown_pct", "gauge", "The fleet's present fall from its peak, flow-adjusted", _PCT),
    AgentMetric("fleet_max_drawdown_pct", "gauge", "The fleet's deepest fall from a peak", _PCT),
    AgentMetric("fleet_sharpe_ratio", "gauge", "Of the fleet's bar returns, annualised", "ratio"),
    AgentMetric(
        "fleet_agents",
        "gauge",
        "Agents of the fleet by state; one agent can be in several",
        "agents",
        ("state",),
    ),
    AgentMetric(
        "fleet_partitions_missing", "gauge", "Partitions whose last second is carried over", "partitions"
    ),
)


class Telemetry:
    """The metrics of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        # monitor
        self.events = Counter(
            "fleawatch_events", "Input records by what became of them", ["topic", "result"], registry=registry
        )
        self.rejected = Counter(
            "fleawatch_dead_letter",
            "Input records sent to dead-letter",
            ["topic", "reason"],
            registry=registry,
        )
        self.anomalies = Counter(
            "fleawatch_anomalies", "Anomalies found", ["detector", "direction"], registry=registry
        )
        self.alerts = Counter(
            "fleawatch_alerts", "Alert transitions", ["rule", "severity", "status"], registry=registry
        )
        self.agents = Gauge("fleawatch_agents", "Agents of the owned partitions", registry=registry)
        self.left_out = Gauge(
            "fleawatch_agents_left_out",
            "Agents whose figures are over the limit of a scrape",
            registry=registry,
        )
        self.scrape_seconds = Gauge(
            "fleawatch_scrape_busy_seconds",
            "Time spent on agents' figures for this scrape",
            registry=registry,
        )
        self.slice_seconds = Gauge(
            "fleawatch_scrape_longest_slice_seconds", "The longest part of it at a stretch", registry=registry
        )
        self.registry_unreadable = Counter(
            "fleawatch_registry_unreadable",
            "Records of rules, agents and the control topics that were passed over",
            ["topic"],
            registry=registry,
        )
        self.commands = Counter(
            "fleawatch_commands", "What agents were told by automatic control", ["action"], registry=registry
        )
        # engine
        self.batch_seconds = Histogram(
            "fleawatch_batch_seconds",
            "Applying a batch of records",
            ["topic"],
            registry=registry,
            buckets=BATCH_SECS,
        )
        self.commits = Counter("fleawatch_commits", "Commit barriers passed", registry=registry)
        self.flush_seconds = Histogram(
            "fleawatch_flush_seconds",
            "A commit barrier: outputs, state and offsets made durable",
            registry=registry,
            buckets=FLUSH_SECS,
        )
        self.barrier_failures = Counter(
            "fleawatch_barrier_failures", "Commit barriers that failed", registry=registry
        )
        self.changelog_bytes = Counter("fleawatch_changelog_bytes", "State bytes written", registry=registry)
        self.recovery_seconds = Gauge(
            "fleawatch_recovery_seconds",
            "The last reading back of a table's state",
            ["table"],
            registry=registry,
        )
        self.lag = Gauge(
            "fleawatch_lag_records", "Records not yet applied", ["topic", "partition"], registry=registry
        )
        self.ready = Gauge("fleawatch_ready", "1 when recovered and consuming", registry=registry)
        # notifiers
        self.notifications = Counter(
            "fleawatch_notifications", "Deliveries by outcome", ["channel", "outcome"], registry=registry
        )
        # bot
        self.bot_updates = Counter(
            "fleawatch_bot_updates",
            "What came from Telegram, by what it was: pressed, told, ignored, refused",
            ["result"],
            registry=registry,
        )
