"""Series as samples: windows of the past, and what followed them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.errors import DataError

if TYPE_CHECKING:
    from nas_nb.data.task import Array


def windows(series: Array, window: int, horizon: int, target: int | None) -> tuple[Array, Array]:
    """Returns every window of a series with the values that followed it.

    Args:
        series: (time, channels)
        window: Time steps that a model sees.
        horizon: Time steps that it predicts.
        target: The channel to predict; None for all.

    Returns:
        x of shape (windows, window, channels), and y of shape (windows, horizon * targets): the
        values of the first step, then of the second.

    Raises:
        DataError: The series is shorter than a window and a horizon, or a length is below 1.
    """
    if window < 1 or horizon < 1:
        raise DataError(
            f"Expected a window and a horizon of at least 1 step. Received: window={window}, "
            f"horizon={horizon}."
        )
    count = len(series) - window - horizon + 1
    if count < 1:
        raise DataError(
            f"Expected a series of more than {window + horizon} steps for window={window} and "
            f"horizon={horizon}. Received: {len(series)} steps. Take a smaller window."
        )
    steps = np.arange(count)[:, np.newaxis]
    followed = series if target is None else series[:, [target]]
    x = series[steps + np.arange(window)]
    y = followed[steps + window + np.arange(horizon)]
    return x, y.reshape(count, -1)


def split_in_time(
    rows: int, validation: float, test: float, horizon: int
) -> tuple[Array, Array, Array]:
    """Returns the row numbers of training, validation and test: the past, then the later parts.

    Between two parts ``horizon - 1`` rows are left out, so that no value is predicted in both.

    Raises:
        DataError: The shares leave a part without rows.
    """
    held_out, compared = math.ceil(rows * test), math.ceil(rows * validation)
    gap = horizon - 1
    trained = rows - held_out - compared - 2 * gap
    if not (0 < validation < 1 and 0 < test < 1) or trained < 1:
        raise DataError(
            "Expected shares between 0 and 1, and a series long enough for three parts. "
            f"Received: validation={validation}, test={test} of {rows} windows."
        )
    numbers = np.arange(rows)
    second = trained + gap
    return numbers[:trained], numbers[second : second + compared], numbers[rows - held_out :]


def series_array(given: Any) -> Array:
    """Returns a series as (time, channels) float32.

    Raises:
        DataError: It isn't one series of numbers.
    """
    array = np.asarray(given)
    if array.ndim not in (1, 2) or array.dtype.kind not in "biuf":
        raise DataError(
            "Expected a series of numbers of shape (time,) or (time, channels). Received: shape "
            f"{array.shape} of dtype {array.dtype}. Many labelled series go through "
            "nas.Data.from_arrays(x, y) with x of shape (samples, time, channels)."
        )
    return array.reshape(len(array), -1).astype(np.float32)
