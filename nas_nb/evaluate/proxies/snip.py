"""snip: how much the loss would change if the weights were removed.

Lee, Ajanthan and Torr, "SNIP: Single-shot network pruning based on connection sensitivity", 2019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.evaluate.proxies.forward import finite
from nas_nb.evaluate.proxies.loss_gradients import loss_gradients

if TYPE_CHECKING:
    import keras


def snip(model: keras.Model, x: Any, y: Any) -> float:
    """Returns the sum of the connections' sensitivities.

    With an indicator c of ones before the weights w, g = dL(c * w)/dc, which
    the chain rule makes w * dL/dw, and a connection's sensitivity is |g|. The paper normalises
    by the sum over a net; between nets that sum is the score, as Abdelfattah et al., "Zero-cost
    proxies for lightweight NAS", 2021, take it.

    Args:
        model: A built, compiled and untrained model.
        x: A batch of samples, `(samples, ...)`.
        y: Its targets, as `fit` takes them.

    Raises:
        MeasureError: The model isn't compiled, has no weights, its loss doesn't fit the labels or
            the outputs, or its gradient isn't finite.
    """
    sensitivity = sum(
        float(np.abs(weight * gradient).sum()) for weight, gradient in loss_gradients(model, x, y)
    )
    return finite(sensitivity, "snip", model)
