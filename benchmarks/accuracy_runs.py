"""One search against the clock: KerasTuner's tuners, Optuna's, and nas_nb's strategies."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import optuna
from keras import layers

import nas_nb as nas
from benchmarks.accuracy_data import DATASETS
from nas_nb.data.dataset import Data
from nas_nb.search.search import Search
from nas_nb.workers.trial_evaluation import BestEpoch

EPOCHS = 6
BATCH_SIZE = 32
MANY = 100_000
"""More trials than any budget pays for."""


class BudgetSpentError(BaseException):
    """Leaves a search; a `BaseException`, since tuners catch the others as failed trials."""


class Clock:
    """Records when a run got better, and says when its budget is spent.

    Args:
        data: For the test accuracy, which is measured while the clock stands still.
        budget_s: CPU seconds of this process.

    Attributes:
        path: `[CPU seconds, wall seconds, best validation accuracy so far]`, at every improvement.
        test: The test accuracy of the best so far.
    """

    def __init__(self, data: Data, budget_s: float) -> None:
        self.data = data
        self.budget_s = budget_s
        self.path: list[list[float]] = []
        self.test = 0.0
        self._began = self._now()

    def _now(self) -> tuple[float, float]:
        return time.process_time(), time.perf_counter()

    @property
    def spent(self) -> list[float]:
        """CPU and wall seconds so far."""
        return [now - then for now, then in zip(self._now(), self._began, strict=True)]

    @property
    def is_over(self) -> bool:
        """Whether the budget is spent."""
        return self.spent[0] > self.budget_s

    def see(self, model: keras.Model, accuracy: float) -> None:
        """Takes the validation accuracy of a model as it is now."""
        if self.is_over or (self.path and accuracy <= self.path[-1][2]):
            return
        self.path.append([*self.spent, accuracy])
        before = self._now()
        parts = np.array_split(self.data.x_test, 8)
        predicted = np.concatenate([np.argmax(model(part), axis=1) for part in parts])
        self.test = float(np.mean(predicted == self.data.y_test))
        stood = [now - then for now, then in zip(self._now(), before, strict=True)]
        self._began = (self._began[0] + stood[0], self._began[1] + stood[1])


class OnEpoch(keras.callbacks.Callback):
    """Shows every epoch to the clock, and ends the search when its time is up."""

    def __init__(self, clock: Clock, report: Callable[[int, float], None] | None = None) -> None:
        super().__init__()
        self.clock = clock
        self.report = report

    def __deepcopy__(self, memo: Any) -> OnEpoch:  # KerasTuner copies callbacks for each trial
        return OnEpoch(self.clock)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.clock.see(self.model, logs["val_accuracy"])
        if self.clock.is_over:
            raise BudgetSpentError
        if self.report is not None:
            self.report(epoch, logs["val_accuracy"])


def build(shape: tuple[int, ...], classes: int) -> Callable[[Any], keras.Model]:
    """Returns the function that builds a candidate: for images convolutions, then dense layers."""
    convolves = len(shape) == 3

    def candidate(hp: Any) -> keras.Model:
        x = inputs = keras.Input(shape)
        for number in range(hp.Int("convolutions", 0, 2) if convolves else 0):
            filters = hp.Choice(f"filters_{number}", [8, 16, 32, 64])
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
            x = layers.MaxPooling2D()(x)
        x = layers.Flatten()(x)
        for number in range(hp.Int("dense", 0, 2)):
            x = layers.Dense(hp.Choice(f"units_{number}", [16, 32, 64, 128]), "relu")(x)
        x = layers.Dropout(hp.Choice("dropout", [0.0, 0.2, 0.4]))(x)
        model = keras.Model(inputs, layers.Dense(classes, "softmax")(x))
        rate = hp.Float("learning_rate", 1e-4, 3e-2, sampling="log")
        adam = keras.optimizers.Adam(rate)
        model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    return candidate


def _arrays(data: Data) -> dict[str, Any]:
    held_out = (data.x_val, data.y_val)
    return {"x": data.x_train, "y": data.y_train, "validation_data": held_out}


def kerastuner(kind: str) -> Callable[..., None]:
    """Returns a function that runs one of KerasTuner's own tuners."""

    def search(candidate: Any, data: Data, seed: int, clock: Clock, folder: str) -> None:
        options: dict[str, Any] = {"max_trials": MANY}
        if kind == "Hyperband":
            options = {"max_epochs": EPOCHS, "hyperband_iterations": MANY}
        tuner = getattr(kt, kind)(
            candidate,
            objective=kt.Objective("val_accuracy", "max"),
            seed=seed + 1,  # it takes 0 for none
            directory=folder,
            **options,
        )
        length = {} if kind == "Hyperband" else {"epochs": EPOCHS}
        more = {"batch_size": BATCH_SIZE, "verbose": 0, "callbacks": [OnEpoch(clock)], **length}
        tuner.search(**_arrays(data), **more)

    return search


