"""Spaces for tables: multi-layer perceptrons, plain and residual."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

import keras

from nas_nb.data.preprocessing import Vocabulary
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

FAMILIES = ("mlp", "residual")
ACTIVATIONS = ("relu", "gelu", "selu", "silu", "tanh")


def tabular(
    *,
    families: Sequence[str] = FAMILIES,
    depths: Sequence[int] = (1, 2, 3),
    widths: Sequence[int] = (16, 32, 64, 128),
    activations: Sequence[str] = ("relu", "gelu"),
    dropouts: Sequence[float] | Interval = (0.0, 0.1, 0.3),
    learning_rates: Sequence[float] | Interval = (0.001, 0.003, 0.01),
) -> SearchSpace:
    """Returns a space of networks for tables.

    A model starts with a ``Normalization`` layer that knows the mean and variance of the training
    rows, and predicts quantities in their own units, so that it takes and returns raw numbers.
    Columns of categories come as 0 and 1 (`Data.from_frame`), which are left as they are;
    `nas_nb.with_raw_input` puts the look-up of their names in front of a trained model.

    - ``"mlp"``: dense layers in a row, all of one width.
    - ``"residual"``: a dense layer, then blocks that normalise, widen to twice the width, return
      to it and are added to their input (Gorishniy et al., 2021, section 3.2).

    Args:
        families: Which of the families to choose among.
        depths: How many layers or blocks.
        widths: Of the layers.
        activations: Among relu, gelu, selu, silu, tanh.
        dropouts: Shares dropped before the output layer.
        learning_rates: Of Adam.

    Raises:
        SpaceError: An option offers nothing, or something that can't be.
    """
    options = {
        "depth": read_counts("depths", depths),
        "width": read_counts("widths", widths),
        "activation": read_words("activations", activations, ACTIVATIONS),
    }
    parameters = read_options(FAMILIES, families, dropouts, learning_rates, options)
    return SearchSpace(TabularSpace(parameters), name="tabular")


class TabularSpace(ReadySpace):
    """What `tabular` returns the space of."""

    name: ClassVar[str] = "tabular"
    expected: ClassVar[str] = "rows of numbers"

    def takes(self, spec: DataSpec) -> bool:
        """Says whether samples are rows of numbers."""
        return len(spec.input_shape) == 1 and not isinstance(spec.raw, Vocabulary)

    def features(self, point: Values, spec: DataSpec, x: Tensor) -> Tensor:
        """Returns the last hidden layer."""
        layers = keras.layers
        x = standardised(x, spec)
        width, activation = cast("int", point["width"]), point["activation"]
        if point["family"] == "mlp":
            for _ in range(cast("int", point["depth"])):
                x = layers.Dense(width, activation=activation)(x)
            return x
        x = layers.Dense(width)(x)
        for _ in range(cast("int", point["depth"])):
            inner = layers.BatchNormalization(momentum=0.9)(x)
            inner = layers.Dense(2 * width, activation=activation)(inner)
            x = layers.Add()([x, layers.Dense(width)(inner)])
        return layers.Activation(activation)(layers.BatchNormalization(momentum=0.9)(x))
