"""A suite as releases before state version 5 packed it: volatility rose by a CUSUM on scores, shocks by a mixture of variances.

What was learned is taken over; the sum of a rise begins anew, as it had another unit.
"""

import struct
from math import exp
from typing import Final

from fleawatch.core.detectors import SLOT

_LAYOUT = struct.Struct("<35d")
SIZE: Final = _LAYOUT.size

_PLACE, _FAST, _SLOW, _LEVEL, _EXCESS, _SQUARES, _MOVES = range(7, 14)
_MEAN, _COSINE, _SINE, _LN, _SLOTS, _, _DOWN, _UP_SINCE, _DOWN_SINCE, _SCORES = range(15, 25)
_FARTHER: Final = 0.5677
"""Mean excesses from what 2 % exceed to what 1 % exceed, in a tail of shape 1/4: 3/4 · (2^¼ − 1) / ¼."""
_LONGER: Final = 1.0 + _FARTHER / 3.0  # the mean excess there
_LEAST_RATIO, _MOST_RATIO, _RATIO = 1.0, 25.0, 4.0
_CALM, _WILD = 0.2, 100.0


def numbers_of(data: bytes) -> tuple[float, ...]:
    """The numbers of today's layout.

    Raises:
        ValueError: not so many bytes.
    """
    if len(data) != SIZE:
        raise ValueError(f"detectors: {len(data)} bytes, not {SIZE}")
    old = _LAYOUT.unpack(data)
    left, slots = old[1], old[2]
    ratio, variance = _RATIO, 1.0
    if slots:
        inverse = exp(-2.0 * old[_LN])
        ratio = max(_LEAST_RATIO, min(_MOST_RATIO, old[_SLOW] * inverse))
        variance = max(_CALM, min(_WILD, old[_FAST] * inverse / ratio))
    return (
        *old[:7],
        old[_PLACE], variance, old[_LEVEL] + _FARTHER * old[_EXCESS], _LONGER * old[_EXCESS],
        0.0 if slots else old[_SQUARES], old[_MOVES], 0.0,
        old[_MEAN], old[_COSINE], old[_SINE], old[_LN], old[_SLOTS], ratio, old[_DOWN], old[_DOWN_SINCE], old[_SCORES],
        ratio * (SLOT - left) if slots else 0.0,
        variance, variance, 0.0, max(old[_UP_SINCE], old[_DOWN_SINCE]),
        *old[25:],
    )  # fmt: skip
