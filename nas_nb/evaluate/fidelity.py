"""`Fidelity`: epochs, data share, executions; space and data at a fidelity."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nas_nb.errors import (
    LARGEST,
    NasError,
    check_type,
    check_whole,
    shown,
)

if TYPE_CHECKING:
    from nas_nb.data.dataset import Data
    from nas_nb.space.search_space import SearchSpace


@dataclass(frozen=True)
class Fidelity:
    """How much training a trial is granted. Less of it is cheaper, and says less."""

    epochs: int = 10  # in all, those of a continued trial included
    batch_size: int = 32  # the last batch may be smaller
    data_fraction: float = 1.0  # of the training samples, above 0 to 1
    executions_per_trial: int = 1  # trainings from different seeds
    patience: int | None = None  # epochs without improvement; None for no such end
    min_delta: float = 0.0  # the least improvement that counts
    prune: bool = False  # end a trial that can't reach the best ones

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "executions_per_trial"):
            check_whole("", name, getattr(self, name), 1)
        if self.patience is not None:
            check_whole("", "patience", self.patience, 1)
        fraction = self.data_fraction
        legal = 0 < _of(self, "data_fraction") <= 1
        _check_number("data_fraction", fraction, "above 0 and at most 1", legal)
        _check_number("min_delta", self.min_delta, "0 or more", _of(self, "min_delta") >= 0)

        check_type("prune", self.prune, bool, "True or False")

    def granted(self, differing: Mapping[str, float]) -> Fidelity:
        """Returns what a trial is granted whose proposal differs in some of it."""
        return replace(self, **differing) if differing else self  # type: ignore[arg-type]

    def is_below(self, full: Fidelity) -> bool:
        """Whether it is less than `full` in something, so that the trial may be promoted."""
        return any(
            getattr(self, name) < getattr(full, name)
            for name in ("epochs", "data_fraction", "executions_per_trial")
        )

    def to_json(self) -> dict[str, Any]:
        """Returns epochs, batch size, and what differs from the defaults, for the journal."""
        usual = {field.name: field.default for field in fields(self)}
        always = ("epochs", "batch_size")
        return {
            name: value
            for name, value in asdict(self).items()
            if name in always or value != usual[name]
        }


def _of(fidelity: Fidelity, name: str) -> float:
    value = getattr(fidelity, name)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and abs(value) <= LARGEST else float("nan")


def _check_number(name: str, value: object, expected: str, legal: bool) -> None:
    if not legal:
        raise NasError(
            f"Expected `{name}` to be a number {expected}. Received: {name}={shown(value)}."
        )


def subset(data: Data, fraction: float, seed: int) -> Data:
    """Returns the data with a share of its training samples, each class with its share."""
    # With the same seed a smaller part lies within a larger one: what was learned is not
    # forgotten.
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
    """Returns all training rows in an order of which every beginning is a fair part."""
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


KEPT_FIDELITIES = 4
"""How many fidelities keep their copy of the data in memory."""


class FidelityCache:
    """Gives space and data at a fidelity; makes the data once for all trials that share it."""

    def __init__(self, space: SearchSpace, data: Data, seed: int) -> None:
        self._space = space
        self._data = data
        self._seed = seed
        self._lock = threading.Lock()
        self._made: dict[float, Data] = {}

    def of(self, fidelity: Fidelity) -> tuple[SearchSpace, Data]:
        """Returns the space and the data of a fidelity."""
        fraction = fidelity.data_fraction
        with self._lock:
            made = self._made.pop(fraction, None) or subset(self._data, fraction, self._seed)
            self._made[fraction] = made
            while len(self._made) > KEPT_FIDELITIES:
                del self._made[next(iter(self._made))]
            return self._space, made
