"""What a batch adds to the process's metrics."""

from collections.abc import Iterable

from fleawatch.core.outputs import Output
from fleawatch.core.pipeline import Applied
from fleawatch.telemetry import Telemetry


def count(telemetry: Telemetry, topic: str, applied: Applied, secs: float) -> None:
    """`secs` is the time it took to apply the batch."""
    for result, number in (
        ("applied", applied.events),
        ("duplicate", applied.duplicates),
        ("replayed", applied.replayed),
        ("rejected", sum(applied.rejected.values())),
    ):
        if number:
            telemetry.events.labels(topic, result).inc(number)
    telemetry.batch_seconds.labels(topic).observe(secs)
    count_outputs(telemetry, applied.outputs)


def count_outputs(telemetry: Telemetry, outputs: Iterable[Output]) -> None:
    counters = {
        "alerts": telemetry.alerts,
        "anomalies": telemetry.anomalies,
        "dead-letter": telemetry.rejected,
    }
    for output in outputs:
        if output.topic in counters:
            counters[output.topic].labels(*output.labels).inc()
