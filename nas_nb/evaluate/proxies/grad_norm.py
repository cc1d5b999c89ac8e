"""grad_norm: how long the loss's gradient is.

Abdelfattah, Mehrotra, Dudziak and Lane, "Zero-cost proxies for lightweight NAS", 2021.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.evaluate.proxies.forward import finite
from nas_nb.evaluate.proxies.loss_gradients import loss_gradients

if TYPE_CHECKING:
    import keras


def grad_norm(model: keras.Model, x: Any, y: Any) -> float:
    """Returns the sum over the layers of the Euclidean norm of the gradient of their weights.

    One norm for each kernel, as in the code of the paper's authors. Biases and the
    scales of a normalisation are left out.

    Args:
        model: A built, compiled and untrained model.
        x: A batch of samples, `(samples, ...)`.
        y: Its targets, as `fit` takes them.

    Raises:
        MeasureError: The model isn't compiled, has no weights, its loss doesn't fit the labels or
            the outputs, or its gradient isn't finite.
    """
    norms = (float(np.linalg.norm(gradient)) for _, gradient in loss_gradients(model, x, y))
    return finite(sum(norms), "grad_norm", model)
