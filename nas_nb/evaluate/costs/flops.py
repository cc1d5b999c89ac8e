"""How many multiply-adds a model does for one sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from nas_nb.errors import MeasureError
from nas_nb.evaluate.costs.layer_rules import graph_of_layers, multiply_adds, shape_of
from nas_nb.evaluate.layer_graph import has_graph

if TYPE_CHECKING:
    from collections.abc import Sequence


def flops(model: keras.Model, input_shape: Sequence[int] | None = None) -> int:
    """Returns the multiply-adds of one sample's way through the model.

    Counted as published figures are: every product of an input with a weight, or of two
    activations in an attention, that is added to a sum. Biases, activation functions,
    normalisation, pooling, additions of branches and lookups in an embedding count nothing; they
    are 1-3 % of a convolutional net. A "FLOP" that is a single multiplication or addition is half
    of it.

    The layers are walked and counted from their shapes; a layer of the user's own is traced, and
    the products in its graph are counted.

    Args:
        model: A built model; also one that was built `without_weights`.
        input_shape: Shape of one sample without the batch, for a model with one input that leaves
            a dimension open (the length of a text, say). Default: the model's own.

    Raises:
        MeasureError: A dimension of the input isn't known, or a layer can't be counted because
            it loops as often as its values say.
    """
    inputs = keras.tree.map_structure(_one_sample, _input_structure(model, input_shape))
    if not has_graph(model):
        return multiply_adds(model, (inputs,), {}, None)
    return graph_of_layers(model, inputs)


def _input_structure(model: keras.Model, input_shape: Sequence[int] | None) -> Any:
    given = getattr(model, "inputs", None)
    if input_shape is None:
        if given:
            return given[0] if len(given) == 1 else given
        raise MeasureError(
            f"Expected a model that knows its input shape, got {model.name!r}: "
            "say flops(model, input_shape)."
        )
    if given and len(given) > 1:
        raise MeasureError(
            f"Expected a model with one input beside input_shape, got {len(given)} inputs: "
            "give each its full shape in keras.Input(shape)."
        )
    dtype = given[0].dtype if given else keras.config.floatx()
    return keras.KerasTensor((1, *input_shape), dtype=dtype)


def _one_sample(symbol: Any) -> Any:
    shape = (1, *shape_of(symbol)[1:])
    if None in shape:
        raise MeasureError(
            f"Expected an input of known shape, got {shape[1:]} with an open dimension: "
            "say flops(model, input_shape)."
        )
    return keras.KerasTensor(shape, dtype=symbol.dtype)
