"""Which choices the scores depend on: a forest learns them, and misses what is shuffled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

FEWEST = 12
"""With fewer trials than this nothing can be told."""
_FOLDS = 3
_TREES = 20
_ROUNDS = 3


class Importance(NamedTuple):
    """What was found.

    Attributes:
        weights: Of each column: how much of the scores' variance the forest gets wrong in
            addition when the column is shuffled; 0 or more.
        explained: The share of the variance that the forest predicts on trials it has not seen;
            at most 1, and 0 or below where it predicts nothing.
    """

    weights: tuple[float, ...]
    explained: float


def choice_importance(places: np.ndarray, scores: np.ndarray, seed: int = 0) -> Importance:
    """Measures how much the score depends on each choice.

    A random forest is fitted to some of the trials; on the others, one column at a time is
    shuffled, and what that costs in squared error, relative to the variance, is the column's
    weight: permutation importance (Breiman, Random Forests, Machine Learning 45, 2001, section
    10) on held-out trials. What a choice does only together with another one counts for both.
    """
    trials, columns = places.shape
    variance = float(np.var(scores)) if trials else 0.0
    if trials < FEWEST or variance == 0.0 or columns == 0:
        return Importance((0.0,) * columns, 0.0)
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(seed)
    folds = rng.permutation(trials) % _FOLDS
    missed, added = 0.0, np.zeros(columns)
    for fold in range(_FOLDS):
        seen, held = folds != fold, folds == fold
        forest = RandomForestRegressor(_TREES, min_samples_leaf=2, random_state=seed, n_jobs=1)
        forest.fit(places[seen], scores[seen])
        shuffled = _shuffled(places[held], rng)
        guesses = forest.predict(np.concatenate([places[held], shuffled.reshape(-1, columns)]))
        errors = (guesses.reshape(-1, int(held.sum())) - scores[held]) ** 2
        base = float(errors[0].sum())
        missed += base
        added += errors[1:].sum(axis=1).reshape(columns, _ROUNDS).mean(axis=1) - base
    weights = np.maximum(added / trials / variance, 0.0)
    return Importance(tuple(float(w) for w in weights), 1 - missed / trials / variance)


def _shuffled(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns copies of the rows, some for each column, in which that column is shuffled."""
    trials, columns = rows.shape
    copies = np.tile(rows, (columns, _ROUNDS, 1, 1))
    for column in range(columns):
        for number in range(_ROUNDS):
            copies[column, number, :, column] = rows[rng.permutation(trials), column]
    return copies
