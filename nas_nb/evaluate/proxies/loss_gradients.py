"""The gradient of the compiled loss on one batch, for the proxies that weigh it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from nas_nb.errors import MeasureError, NasError
from nas_nb.evaluate.backend import gradients
from nas_nb.evaluate.misfit import misfit
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
        MeasureError: The model isn't compiled, has no weights, or its loss fails: it doesn't fit
            the labels or the outputs.
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
    try:
        found = gradients(loss, values)
    except NasError:
        raise
    except Exception as error:
        raise MeasureError(_told(error, model, y)) from error
    return [
        (np.asarray(value), np.asarray(gradient))
        for value, gradient in zip(values, found, strict=True)
    ]


def _told(error: Exception, model: keras.Model, y: Any) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    return misfit(error, model, y) or (
        f"Expected a loss that has a gradient on this batch, got {type(error).__name__} for "
        f"{model.name!r}: {first}"
    )
