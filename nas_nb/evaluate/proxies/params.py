"""The number of parameters as a proxy: the first baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nas_nb.evaluate import costs

if TYPE_CHECKING:
    import keras


def params(model: keras.Model, x: Any = None, y: Any = None) -> float:
    """Returns how many parameters the model has; the batch is not looked at.

    Raises:
        MeasureError: The model isn't built.
    """
    return float(costs.params(model))
