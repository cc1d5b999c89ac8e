"""jacob_cov: how differently the untrained net answers to changes of different samples.

Mellor, Turner, Storkey and Crowley, "Neural architecture search without training", first version
of 2020 (arXiv:2006.04647v1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from nas_nb.errors import MeasureError
from nas_nb.evaluate.backend import gradients
from nas_nb.evaluate.proxies.forward import as_inputs, finite, is_real, logits

if TYPE_CHECKING:
    import numpy.typing as npt

K = 1e-5
"""Keeps the logarithm and the inverse of an eigenvalue of 0 finite; the paper's k."""


def jacob_cov(model: keras.Model, x: Any, y: Any = None) -> float:
    """Returns the score of the correlations between the samples' Jacobians.

    J has a row for each sample, the gradient of its summed logits by its input; with the
    eigenvalues e of the correlation matrix of its rows,
    S = -sum(log(e + k) + 1 / (e + k)), greatest when no two rows are correlated.

    Args:
        model: A built, untrained model with one real-valued input.
        x: A batch of 2 samples or more, `(samples, ...)`.
        y: Not looked at.

    Raises:
        MeasureError: The model's layers can't be seen, its input isn't one array of real
            numbers, or the Jacobian of a sample is constant.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        correlations = np.corrcoef(_jacobians(model, x))
    if not np.isfinite(correlations).all():
        raise MeasureError(
            f"Expected outputs that depend on every sample, got {model.name!r}, whose gradient by "
            "its input is constant for some: jacob_cov is not defined, use another proxy."
        )
    eigenvalues = np.linalg.eigvalsh(correlations).clip(0)
    return finite(-np.sum(np.log(eigenvalues + K) + 1 / (eigenvalues + K)), "jacob_cov", model)


def _jacobians(model: keras.Model, x: Any) -> npt.NDArray[np.float64]:
    inputs = as_inputs(model, x)
    if not is_real(inputs) or inputs.shape[0] < 2:
        raise MeasureError(
            "Expected a model with one real-valued input and a batch of 2 samples or more for "
            f"jacob_cov, got {keras.tree.map_structure(_said, inputs)}: use another proxy."
        )

    def total(values: list[Any]) -> Any:
        with keras.StatelessScope():
            outputs = keras.tree.flatten(logits(model, values[0]))
            return sum(keras.ops.sum(output) for output in outputs)

    (gradient,) = gradients(total, [inputs])
    return np.asarray(gradient, dtype=np.float64).reshape(inputs.shape[0], -1)


def _said(tensor: Any) -> str:
    return f"{keras.backend.standardize_dtype(tensor.dtype)} of shape {tuple(tensor.shape)}"
