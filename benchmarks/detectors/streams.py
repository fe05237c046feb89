"""Returns of made-up agents, and what goes wrong with them.

One-minute bars. A return is Student-t GARCH(1,1), h = 0.02 + 0.08·r² + 0.90·h with a long-run variance of 1, times a daily
pattern of volatility, times the agent's own scale; the degrees of freedom are 3, 4, 6 and 10 in turn, every fifth agent is
idle 20 % of the time (its return is exactly zero then). Arrays are (bars, agents): one row a minute.

The coefficients give the z-score the false alarms that it is known for: 7.3 in 1,000 returns where the innovations are
Gaussian, 12.2 at 10 degrees of freedom, 22.0 at 3.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DAY = 1440
NUS = (3, 4, 6, 10)
DIURNAL = 0.4
"""Amplitude of the logarithm of the daily pattern: noon has 2.2 times the volatility of midnight."""
_OMEGA, _ALPHA, _BETA = 0.02, 0.08, 0.90
_BURN = 500
_SPELL = 30.0
"""Mean length of an idle spell, bars."""

Floats = NDArray[np.float64]


class Streams(NamedTuple):
    """`sigma` is the true conditional deviation of each return, `nu` the degrees of freedom of each agent."""

    returns: Floats
    sigma: Floats
    nu: Floats


class Fault(NamedTuple):
    """`bars`: how long it lasts; `size`: in its own unit, see `inject`."""

    name: str
    bars: int
    size: float


FAULTS = (
    Fault("shock 6σ", 1, 6.0),
    Fault("shock 8σ", 1, 8.0),
    Fault("shock 12σ", 1, 12.0),
    Fault("volatility ×2.5", 150, 2.5),
    Fault("volatility ×0.3", 200, 0.3),
    Fault("drift −0.35σ", 240, -0.35),
    Fault("win rate 38 %", 240, 0.38),
)


def clean(seed: int, agents: int, bars: int) -> Streams:
    """Streams without faults; the same for the same seed."""
    rng = np.random.default_rng(seed)
    nu = np.resize(np.array(NUS, dtype=float), agents)
    shrink = np.sqrt((nu - 2) / nu)
    returns = np.empty((bars, agents))
    sigma = np.empty((bars, agents))
    variance = np.ones(agents)
    phase = rng.uniform(0, 2 * np.pi, agents)
    scale = 10 ** rng.uniform(-4.5, -2.5, agents)
    for bar in range(-_BURN, bars):
        deviation = np.sqrt(variance)
        innovation = deviation * shrink * rng.standard_t(nu)
        variance = _OMEGA + _ALPHA * innovation**2 + _BETA * variance
        if bar >= 0:
            daily = scale * np.exp(DIURNAL * np.sin(2 * np.pi * bar / DAY + phase))
            returns[bar] = daily * innovation
            sigma[bar] = daily * deviation
    returns[_idle(rng, agents, bars)] = 0.0
    return Streams(returns, sigma, nu)


def _idle(rng: np.random.Generator, agents: int, bars: int) -> NDArray[np.bool_]:
    """Spells of idleness of every fifth agent, 20 % of its time."""
    idle = np.zeros((bars, agents), dtype=bool)
    for agent in range(0, agents, 5):
        bar = 0.0
        while (bar := bar + rng.exponential(4 * _SPELL)) < bars:
            end = bar + rng.exponential(_SPELL)
            idle[int(bar) : int(end), agent] = True
            bar = end
    return idle


def inject(streams: Streams, fault: Fault, at: NDArray[np.int64], seed: int) -> Floats:
    """The returns with `fault` beginning at bar `at` of each agent.

    A shock adds so many true deviations, up or down; volatility is multiplied; drift adds a share of the true deviation to
    each return; of the win rate, signs are drawn anew. Idle bars stay idle, except that a shock is always there.
    """
    rng = np.random.default_rng(seed)
    returns = streams.returns.copy()
    agents = np.arange(returns.shape[1])
    for offset in range(fault.bars):
        rows = at + offset
        now = returns[rows, agents]
        deviation = streams.sigma[rows, agents]
        if fault.name.startswith("shock"):
            changed = now + rng.choice((-1.0, 1.0), len(agents)) * fault.size * deviation
        elif fault.name.startswith("volatility"):
            changed = now * fault.size
        elif fault.name.startswith("drift"):
            changed = np.where(now == 0, 0.0, now + fault.size * deviation)
        else:
            changed = np.where(rng.random(len(agents)) < fault.size, 1.0, -1.0) * np.abs(now)
        returns[rows, agents] = changed
    return returns
