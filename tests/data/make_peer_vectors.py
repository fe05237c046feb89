"""Records what quantstats 0.0.86 and empyrical-reloaded 0.7.1 say, in `peer_vectors.json` beside this file.

They are no development dependencies: forty packages come with them, an HTTP client that imitates browsers and two plotting
libraries among them, and both warn on import. To record anew, in an environment of its own:

    uv run --no-project --with quantstats==0.0.86 --with empyrical-reloaded==0.7.1 tests/data/make_peer_vectors.py
"""

import json
import math
import platform
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

PACKAGES = ("quantstats", "empyrical-reloaded", "pandas", "numpy")
SOUND: dict[str, tuple[int, list[float]]] = {
    "eight returns": (252, [0.01, -0.02, 0.015, 0, -0.005, 0.02, -0.01, 0.003]),
    "begins with a loss": (252, [-0.1, 0.05, 0.02, -0.01]),
    "two returns": (365, [0.01, -0.02]),
    "tiny": (8760, [1e-7, -2e-7, 3e-7, -1e-7]),
    "long decline": (365, [-0.03] * 40 + [0.001, -0.05, 0.02]),
    "hours around the clock": (8760, []),
    "fat tails": (252, []),
    "mostly nothing": (105_120, []),
}
EDGES: dict[str, list[float]] = {
    "no variance": [0.01, 0.01, 0.01],
    "no loss": [0.01, 0.02, 0.03],
    "nothing but zeros": [0.0, 0.0, 0.0],
    "one return": [0.01],
    "wiped out": [0.01, -1.0, 0.0],
    "below nothing": [0.01, -1.5, 0.2],
    "gains that look like prices": [1.5, 0.2, 0.1],
}
TRADES = [80.2, -206.8, 301.8, -1.8, 0.0, 12.5]


def _fill() -> None:
    rng = np.random.default_rng(4)
    for name, values in (
        ("hours around the clock", 4e-5 + 0.004 * rng.standard_normal(400)),
        ("fat tails", 0.0005 + 0.01 * rng.standard_t(3, 500)),
        ("mostly nothing", np.where(rng.random(600) < 0.8, 0.0, 0.0005 * rng.standard_normal(600))),
    ):
        SOUND[name][1].extend(round(float(x), 8) for x in values)


def _told(ask: Callable[[], Any]) -> float | str:
    """The number, or in words what is none."""
    try:
        value = float(ask())
    except Exception as exc:  # noqa: BLE001 -- what they raise is what is recorded
        return type(exc).__name__
    return value if math.isfinite(value) else str(value)


def _ask(values: list[float], periods: int) -> dict[str, dict[str, float | str]]:
    import empyrical as e  # type: ignore[import-not-found] # not in the project's environment
    import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore] # the same
    import quantstats.stats as q  # type: ignore[import-not-found] # the same

    r = pd.Series(values, index=pd.date_range("2024-01-01", periods=len(values)), dtype=float)
    return {
        "quantstats": {
            "sharpe": _told(lambda: q.sharpe(r, periods=periods)),
            "sortino": _told(lambda: q.sortino(r, periods=periods)),
            "max_drawdown": _told(lambda: -q.max_drawdown(r)),
            "calmar": _told(lambda: q.calmar(r, periods=periods)),
            "volatility": _told(lambda: q.volatility(r, annualize=False)),
        },
        "empyrical": {
            "sharpe": _told(lambda: e.sharpe_ratio(r, annualization=periods)),
            "sortino": _told(lambda: e.sortino_ratio(r, annualization=periods)),
            "max_drawdown": _told(lambda: -e.max_drawdown(r)),
            "calmar": _told(lambda: e.calmar_ratio(r, annualization=periods)),
            "volatility": _told(lambda: e.annual_volatility(r, annualization=1)),
        },
    }


def _trades() -> dict[str, float | str]:
    import pandas as pd
    import quantstats.stats as q

    net = pd.Series(TRADES, index=pd.date_range("2024-01-01", periods=len(TRADES)))
    return {
        "win_rate": _told(lambda: q.win_rate(net, prepare_returns=False)),
        "profit_factor": _told(lambda: q.profit_factor(net, prepare_returns=False)),
    }


def main() -> None:
    warnings.simplefilter("ignore")  # theirs
    _fill()
    recorded = {
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "sound": [
            {"name": name, "periods_per_year": periods, "returns": values, **_ask(values, periods)}
            for name, (periods, values) in SOUND.items()
        ],
        "edges": [
            {"name": name, "periods_per_year": 252, "returns": values, **_ask(values, 252)}
            for name, values in EDGES.items()
        ],
        "trades": {"net": TRADES, "quantstats": _trades()},
    }
    path = Path(__file__).with_name("peer_vectors.json")
    path.write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
