"""How much training a trial is granted (`Fidelity`), and when its learning curve ends it early."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from math import erf, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nas_nb.errors import LARGEST, NasError, check_type, check_whole, shown
from nas_nb.record.trial import sign_of

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


def is_plateau(
    curve: Sequence[float], patience: int, *, direction: str, min_delta: float = 0.0
) -> bool:
    """Tells whether `keras.callbacks.EarlyStopping` would end the training after this curve."""
    best: float | None = None
    waited = 0
    for value in curve:
        if best is None or _improves(value, best, direction, min_delta):
            best, waited = value, 0
        else:
            waited += 1
    return waited >= patience


def _improves(value: float, best: float, direction: str, min_delta: float) -> bool:
    sign = sign_of(direction)
    return sign * value - min_delta > sign * best


LEAST_CHANCE = 0.01
"""Below this chance of reaching the target a trial is ended. Domhan et al. take 0.05."""
LEAST_SHARE = 0.25
"""No trial is pruned before this share of its epochs."""
LEAST_EPOCHS = 4
"""Nor before so many epochs: three numbers of the curve are fitted, one is for the noise."""
_POWERS = np.array([0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.0, 3.0])
_PRIOR_EPOCHS = 3.0
_PRIOR_NOISE = 0.01


def cannot_reach(
    curve: Sequence[float], target: float, epochs: int, *, direction: str = "max"
) -> bool:
    """Tells whether a trial should be ended, since it will hardly be as good as `target`."""
    seen = len(curve)
    if seen < max(LEAST_EPOCHS, LEAST_SHARE * epochs) or seen >= epochs:
        return False
    return chance_to_reach(curve, target, epochs, direction=direction) < LEAST_CHANCE


def chance_to_reach(
    curve: Sequence[float], target: float, epochs: int, *, direction: str = "max"
) -> float:
    """Returns how likely a curve is to be as good as `target` in any of its epochs."""
    # Domhan, Springenberg & Hutter, Speeding up Automatic Hyperparameter Optimization of Deep
    # Neural Networks by Extrapolation of Learning Curves, IJCAI 2015, with their curve c - a
    # x^-alpha ("pow3"). Where they sample by Markov chains, c and a are integrated out in closed
    # form, for each alpha of a grid, weighted by its likelihood. Late epochs count more than early
    # ones; the noise has a prior: a hundredth of the curve's range, as if it had been seen in
    # three epochs.
    sign = sign_of(direction)
    values = sign * np.asarray(curve, float)
    wanted = sign * target
    if values.max() >= wanted:
        return 1.0
    spread = float(np.ptp(values)) or 1.0
    weights, means, deviations = _predictions(values / spread, epochs)
    tails = np.vectorize(_tail, otypes=[float])((wanted / spread - means) / deviations)
    # The noise of each epoch to come is a chance of its own: their sum is an upper bound.
    return float(min(1.0, weights @ tails.sum(axis=1)))


def _tail(gap: float) -> float:
    """The share of a standard normal distribution above `gap`."""
    return 0.5 * (1 - erf(gap / sqrt(2)))


def _predictions(
    values: npt.NDArray[np.float64], epochs: int
) -> tuple[npt.NDArray[np.float64], ...]:
    """Returns the weight of each alpha, and by alpha and epoch to come mean and deviation."""
    seen = np.arange(1, len(values) + 1)
    later = np.arange(len(values) + 1, epochs + 1)
    trust = seen / seen.sum() * len(values)
    likelihoods, means, deviations = [], [], []
    for power in _POWERS:
        rows, coming = _features(seen, power), _features(later, power)
        information = np.linalg.pinv((rows.T * trust) @ rows)
        fitted = information @ (rows.T * trust) @ values
        left = float(trust @ (values - rows @ fitted) ** 2)
        freedom = len(values) - 2 + _PRIOR_EPOCHS
        noise = (left + _PRIOR_EPOCHS * _PRIOR_NOISE**2) / freedom
        likelihoods.append(-0.5 * freedom * np.log(noise))
        means.append(coming @ fitted)
        deviations.append(np.sqrt(noise * (1.0 + ((coming @ information) * coming).sum(axis=1))))
    weights = np.exp(np.array(likelihoods) - max(likelihoods))
    return weights / weights.sum(), np.array(means), np.array(deviations)


def _features(epochs: npt.NDArray[np.int_], power: float) -> npt.NDArray[np.float64]:
    return np.stack([np.ones(len(epochs)), -(epochs.astype(float) ** -power)], axis=1)
