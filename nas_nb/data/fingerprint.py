"""Fingerprints of arrays and of a data set's parts: what tells whether rows are the same."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from nas_nb.data.task import Array

MOST_BYTES = 1 << 25
"""Arrays up to this size are hashed whole; of larger ones as many rows as fit, evenly spaced."""


def text_hash(text: str | bytes) -> str:
    """Returns 16 hexadecimal digits."""
    return blake2b(text if isinstance(text, bytes) else text.encode(), digest_size=8).hexdigest()


def array_fingerprint(array: Array, *, whole: bool = False) -> dict[str, Any]:
    """Returns shape, dtype and a hash of the rows; `whole` hashes all of them, however many."""
    rows = array
    if not whole and array.nbytes > MOST_BYTES:
        count = max(1, MOST_BYTES * len(array) // array.nbytes)
        rows = array[np.linspace(0, len(array) - 1, count).astype(int)]
    content = repr(rows.tolist()) if array.dtype.hasobject else np.ascontiguousarray(rows).tobytes()
    return {"shape": list(array.shape), "dtype": str(array.dtype), "hash": text_hash(content)}


def part_fingerprint(x: Array, y: Array) -> dict[str, Any]:
    """Returns the fingerprints of a part's samples and of all its labels."""
    return {"x": array_fingerprint(x), "y": array_fingerprint(y, whole=True)}


def data_differences(was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Says in what two `Data.fingerprint` differ, e.g. "training rows: 143, now 1,077"."""
    found = [
        f"the {name} {was[name]}, now {now[name]}"
        for name in ("task", "outputs")
        if was.get(name) != now.get(name)
    ]
    if was.get("encoding") != now.get("encoding"):
        found.append("another encoding of categories or texts")
    rows = []
    for part, words in (("train", "training"), ("val", "validation"), ("test", "test")):
        differs = _part_difference(was.get(part) or {}, now[part])
        if differs == "rows":
            rows.append(words)
        elif differs:
            found.append(f"{words} {differs}")
    if rows:
        found.append(
            f"other {', '.join(rows)} rows (other numbers, another order or another split)"
        )
    return found


def _part_difference(was: dict[str, Any], now: dict[str, Any]) -> str | None:
    """Returns "rows" where only the numbers differ, None where nothing does."""
    differs = None
    for which, what in (("x", "samples"), ("y", "labels")):
        one, other = was.get(which) or {}, now[which]
        shape, size = one.get("shape") or [0], other["shape"]
        if shape[0] != size[0]:
            return f"rows: {shape[0]:,}, now {size[0]:,}"
        if shape != size:
            return f"{what} of shape {tuple(shape[1:])}, now {tuple(size[1:])}"
        if one.get("dtype") != other["dtype"]:
            return f"{what} of dtype {one.get('dtype')}, now {other['dtype']}"
        if one != other:
            differs = "rows"
    return differs
