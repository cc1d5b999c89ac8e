"""When a learning curve has stopped getting better."""

from __future__ import annotations

from collections.abc import Sequence


def is_plateau(
    curve: Sequence[float], patience: int, *, direction: str, min_delta: float = 0.0
) -> bool:
    """Tells whether `keras.callbacks.EarlyStopping` would end the training after this curve.

    Args:
        curve: The objective after each epoch so far.
        patience: Epochs without improvement after which it ends, 1 or more.
        direction: Which values are better: "max" or "min".
        min_delta: By how much a value has to be better than the best to count, 0 or more.
    """
    best: float | None = None
    waited = 0
    for value in curve:
        if best is None or _improves(value, best, direction, min_delta):
            best, waited = value, 0
        else:
            waited += 1
    return waited >= patience


def _improves(value: float, best: float, direction: str, min_delta: float) -> bool:
    return value - min_delta > best if direction == "max" else value + min_delta < best
