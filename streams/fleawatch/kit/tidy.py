"""Numbers as JSON has them: bots compute with NumPy and Decimal, and should not have to convert what they report."""

import numbers
from typing import TypeVar

import msgspec

StructT = TypeVar("StructT", bound=msgspec.Struct)


def tidy(event: StructT) -> StructT:
    """The event with every number of another type as the int or float it is equal (or nearest) to."""
    changed = {
        name: plain
        for name in event.__struct_fields__
        if (plain := _plain(value := getattr(event, name))) is not value
    }
    return msgspec.structs.replace(event, **changed) if changed else event


def _plain(value: object) -> object:
    if type(value) in {int, float, str, bool, type(None)}:
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, numbers.Number) and hasattr(value, "as_tuple"):  # Decimal: a Number, yet not a Real
        return float(str(value))
    return value
