"""Smaller images: cheaper candidates of the same architecture."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import numpy.typing as npt

from nas_nb.errors import DataError

if TYPE_CHECKING:
    from nas_nb.data import Data

_ROWS = 1024
SMALLEST = 4
"""Rows and columns that an image has at least: less holds no picture."""


def smaller_images(data: Data, resolution: float) -> Data:
    """Returns the data with every image made smaller, in all three parts.

    Images are scaled and not enlarged again: what is saved is arithmetic, and a candidate is built
    for the smaller ones.

    Args:
        data: Images, `(samples, height, width, channels)`.
        resolution: Share of height and width, above 0 to 1; 1 returns `data` itself. A side is
            rounded to whole rows, and has 4 at least (or as many as it has).

    Raises:
        DataError: The samples are no images.
    """
    if resolution >= 1:
        return data
    shape = data.x_train.shape[1:]
    if len(shape) != 3:
        raise DataError(
            "Expected images, samples of shape (height, width, channels), for a resolution below "
            f"1. Received: samples of shape {shape} and resolution={resolution:g}. For other data "
            "`fraction` and `epochs` make trials cheaper."
        )
    size = tuple(min(side, max(SMALLEST, round(resolution * side))) for side in shape[:2])
    return replace(
        data,
        x_train=_scaled(data.x_train, size),
        x_val=_scaled(data.x_val, size),
        x_test=_scaled(data.x_test, size),
    )


def _scaled(images: npt.NDArray[Any], size: tuple[int, ...]) -> npt.NDArray[Any]:
    """Averages over what falls into a new pixel, so that small structures don't flicker."""
    scaled = np.empty((len(images), *size, images.shape[-1]), images.dtype)
    whole = images.dtype.kind in "iu"
    for first in range(0, len(images), _ROWS):
        some = images[first : first + _ROWS].astype("float32")
        small = keras.ops.image.resize(some, size, antialias=True, data_format="channels_last")
        numbers = keras.ops.convert_to_numpy(small)
        scaled[first : first + _ROWS] = np.rint(numbers) if whole else numbers
    return scaled
