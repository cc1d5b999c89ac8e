"""KerasTuner's four tuners, run by `FastTuner`: change the import, and nothing else.

They take KerasTuner's arguments, propose what KerasTuner proposes for the same seed, and write
KerasTuner's files. See the KerasTuner documentation for the arguments.
"""

from __future__ import annotations

import keras_tuner as kt

from nas_nb.search.fast_tuner import FastTuner


class RandomSearch(kt.RandomSearch, FastTuner):  # type: ignore[misc]
    """`keras_tuner.RandomSearch` with trials that cost little more than their arithmetic."""


class GridSearch(kt.GridSearch, FastTuner):  # type: ignore[misc]
    """`keras_tuner.GridSearch` with trials that cost little more than their arithmetic."""


class BayesianOptimization(kt.BayesianOptimization, FastTuner):  # type: ignore[misc]
    """`keras_tuner.BayesianOptimization` with trials that cost little more than arithmetic."""


class Hyperband(kt.Hyperband, FastTuner):  # type: ignore[misc]
    """`keras_tuner.Hyperband` with cheap trials, and with the optimizer's state between rungs."""
