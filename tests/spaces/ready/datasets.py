"""Tiny data of each kind."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nas_nb.data.dataset import Data


def images() -> Data:
    rng = np.random.default_rng(0)
    return Data.from_arrays(rng.integers(0, 256, (30, 8, 8, 3)), np.arange(30) % 3)


def texts() -> Data:
    rng = np.random.default_rng(0)
    words = ["good", "bad", "film", "plot", "the"]
    made = [" ".join(rng.choice(words, size=4)) for _ in range(30)]
    return Data.from_texts(made, [int("good" in text) for text in made], task="binary")


def table() -> Data:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.normal(50, 10, 30),
            "home town": rng.choice(["Rome", "Oslo"], 30),
            "price": rng.normal(1000, 100, 30),
        }
    )
    return Data.from_frame(frame, "price")


def forecast() -> Data:
    return Data.from_series(np.sin(np.arange(60.0)) * 30 + 100, window=8, horizon=2)


def series() -> Data:
    rng = np.random.default_rng(0)
    return Data.from_arrays(rng.normal(size=(30, 8, 2)), np.arange(30) % 3)
