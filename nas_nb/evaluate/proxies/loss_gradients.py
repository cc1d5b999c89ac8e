"""The gradient of the compiled loss on one batch, for the proxies that weigh it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from nas_nb.errors import MeasureError
from nas_nb.evaluate.backend import gradients
from nas_nb.evaluate.proxies.forward import as_inputs, forward, kernels, values_of

if TYPE_CHECKING:
    import numpy.typing as npt


def loss_gradients(
    model: keras.Model, x: Any, y: Any
) -> list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    """Returns weight and gradient of every kernel of the model, in the model's order.

    Args:
        model: A built and compiled model.
        x: A batch of samples, `(samples, ...)`.
        y: Its targets, as `fit` takes them.

    Raises:
        MeasureError: The model isn't compiled, or has no weights.
    """
    if not model.compiled:
        raise MeasureError(
            f"Expected a compiled model, whose loss says what to learn, got {model.name!r}: "
            "call model.compile(loss=...) first."
        )
    weights = kernels(model)
    inputs = as_inputs(model, x)
    targets = keras.tree.map_structure(keras.ops.convert_to_tensor, y)

    def loss(values: list[Any]) -> Any:
        mapping = list(zip(weights, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping, collect_losses=True):
            outputs = forward(model, inputs)
            return model.compute_loss(y=targets, y_pred=outputs, training=True)

    values = values_of(weights)
    return [
        (np.asarray(value), np.asarray(gradient))
        for value, gradient in zip(values, gradients(loss, values), strict=True)
    ]
