"""The tuners, where a program for KerasTuner looks for them."""

from __future__ import annotations

from keras_tuner import SklearnTuner

from nas_nb.search.drop_in import BayesianOptimization, GridSearch, Hyperband, RandomSearch
from nas_nb.search.fast_tuner import FastTuner as Tuner

__all__ = [
    "BayesianOptimization",
    "GridSearch",
    "Hyperband",
    "RandomSearch",
    "SklearnTuner",
    "Tuner",
]
