"""One kernel of the soak test: runs a search whose candidates fail in every way, and steers it.

It is started, and killed, by `soak.py`.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import keras
import keras_tuner as kt
import numpy as np

from nas_nb.data.dataset import Data
from nas_nb.errors import SearchError
from nas_nb.search.search import Search
from nas_nb.workers import trial_evaluation

EPOCHS = 4


def data() -> Data:
    """192 rows of 4 numbers in 2 classes."""
    x = np.random.default_rng(0).normal(size=(192, 4)).astype("float32")
    return Data.from_arrays(x, np.where(x.sum(axis=1) > 0, "up", "down"), name="soak", seed=0)


def build(hp: kt.HyperParameters) -> keras.Model:
    """A candidate: most can be trained; one in eight can't be, in one of three ways."""
    units = hp.Int("units", 2, 400)
    activation = hp.Choice("activation", ["relu", "tanh", "elu"])
    rate = hp.Choice("learning_rate", [0.001, 0.01, 0.1])
    if units % 24 == 0:
        raise ValueError(f"injected: {units} units can't be built")
    if units % 24 == 1:
        raise MemoryError("injected: out of memory")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, activation)])
    model.add(keras.layers.Dense(1, activation=None if units % 24 == 2 else "sigmoid"))
    loss = keras.losses.BinaryCrossentropy(from_logits=units % 24 == 2)
    optimizer = keras.optimizers.SGD(1e38 if units % 24 == 2 else rate)
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


def make_search(folder: Path, trials: int, workers: int | str = "kernel") -> Search:
    """The search that every kernel of a soak test opens."""
    options = {"population": 8, "sample": 4}
    return Search(
        build,
        data(),
        strategy="evolution",
        strategy_options=options,
        max_trials=trials,
        epochs=EPOCHS,
        seed=0,
        workers=workers,
        directory=folder,
    )


def steer(search: Search, chance: random.Random) -> None:
    """Pauses, resumes and stops the search at random until it is finished."""
    while search.state.live or search.state == "stopped":
        time.sleep(chance.uniform(0.05, 1.0))
        try:
            action = chance.choice(["pause", "stop", "nothing", "nothing"])
            if action == "pause":
                search.pause()
                time.sleep(chance.uniform(0.0, 0.3))
                search.resume()
            elif action == "stop":
                search.stop()
                search.wait()
                search.resume()
        except SearchError:
            continue  # it had finished by itself in the meantime
        if search.state == "paused":
            search.resume()  # ten failures in a row pause it, too
    search.wait()


def main() -> None:
    """Arguments: folder, trials, and a seed for the steering; without a seed nobody steers."""
    search = make_search(Path(sys.argv[1]), int(sys.argv[2]))
    if len(sys.argv) > 3:
        # Trials of half a second would never be continued: here every epoch may be gone on from.
        trial_evaluation.EVERY_S, trial_evaluation.SAVING_SHARE = 0.0, 1.0
        search.start()
        steer(search, random.Random(int(sys.argv[3])))
    else:
        search.run()


if __name__ == "__main__":
    main()
