"""Which learning rate of Adam is best after so many gradient steps: what `Prior` goes by.

    python -m benchmarks.bench_learning_rate digits shoppers wine mnist_5k

Small nets with one or two dense layers, and for images with two convolutions, are trained with
each of eight rates, for 1, 6 and 20 epochs, on all and on a quarter of the samples. A row prints
the mean of the best validation accuracies of some seeds, the best rate, and the one believed in.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
from keras import layers

import nas_nb as nas
from nas_nb.strategy.initial_design import likely_rate

RATES = (1e-4, 3e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2, 3e-2)
KINDS = ("dense", "two dense", "convolutions")


def build(data: nas.Data, kind: str) -> Callable[[Any], keras.Model]:
    """Returns the function that builds one net of a kind, with each of the rates."""

    def candidate(hp: Any) -> keras.Model:
        x = inputs = keras.Input(data.spec.input_shape)
        for filters in (32, 64) if kind == "convolutions" else ():
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
            x = layers.MaxPooling2D()(x)
        x = layers.Flatten()(x)
        for _ in range(2 if kind == "two dense" else 1):
            x = layers.Dense(64, "relu")(x)
        model = keras.Model(inputs, layers.Dense(len(data.classes), "softmax")(x))
        adam = keras.optimizers.Adam(hp.Choice("learning_rate", list(RATES)))
        model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    return candidate


def row(name: str, kind: str, epochs: int, fraction: float, seeds: int) -> None:
    """Trains one kind of net with all rates, and prints how they did."""
    data = nas.load(name)
    scores: dict[float, list[float]] = {rate: [] for rate in RATES}
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            search = nas.Search(
                build(data, kind),
                data,
                strategy="grid",
                max_trials=len(RATES),
                epochs=epochs,
                data_fraction=fraction,
                seed=seed,
                directory=Path(folder) / "search",
            ).run()
        for trial in search.history.completed:
            scores[float(trial.values["learning_rate"])].append(trial.score or 0.0)
    means = {rate: statistics.fmean(found) for rate, found in scores.items() if found}
    steps = epochs * (search.history.steps_per_epoch or 0)
    told = "  ".join(f"{rate:g}: {mean:.3f}" for rate, mean in means.items())
    best = max(means, key=lambda rate: means[rate])
    print(
        f"{name:10} {kind:12} {steps:6} steps  {told}  best {best:g}, "
        f"believed {likely_rate(steps):.2g}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="+", help="names for nas.load, with classes")
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_args()
    for name in given.data:
        images = len(nas.load(name).spec.input_shape) == 3
        for kind in KINDS if images else KINDS[:2]:
            for fraction in (1.0, 0.25):
                for epochs in (1, 6, 20):
                    row(name, kind, epochs, fraction, given.seeds)


if __name__ == "__main__":
    main()
