"""Every Prometheus metric of ours, one line each. A registry is passed in, so that tests and processes do not share one."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class Telemetry:
    """The metrics of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        # monitor
        self.events = Counter("fleawatch_events", "Input events applied", ["topic"], registry=registry)
        self.duplicates = Counter(
            "fleawatch_duplicates", "Input events dropped as duplicates", ["topic"], registry=registry
        )
        self.rejected = Counter(
            "fleawatch_rejected", "Input records sent to dead-letter", ["topic", "reason"], registry=registry
        )
        self.anomalies = Counter(
            "fleawatch_anomalies", "Anomalies found", ["detector", "direction"], registry=registry
        )
        self.alerts = Counter(
            "fleawatch_alerts", "Alert transitions", ["rule", "severity", "status"], registry=registry
        )
        # engine
        self.commits = Counter("fleawatch_commits", "Commit barriers passed", registry=registry)
        self.barrier_failures = Counter(
            "fleawatch_barrier_failures", "Commit barriers that failed", registry=registry
        )
        self.changelog_bytes = Counter("fleawatch_changelog_bytes", "State bytes written", registry=registry)
        self.lag = Gauge(
            "fleawatch_lag_records", "Records not yet applied", ["topic", "partition"], registry=registry
        )
        self.ready = Gauge("fleawatch_ready", "1 when recovered and consuming", registry=registry)
        # notifiers
        self.notifications = Counter(
            "fleawatch_notifications", "Deliveries by outcome", ["channel", "outcome"], registry=registry
        )
