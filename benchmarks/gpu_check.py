"""Does a search share a GPU, and what does it gain there? Takes at most 8 minutes on a card.

    python -m benchmarks.gpu_check

It says, one line each: whether TensorFlow sees a card; whether a search leaves memory to other
processes; trials a second of `fit`, of the compiled epoch in the kernel, with XLA, and in a worker;
whether two workers share the card; whether a model that is too large is a row and nothing worse.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import keras

import nas_nb as nas

SPACE = {
    "layers": ["Conv2D", "Dense"],
    "units": [16, 32, 64],
    "activations": ["relu"],
    "depth": [1, 2],
}
TRIALS, EPOCHS = 12, 5


def search(folder: Path, name: str, **changes: Any) -> nas.Search:
    """Runs a search over the digits."""
    given = {"strategy": "random", "max_trials": TRIALS, "epochs": EPOCHS, **changes}
    return nas.Search(SPACE, "digits", directory=folder / name, **given).run()


def rate(one: nas.Search) -> float:
    """Trials a second, the first quarter left out."""
    ends = sorted(trial.ended or 0.0 for trial in one.history)
    skipped = len(ends) // 4
    return (len(ends) - skipped) / (ends[-1] - ends[skipped - 1])


def fit_rate(jit_compile: bool) -> float:
    """Trials a second by `model.fit`."""
    data = nas.load("digits")
    space = nas.SearchSpace.from_dict(SPACE).for_data(data.spec)
    began = time.monotonic()
    points = [point for _, point in zip(range(4), space.domain.enumerate(), strict=False)]
    for values in points:
        model = space.build_values(values)
        model.jit_compile = jit_compile
        model.fit(
            data.x_train,
            data.y_train,
            epochs=EPOCHS,
            validation_data=(data.x_val, data.y_val),
            verbose=0,
        )
    return len(points) / (time.monotonic() - began)


def used_megabytes() -> str:
    """The memory of the cards that is in use, as the driver says."""
    command = ["nvidia-smi", "--query-gpu=memory.used,memory.total", "--format=csv,noheader"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def too_large(hp: Any) -> keras.Model:
    """A candidate that no card holds, or a small one."""
    units = hp.Choice("units", [8, 400_000])
    layers = [keras.layers.Flatten(), *[keras.layers.Dense(units) for _ in range(2)]]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers, keras.layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    """Prints what was found; ends with 1 where there is no card."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        kernel = search(folder, "kernel")
        import tensorflow as tf

        cards = tf.config.list_physical_devices("GPU")
        print(f"cards: {[card.name for card in cards]}")
        print(f"memory in use after a search in this process: {used_megabytes()}")
        print(f"compiled epoch: {rate(kernel):.2f} trials/s")
        for jit_compile in (False, True):
            print(f"fit, jit_compile={jit_compile}: {fit_rate(jit_compile):.2f} trials/s")
        for workers in (1, 2):
            one = search(folder, f"workers{workers}", workers=workers, max_trials=2 * TRIALS)
            print(f"workers={workers}: {rate(one):.2f} trials/s; memory {used_megabytes()}")
        large = nas.Search(
            too_large,
            "digits",
            strategy="grid",
            max_trials=2,
            epochs=1,
            workers=1,
            directory=folder / "large",
        ).run()
        print(
            "too large: " + "; ".join(f"{t.status} ({t.reason or t.note})" for t in large.history)
        )
        sys.exit(not cards)


if __name__ == "__main__":
    main()
