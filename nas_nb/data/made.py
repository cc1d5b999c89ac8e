"""Data sets that are computed: the same numbers everywhere, from a seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from nas_nb.data.dataset import Data

if TYPE_CHECKING:
    from nas_nb.data.task import Array

SOURCE = "generated"

_Figure = Callable[["Array", "Array"], "Array"]
_FIGURES: dict[str, _Figure] = {
    # Where a figure is, in coordinates that are 0 in its middle and 1 at its edge.
    "disc": lambda u, v: u**2 + v**2 < 1,
    "ring": lambda u, v: (u**2 + v**2 < 1) & (u**2 + v**2 > 0.4),
    "square": lambda u, v: np.maximum(abs(u), abs(v)) < 0.85,
    "frame": lambda u, v: (np.maximum(abs(u), abs(v)) < 0.9) & (np.maximum(abs(u), abs(v)) > 0.5),
    "triangle": lambda u, v: (v < 0.8) & (abs(u) < (v + 1) / 2),
    "diamond": lambda u, v: abs(u) + abs(v) < 1,
    "plus": lambda u, v: (np.minimum(abs(u), abs(v)) < 0.3) & (np.maximum(abs(u), abs(v)) < 1),
    "cross": lambda u, v: (abs(abs(u) - abs(v)) < 0.3) & (np.maximum(abs(u), abs(v)) < 0.9),
    "bars": lambda u, v: (np.maximum(abs(u), abs(v)) < 0.9) & (np.floor(3.5 * (v + 1)) % 2 == 0),
    "checks": lambda u, v: (
        (np.maximum(abs(u), abs(v)) < 0.9)
        & ((np.floor(2 * (u + 1)) + np.floor(2 * (v + 1))) % 2 == 0)
    ),
}


def shapes(*, side: int = 32, channels: int = 3, rows: int = 2_000, name: str = "shapes") -> Data:
    """Returns images of one figure each, of 10 kinds, at any place, size and colour, with noise.

    Args:
        side: Height and width, pixels.
        channels: 3 for colour, 1 for grey.
        rows: How many images.
        name: What to call the data set.
    """
    rng = np.random.default_rng(0)
    kinds = rng.permutation(np.arange(rows) % len(_FIGURES))
    places = np.linspace(-1, 1, side)
    radius = rng.uniform(0.35, 0.7, rows)
    middle = rng.uniform(-0.3, 0.3, (rows, 2))
    ground, ink = rng.uniform(0, 1, (2, rows, channels))
    # Enough contrast to see the figure in each channel.
    ink = np.where(abs(ink - ground) < 0.35, (ground + 0.5) % 1, ink)
    images = np.empty((rows, side, side, channels), np.float32)
    drawn = list(_FIGURES.values())
    for row in range(rows):
        u = (places[np.newaxis, :] - middle[row, 0]) / radius[row]
        v = (places[:, np.newaxis] - middle[row, 1]) / radius[row]
        inside = drawn[kinds[row]](u, v)[..., np.newaxis]
        images[row] = np.where(inside, ink[row], ground[row])
    images += rng.normal(0, 0.08, images.shape).astype(np.float32)
    labels = np.array(list(_FIGURES))[kinds]
    return Data.from_arrays(np.clip(images, 0, 1), labels, name=name, source=SOURCE)


def waves() -> Data:
    """Returns 900 series of 64 steps, each of one of 4 kinds of wave, with noise, to classify."""
    rng = np.random.default_rng(0)
    rows, steps = 900, np.arange(64)
    kinds = rng.permutation(np.arange(rows) % 4)
    period = rng.uniform(12, 24, (rows, 1))
    phase = (steps / period + rng.random((rows, 1))) % 1
    forms = np.stack(
        [
            np.sin(2 * np.pi * phase),
            np.sign(phase - 0.5),
            2 * phase - 1,
            4 * abs(phase - 0.5) - 1,
        ]
    )
    series = forms[kinds, np.arange(rows)] * rng.uniform(0.5, 2, (rows, 1))
    series = series + rng.normal(0, 0.25, series.shape)
    labels = np.array(["sine", "square", "saw", "triangle"])[kinds]
    return Data.from_arrays(series[..., np.newaxis], labels, name="waves", source=SOURCE)


def seasons() -> Data:
    """Returns a monthly series of 100 years, in windows of 24 months and the 6 that follow."""
    rng = np.random.default_rng(0)
    months = np.arange(1_200)
    slow = 12 * np.sin(2 * np.pi * months / 131)  # eleven years, as sunspots have
    yearly = (20 + 5 * np.sin(2 * np.pi * months / 131)) * np.sin(2 * np.pi * months / 12)
    noise = np.zeros(len(months))
    for month in range(1, len(months)):
        noise[month] = 0.7 * noise[month - 1] + rng.normal(0, 3)
    series = 100 + 0.02 * months + slow + yearly + noise
    return Data.from_series(series, window=24, horizon=6, name="seasons", source=SOURCE)


def shoppers() -> Data:
    """Returns a table of 2,000 visits to a shop, numbers and categories, to tell the buyers."""
    import pandas as pd

    rng = np.random.default_rng(0)
    rows = 2_000
    frame = pd.DataFrame(
        {
            "pages": rng.poisson(8, rows),
            "minutes": rng.gamma(2, 4, rows).round(1),
            "hour": rng.integers(0, 24, rows),
            "device": rng.choice(["phone", "desktop", "tablet"], rows, p=[0.6, 0.3, 0.1]),
            "channel": rng.choice(["search", "mail", "advert", "direct"], rows),
            "returning": rng.random(rows) < 0.4,
        }
    )
    score = (
        0.15 * (frame["pages"] - 8)
        + 0.12 * (frame["minutes"] - 8)
        + frame["device"].map({"phone": -0.8, "desktop": 0.9, "tablet": 0.2})
        + frame["channel"].map({"search": 0.0, "mail": 1.2, "advert": -1.2, "direct": 0.4})
        + np.where(frame["returning"], 1.0, -0.6)
        + np.where((frame["hour"] > 18) == (frame["device"] == "phone"), 0.8, -0.8)
    )
    bought = score + rng.logistic(0, 0.6, rows) > 0
    frame["bought"] = np.where(bought, "yes", "no")
    return Data.from_frame(frame, "bought", name="shoppers", source=SOURCE)
