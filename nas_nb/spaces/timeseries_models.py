"""Spaces for series: temporal convolutional networks, recurrent ones, perceptrons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

import keras

from nas_nb.data.task import Task
from nas_nb.space.search_space import SearchSpace
from nas_nb.spaces.ready_space import (
    ReadySpace,
    Tensor,
    read_counts,
    read_options,
    read_words,
    standardised,
)

if TYPE_CHECKING:
    from nas_nb.data.dataset import DataSpec
    from nas_nb.record.trial import Values
    from nas_nb.space.ranges import Interval

FAMILIES = ("tcn", "recurrent", "mlp")
CELLS = ("GRU", "LSTM")


def timeseries(
    *,
    families: Sequence[str] = FAMILIES,
    depths: Sequence[int] = (1, 2, 3),
    widths: Sequence[int] = (8, 16, 32),
    kernel_sizes: Sequence[int] = (2, 3),
    cells: Sequence[str] = CELLS,
    dropouts: Sequence[float] | Interval = (0.0, 0.2),
    learning_rates: Sequence[float] | Interval = (0.001, 0.003, 0.01),
) -> SearchSpace:
    """Returns a space of networks for windows of series, to forecast or to classify them.

    A model starts with a ``Normalization`` layer that knows the mean and variance of each channel
    in the training part, and forecasts in the series' own units, so that it takes and returns raw
    numbers.

    - ``"tcn"``: residual blocks of two causal convolutions whose dilation doubles from block to
      block (Bai et al., 2018). A forecast reads the last step, a class the mean over all.
    - ``"recurrent"``: layers of recurrent cells.
    - ``"mlp"``: dense layers over the whole window.

    Args:
        families: Which of the families to choose among.
        depths: How many blocks or layers.
        widths: Channels, or units, of each.
        kernel_sizes: Of the convolutions, in time steps.
        cells: Among ``"GRU"`` and ``"LSTM"``.
        dropouts: Shares dropped before the output layer.
        learning_rates: Of Adam.

    Raises:
        SpaceError: An option offers nothing, or something that can't be.
    """
    options = {
        "depth": read_counts("depths", depths),
        "width": read_counts("widths", widths),
        "kernel_size": read_counts("kernel_sizes", kernel_sizes),
        "cell": read_words("cells", cells, CELLS),
    }
    owners = {"kernel_size": "tcn", "cell": "recurrent"}
    parameters = read_options(FAMILIES, families, dropouts, learning_rates, options, **owners)
    return SearchSpace(TimeSeriesSpace(parameters), name="timeseries")


class TimeSeriesSpace(ReadySpace):
    """What `timeseries` returns the space of."""

    name: ClassVar[str] = "timeseries"
    expected: ClassVar[str] = "windows of shape (time, channels)"

    def takes(self, spec: DataSpec) -> bool:
        """Says whether samples are windows of series."""
        return len(spec.input_shape) == 2

    def features(self, point: Values, spec: DataSpec, x: Tensor) -> Tensor:
        """Returns what the network makes of the whole window."""
        x = standardised(x, spec)
        depth, width = cast("int", point["depth"]), cast("int", point["width"])
        if point["family"] == "tcn":
            for block in range(depth):
                x = _causal_block(x, width, cast("int", point["kernel_size"]), 2**block)
            if spec.task == Task.FORECASTING:
                return keras.layers.Flatten()(keras.layers.Cropping1D((x.shape[1] - 1, 0))(x))
            return keras.layers.GlobalAveragePooling1D()(x)
        if point["family"] == "recurrent":
            cell = getattr(keras.layers, str(point["cell"]))
            for layer in range(depth):
                x = cell(width, return_sequences=layer < depth - 1)(x)
            return x
        x = keras.layers.Flatten()(x)
        for _ in range(depth):
            x = keras.layers.Dense(width, activation="relu")(x)
        return x


def _causal_block(x: Tensor, width: int, size: int, dilation: int) -> Tensor:
    layers = keras.layers
    past = x if x.shape[-1] == width else layers.Conv1D(width, 1)(x)
    for _ in range(2):
        x = layers.Conv1D(width, size, padding="causal", dilation_rate=dilation, activation="relu")(
            x
        )
    return layers.Add()([x, past])
