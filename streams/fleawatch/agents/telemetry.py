"""What a batch adds to the process's metrics."""

from collections.abc import Iterable

from fleawatch.core.outputs import Output
from fleawatch.core.pipeline import Applied
from fleawatch.telemetry import Telemetry


def count(telemetry: Telemetry, topic: str, applied: Applied) -> None:
    telemetry.events.labels(topic).inc(applied.events)
    if applied.duplicates:
        telemetry.duplicates.labels(topic).inc(applied.duplicates)
    count_outputs(telemetry, applied.outputs)


def count_outputs(telemetry: Telemetry, outputs: Iterable[Output]) -> None:
    counters = {
        "alerts": telemetry.alerts,
        "anomalies": telemetry.anomalies,
        "dead-letter": telemetry.rejected,
    }
    for output in outputs:
        counters[output.topic].labels(*output.labels).inc()
