"""The structs of the hot path have exactly the fields of the models, and what they encode, the models accept."""

import json
import types
from typing import get_args, get_type_hints

import msgspec
import pytest
from pydantic import BaseModel

from fleawatch_schemas import account_entry, control, fleet, wire, wire_control, wire_entry, wire_fleet
from fleawatch_schemas.alerts import AlertEvent
from fleawatch_schemas.anomalies import AnomalyEvent, RecordRef
from fleawatch_schemas.attribution import AssetShare, AttributionRecord, StrategyShare
from fleawatch_schemas.codec import decode_alert, decode_equity, validate
from fleawatch_schemas.equity import EquityEvent
from fleawatch_schemas.health import CheckResult, HealthEvent
from fleawatch_schemas.metrics import MetricsRecord
from fleawatch_schemas.trades import TradeEvent

PAIRS: list[tuple[type[msgspec.Struct], type[BaseModel]]] = [
    (wire.Equity, EquityEvent),
    (wire.Trade, TradeEvent),
    (wire.Health, HealthEvent),
    (wire.Check, CheckResult),
    (wire.Source, RecordRef),
    (wire.Anomaly, AnomalyEvent),
    (wire.Alert, AlertEvent),
    (wire.Metrics, MetricsRecord),
    (wire_fleet.FleetSecond, fleet.FleetSecond),
    (wire_fleet.FleetAgents, fleet.FleetAgents),
    (wire_fleet.FleetGroup, fleet.FleetGroup),
    (wire_fleet.FleetPartial, fleet.FleetPartial),
    (wire_fleet.FleetFigures, fleet.FleetFigures),
    (wire.AssetShare, AssetShare),
    (wire.StrategyShare, StrategyShare),
    (wire.Attribution, AttributionRecord),
    (wire_control.ControlState, control.ControlState),
    (wire_control.Command, control.Command),
    (wire_control.CommandAck, control.CommandAck),
    (wire_entry.AccountEntry, account_entry.AccountEntry),
    (wire_fleet.FleetTrips, fleet.FleetTrips),
]
SOURCE = wire.Source("equity", 3, 18_204)
ANOMALY = wire.Anomaly(
    anomaly_id="6f1c0a9be2d47703",
    agent_id="bot-1",
    ts=1_767_225_600.25,
    detector="zscore",
    return_=-0.0412,
    z_score=-5.83,
    baseline_mean=0.0002,
    baseline_std=0.0071,
    n=100,
    direction="loss",
    equity=9_811.02,
    source=SOURCE,
)
ALERT = wire.Alert(
    alert_id="0b7d11aa93fe2c64",
    agent_id="_fleet",
    rule="fleet_drawdown",
    severity="CRITICAL",
    status="firing",
    title="Fleet drawdown 11.0 % (limit 10 %)",
    body="<b>*_[`",
    started_ts=1_767_225_600.25,
    ts=1_767_225_600.25,
    runbook="drawdown-exceeded",
)


@pytest.mark.parametrize(("struct", "model"), PAIRS, ids=lambda kind: kind.__name__)
def test_the_same_fields_are_required_optional_and_nullable(
    struct: type[msgspec.Struct], model: type[BaseModel]
) -> None:
    hints = get_type_hints(struct, include_extras=True)
    of_struct = {
        field.encode_name: (field.required, types.NoneType in get_args(hints[field.name]))
        for field in msgspec.structs.fields(struct)
    }
    of_model = {
        field.alias or name: (field.is_required(), types.NoneType in get_args(field.annotation))
        for name, field in model.model_fields.items()
    }
    assert of_struct == of_model


@pytest.mark.parametrize(("struct", "model"), PAIRS, ids=lambda kind: kind.__name__)
def test_structs_are_immutable_and_left_alone_by_the_collector(
    struct: type[msgspec.Struct], model: type[BaseModel]
) -> None:
    assert struct.__struct_config__.frozen
    assert not struct.__struct_config__.gc


def test_an_anomaly_is_written_under_the_names_of_the_contract() -> None:
    encoded = wire.encode(ANOMALY)
    assert json.loads(encoded)["return"] == -0.0412
    assert validate(encoded, AnomalyEvent).return_ == -0.0412


def test_an_alert_comes_back_equal() -> None:
    resolved = msgspec.structs.replace(
        ALERT, status="resolved", reason="cleared", value=4.5, labels={"a": "b"}
    )
    for alert in (ALERT, resolved, msgspec.structs.replace(ALERT, source=SOURCE)):
        assert decode_alert(wire.encode(alert)) == alert


def test_undefined_metrics_are_null_and_never_left_out() -> None:
    names = [field.name for field in msgspec.structs.fields(wire.Metrics)]
    metrics = msgspec.convert(
        dict.fromkeys(names)
        | {"agent_id": "bot-1", "ts": 1.5, "window": "24h", "n": 0, "undefined": {"sharpe_ratio": "too_few"}},
        wire.Metrics,
    )
    encoded = wire.encode(metrics)
    assert list(json.loads(encoded)) == names
    assert validate(encoded, MetricsRecord).undefined == {"sharpe_ratio": "too_few"}


def test_absent_optional_inputs_are_left_out() -> None:
    event = wire.Equity(1, "bot-1", 1, 2, 3.5, -4.25, 0.0, 0)
    encoded = wire.encode(event)
    assert set(json.loads(encoded)) == {
        *("v", "agent_id", "epoch", "seq", "ts", "equity", "balance", "open_positions"),
    }
    assert decode_equity(encoded) == event
