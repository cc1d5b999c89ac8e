"""What the training rows say about scale, so that a candidate can begin by removing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nas_nb.data.task import Array


@dataclass(frozen=True)
class Statistics:
    """Scale of the training rows; hashable, because models are built from it.

    Attributes:
        mean: Of each feature, i.e. along the last axis of a sample.
        variance: Of each feature; 1 where a feature never varies, which leaves it at 0.
        high: Largest number in any sample: 255 tells pixels from shares of ink.
        target_mean: Of each quantity to predict; empty for classes.
        target_deviation: Standard deviation of each quantity, 1 where it never varies.
    """

    mean: tuple[float, ...]
    variance: tuple[float, ...]
    high: float
    target_mean: tuple[float, ...] = ()
    target_deviation: tuple[float, ...] = ()


def measure(x: Array, y: Array | None, kept: Array | None = None) -> Statistics:
    """Returns the statistics of training rows.

    Args:
        x: (samples, ..., features)
        y: (samples,) or (samples, quantities); None where the labels are classes.
        kept: (features,) whether a feature is to keep its scale, as marks of categories do.
    """
    mean, variance = _moments(x.reshape(-1, x.shape[-1]))
    if kept is not None:
        mean, variance = np.where(kept, 0, mean), np.where(kept, 1, variance)
    targets: tuple[tuple[float, ...], ...] = ()
    if y is not None:
        target_mean, target_variance = _moments(y.reshape(len(y), -1))
        targets = (_floats(target_mean), _floats(np.sqrt(target_variance)))
    return Statistics(_floats(mean), _floats(variance), float(x.max()), *targets)


def _moments(rows: Array) -> tuple[Array, Array]:
    variance = rows.var(axis=0, dtype=float)
    return rows.mean(axis=0, dtype=float), np.where(variance > 0, variance, 1.0)


def _floats(numbers: Array) -> tuple[float, ...]:
    # Seven digits are what a model of float32 can tell apart, and what source code should show.
    return tuple(float(f"{number:.7g}") for number in numbers)
