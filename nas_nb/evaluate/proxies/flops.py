"""The number of multiply-adds as a proxy: the second baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.evaluate import costs

if TYPE_CHECKING:
    import keras


def flops(model: keras.Model, x: Any = None, y: Any = None) -> float:
    """Returns the multiply-adds of one sample.

    Args:
        model: A built model.
        x: A batch, `(samples, ...)`, whose shape fills in what the model leaves open; may be left
            out for a model of known shape.
        y: Not looked at.

    Raises:
        MeasureError: They can't be counted; see `nas_nb.evaluate.costs.flops`.
    """
    single = x is not None and not isinstance(x, dict | list | tuple)
    return float(costs.flops(model, np.shape(x)[1:] if single else None))
