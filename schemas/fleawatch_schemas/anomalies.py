"""Topic `anomalies`: every return that does not fit, for downstream consumers."""

from typing import Annotated, Literal

from pydantic import Field

from fleawatch_schemas.contract import AgentId, AlertId, Contract, Count, Name, Time


class RecordRef(Contract):
    """The record that caused an output."""

    topic: str
    """Short name, without the prefix."""
    partition: Count
    offset: Count


class AnomalyEvent(Contract):
    """A return outside the detector's threshold, before severities, hysteresis and silences."""

    anomaly_id: AlertId
    """The same when the event is processed again."""
    agent_id: AgentId
    ts: Time
    detector: Name
    return_: float = Field(alias="return")
    """Flow-adjusted, as a fraction of the previous equity."""
    z_score: float
    """The distance from the baseline's mean in its standard deviations."""
    baseline_mean: float
    baseline_std: Annotated[float, Field(ge=0)]
    n: Count
    """Returns in the window, this one included."""
    direction: Literal["loss", "gain"]
    equity: float
    source: RecordRef
    gap: bool = False
    """The return spans a pause in the data, and does not alert."""
