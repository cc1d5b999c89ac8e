"""What a trial tried: names and plain values, and the one text that stands for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nas_nb.errors import JournalError

Value = str | int | float | bool
Values = Mapping[str, Value]

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def plain(value: Any) -> Any:
    """Returns a NumPy scalar or array as Python's own number or list, anything else as it is."""
    return value.tolist() if hasattr(value, "tolist") else value


def plain_values(values: Mapping[str, Any]) -> dict[str, Value]:
    """Returns the values as Python's own str, int, float and bool, in the order given.

    Raises:
        JournalError: A name is not a string, or a value is none of the four kinds.
    """
    result: dict[str, Value] = {}
    for name, given in values.items():
        value = plain(given)
        if not isinstance(name, str) or not isinstance(value, (str, int, float)):
            raise JournalError(
                "Expected values that map names to str, int, float or bool. "
                f"Received: {name!r} = {given!r} (of type {type(given).__name__}). "
                "Give a choice a name, and look the object up by it in build()."
            )
        result[name] = value
    return result


def values_key(values: Mapping[str, Any]) -> str:
    """Returns the canonical text of the values: equal for equal points, whatever their order.

    It is JSON with sorted names. Types count: `1`, `1.0`, `True` and `"1"` are four values.
    """
    return _ENCODER.encode(plain_values(values))
