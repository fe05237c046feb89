"""From overrides to rules: layers of values, the narrower ones on top, each effective value with its origin.

A layer maps `rule.field` to a value as people write it (shares in percent); `build` turns the merged values into `Rules`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any, NamedTuple

from fleawatch.core.rules import DEFAULTS, Rule, Rules
from fleawatch_schemas.rules import RuleOverrides

Value = bool | float | str
DEFAULT = "default"
FIELDS = ("enabled", "severity", "threshold", "resolve_at", "for_secs", "cooldown_secs", "quiet_secs")
WARNING_SHARE = 0.8  # of the drawdown limit, where no warning level was set as narrowly as the limit


class Parameter(NamedTuple):
    """What one rule has beside the fields of all. Bounds are in the unit that people write."""

    rule: str
    text: str
    unit: str = ""
    least: float = 0.0
    most: float = 1e9
    choices: tuple[str, ...] = ()


PARAMETERS: dict[str, Parameter] = {
    "kill_drawdown": Parameter(
        "drawdown_exceeded", "above it a kill is due rather than a pause", "%", 1, 100
    ),
    "auto_control": Parameter(
        "drawdown_exceeded",
        "the agent is paused or killed by itself, or it is only said that it would be",
        choices=("off", "dry_run", "on"),
    ),
    "large_loss": Parameter("return_anomaly", "a loss of this share of equity is CRITICAL", "%", 0.01, 100),
    "profile": Parameter(
        "return_anomaly", "the z-score alone, or the calibrated detectors", choices=("classic", "calibrated")
    ),
    "false_alarms_per_fleet_day": Parameter(
        "return_anomaly", "of the calibrated detectors, over all live agents", "a day", 0.01, 1000
    ),
    "fleet_agents": Parameter(
        "return_anomaly",
        "live ones, who share the false alarms; unless set, those of the registry, up to the next power of two",
        "agents",
        1,
        1e6,
    ),
    "silent_intervals": Parameter("agent_stopped", "health intervals to wait", "intervals", 1, 1000),
    "stopping_grace_secs": Parameter(
        "agent_stopped", "more, after the agent said that it stops", "s", 0, 86_400
    ),
    "min_days": Parameter("sharpe_low", "of data before a ratio is judged", "days", 1, 365),
    "calmar_min_days": Parameter("calmar_low", "of data before Calmar is judged", "days", 1, 365),
    "min_trades": Parameter("win_rate_low", "before trades are judged", "trades", 1, 1e6),
    "latency_spike": Parameter("api_latency", "times the endpoint's own baseline", "×", 1, 1000),
    "errors_spike": Parameter("error_rate", "times the agent's own baseline", "×", 1, 1000),
    "silent_agents": Parameter("fleet_silent", "so many at least, beside the share", "agents", 1, 1e6),
    "heartbeat_secs": Parameter("watchdog", "how often it is said again", "s", 1, 300),
    "equity_milestone": Parameter("milestone", "a new high by so much", "%", 0.1, 1000),
    "trades_milestone": Parameter(
        "milestone", "so many trades, and ten times as many, and so on", "trades", 1, 1e9
    ),
}

PRESETS: dict[str, dict[str, Value]] = {
    # few and large winners, long stretches below the peak
    "trend": {"win_rate_low.threshold": 25.0, "calmar_low.threshold": 0.3},
    # many small winners, some large losers
    "mean-reversion": {"win_rate_low.threshold": 50.0, "profit_factor_low.threshold": 1.1},
    # very many tiny trades: the figures hardly vary, so they are held to more
    "market-making": {
        "win_rate_low.threshold": 50.0,
        "sharpe_low.threshold": 1.0,
        "profit_factor_low.threshold": 1.1,
    },
}

# A wider layer's value on the right means nothing any more where a narrower one sets what is on the left.
_FOLLOWS: dict[str, str] = {"drawdown_exceeded.threshold": "drawdown_warning.threshold"}
RULE_NAMES: tuple[str, ...] = tuple(
    field.name for field in fields(DEFAULTS) if isinstance(getattr(DEFAULTS, field.name), Rule)
)


class Layer(NamedTuple):
    """The values of one scope, or of a preset. `origin` is what a person is told."""

    origin: str
    values: Mapping[str, Value]


class Merged(NamedTuple):
    """What holds after all layers: by path the value that was set, and where."""

    values: dict[str, Value]
    origins: dict[str, str]


def layers_of(overrides: RuleOverrides) -> list[Layer]:
    """A record as layers: its preset, then its own values."""
    origin = overrides.scope if overrides.name is None else f"{overrides.scope} {overrides.name}"
    layers = []
    if overrides.preset is not None:
        layers.append(Layer(f"preset {overrides.preset} ({origin})", PRESETS[overrides.preset]))
    values: dict[str, Value] = {}
    for rule, change in overrides.rules.items():
        for name, value in change:
            if name != "parameters" and value is not None:
                values[f"{rule}.{name}"] = value
        for name, value in change.parameters.items():
            values[f"{rule}.{name}"] = value
    layers.append(Layer(origin, values))
    return layers


def merge(layers: Iterable[Layer]) -> Merged:
    """The widest first; a later layer's value replaces an earlier one's."""
    values: dict[str, Value] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        for path, value in layer.values.items():
            for gone in (_FOLLOWS.get(path, ""), _resolve_of(path)):
                if gone and gone not in layer.values:
                    values.pop(gone, None)
                    origins.pop(gone, None)
            values[path] = value
            origins[path] = layer.origin
    return Merged(values, origins)


def _resolve_of(path: str) -> str:
    """The level at which a wider scope resolved says nothing about another threshold."""
    return path.removesuffix("threshold") + "resolve_at" if path.endswith(".threshold") else ""


def build(base: Rules, values: Mapping[str, Value]) -> Rules:
    """`base` with the merged values; paths that this release does not know are ignored."""
    changes: dict[str, Any] = {}
    for path, value in values.items():
        rule, _, field = path.partition(".")
        parameter = PARAMETERS.get(field)
        if parameter is not None and parameter.rule == rule:
            changes[field] = inner(value, parameter.unit)
    for name in {path.partition(".")[0] for path in values}:
        if name in RULE_NAMES:
            changes[name] = _changed(getattr(base, name), values)
    limit = changes.get("drawdown_exceeded")
    if (
        limit is not None
        and "drawdown_exceeded.threshold" in values
        and "drawdown_warning.threshold" not in values
    ):
        warning = changes.get("drawdown_warning", base.drawdown_warning)
        changes["drawdown_warning"] = replace(warning, threshold=WARNING_SHARE * limit.threshold)
    return replace(base, **changes)


def _changed(rule: Rule, values: Mapping[str, Value]) -> Rule:
    changes: dict[str, Any] = {}
    for field in ("enabled", "severity", "for_secs", "cooldown_secs", "quiet_secs"):
        value = values.get(f"{rule.name}.{field}")
        if value is not None:
            changes[field] = value
    threshold = values.get(f"{rule.name}.threshold")
    if threshold is not None:
        changes["threshold"] = inner(threshold, rule.unit)
        # what is off until it has a threshold is on with one, unless somebody said otherwise
        changes.setdefault("enabled", True)
    changed = replace(rule, **changes)
    resolve_at = values.get(f"{rule.name}.resolve_at")
    if resolve_at is not None:
        level = float(inner(resolve_at, rule.unit))
        near, far = (changed.threshold, level) if rule.below else (level, changed.threshold)
        changed = replace(changed, resolve_ratio=near / far if far else 0.0)
    return changed


def inner(value: Value, unit: str) -> Value:
    """From what people write to what the core computes with."""
    return value / 100 if unit == "%" and isinstance(value, (int, float)) else value


def outer(value: float, unit: str) -> float:
    """And back. Rounded: 0.07 · 100 is not quite 7."""
    return round(100 * value, 9) if unit == "%" else value
