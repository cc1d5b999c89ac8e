"""A part of the training samples: less to train on, and the same to be compared on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from nas_nb.data import Data


def subset(data: Data, fraction: float, seed: int) -> Data:
    """Returns the data with only a share of its training samples.

    Every class keeps its share, to within one sample, and has one at least where there are as many
    samples as classes. With the same seed a smaller part lies within a larger one, so that what
    was learned on the one is not forgotten on the other.

    Args:
        data: The whole.
        fraction: Above 0 to 1; one sample is left at least. 1 returns `data` itself.
        seed: Decides which samples, 0 or more.
    """
    if fraction >= 1:
        return data
    count = share(len(data.x_train), fraction)
    # Sorted, so that the rows keep their order and the whole is a special case of the part.
    rows = np.sort(nested_order(data, seed)[:count])
    return replace(data, x_train=data.x_train[rows], y_train=data.y_train[rows])


def share(samples: int, fraction: float) -> int:
    """Returns how many of the training samples a fraction, above 0 to 1, leaves: one at least."""
    return max(1, round(fraction * samples))


def nested_order(data: Data, seed: int) -> npt.NDArray[np.intp]:
    """Returns all training rows in an order of which every beginning is a fair part.

    The j-th of the n samples of a class, in random order, stands at j/n; of samples that stand at
    the same place the order is random.

    Args:
        data: The whole; samples of quantities, and of several labels at once, are one class.
        seed: 0 or more.
    """
    rng = np.random.default_rng(seed)
    labels: npt.NDArray[Any] = np.zeros(len(data.y_train), int)
    if data.task.has_one_class:
        labels = np.unique(data.y_train.reshape(len(labels)), return_inverse=True)[1]
    mixed = rng.permutation(len(labels))
    places = np.empty(len(labels))
    for label in np.unique(labels):
        rows = mixed[labels[mixed] == label]
        places[rows] = np.arange(len(rows)) / len(rows)
    return np.lexsort((rng.permutation(len(labels)), places))