def optuna_tpe(pruner: str) -> Callable[..., None]:
    """Returns a function that runs Optuna's Parzen estimator with a pruner."""

    def search(candidate: Any, data: Data, seed: int, clock: Clock, folder: str) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        space = nas.SearchSpace(candidate)

        def objective(trial: Any) -> float:
            def report(epoch: int, accuracy: float) -> None:
                trial.report(accuracy, epoch + 1)
                if trial.should_prune():
                    raise optuna.TrialPruned

            keras.utils.set_random_seed(1000 * seed + trial.number)
            model = space.build_values(_suggested(trial, space.domain))
            watch = OnEpoch(clock, report)
            length = {"epochs": EPOCHS, "batch_size": BATCH_SIZE}
            logs = model.fit(**_arrays(data), **length, verbose=0, callbacks=[watch]).history
            return float(max(logs["val_accuracy"]))

        pruners = {
            "median": optuna.pruners.MedianPruner,
            "hyperband": lambda: optuna.pruners.HyperbandPruner(1, EPOCHS),
        }
        sampler = optuna.samplers.TPESampler(seed=seed)
        study = optuna.create_study(sampler=sampler, pruner=pruners[pruner](), direction="maximize")
        study.optimize(objective, n_trials=MANY)

    return search


def _suggested(trial: Any, domain: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for p in domain.parameters:
        if not all(values.get(c.parent) in c.values for c in p.conditions):
            continue
        if p.kind == "float":
            values[p.name] = trial.suggest_float(p.name, p.low, p.high, log=p.log)
        else:
            values[p.name] = trial.suggest_categorical(p.name, list(p.values()))
    return values


def ours(strategy: str) -> Callable[..., None]:
    """Returns a function that runs a search of nas_nb."""

    def search(candidate: Any, data: Data, seed: int, clock: Clock, folder: str) -> None:
        search = Search(
            nas.SearchSpace(candidate),
            data,
            strategy=strategy,
            max_time=20 * clock.budget_s,
            epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            seed=seed,
            directory=Path(folder) / "search",
        )
        see = BestEpoch.see

        def seen(best: Any, trained: Any, epoch: int, logs: Any) -> None:
            see(best, trained, epoch, logs)
            clock.see(
                trained.models[0] if hasattr(trained, "models") else trained, logs["val_accuracy"]
            )
            if clock.is_over:
                search.stop()

        BestEpoch.see = seen  # type: ignore[method-assign]
        search.run()

    return search


BASELINES: dict[str, Callable[..., None]] = {
    "random": kerastuner("RandomSearch"),
    "hyperband": kerastuner("Hyperband"),
    "bayesian": kerastuner("BayesianOptimization"),
    "optuna-median": optuna_tpe("median"),
    "optuna-hyperband": optuna_tpe("hyperband"),
}


def run(name: str, method: str, seed: int, budget_s: float) -> dict[str, Any]:
    """Runs one search until its budget is spent.

    Args:
        name: One of `DATASETS`.
        method: One of `BASELINES`, or "nas_nb:" with the name of a strategy.
        seed: 0 or more.
        budget_s: CPU seconds, imports and the first training in the process left out.

    Returns:
        What is written down about it.
    """
    data = DATASETS[name]()
    candidate = build(data.spec.input_shape, len(data.classes))
    keras.utils.set_random_seed(seed)
    warm = nas.SearchSpace(candidate)
    held = warm.build_values(warm.domain.complete({}))
    held.fit(data.x_train[:64], data.y_train[:64], epochs=1, verbose=0)
    search = BASELINES.get(method) or ours(method.removeprefix("nas_nb:"))
    built: list[int] = []

    def counted(hp: Any) -> keras.Model:
        built.append(1)
        return candidate(hp)

    with tempfile.TemporaryDirectory() as folder:
        clock = Clock(data, budget_s)
        with suppress(BudgetSpentError):
            search(counted, data, seed, clock, folder)
    about = {"data": name, "method": method, "seed": seed, "budget_s": budget_s}
    ended = {"spent": clock.spent, "trials": len(built), "test": clock.test}
    return {**about, **ended, "path": clock.path}
