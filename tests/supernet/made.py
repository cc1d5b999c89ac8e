"""Images of stripes, across or along, at any phase: they can't be told apart pixel by pixel."""

from __future__ import annotations

import numpy as np

from nas_nb.data.dataset import Data


def stripes(samples: int = 120, size: int = 8) -> Data:
    rng = np.random.default_rng(1)
    wave = np.sin(np.arange(size) * np.pi / 1.5 + rng.uniform(0, 6.28, (samples, 1)))
    along = np.repeat(wave[:, :, None], size, axis=2)
    labels = np.arange(samples) % 2
    images = np.where(labels[:, None, None] == 1, along, along.transpose(0, 2, 1))
    noisy = images + rng.normal(0, 0.1, images.shape)
    return Data.from_arrays(noisy[..., None].astype("float32"), labels, validation=0.4, test=0.1)
