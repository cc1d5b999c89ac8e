"""The costs that are known without running a model, by name, as a trial's record keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas_nb.errors import MeasureError
from nas_nb.evaluate.costs.flops import flops
from nas_nb.evaluate.costs.params import params

if TYPE_CHECKING:
    import keras


def costs(model: keras.Model, input_shape: tuple[int, ...] | None = None) -> dict[str, float]:
    """Returns the costs of a model: `params`, and `flops` where they can be counted.

    Args:
        model: A built model; also one that was built `without_weights`.
        input_shape: Shape of one sample, for a model that leaves a dimension open. Default: the
            model's own.

    Returns:
        Cost by name. A cost that isn't defined for the model is left out: ask `flops` for why.

    Raises:
        MeasureError: The model isn't built.
    """
    measured: dict[str, float] = {"params": params(model)}
    try:
        measured["flops"] = flops(model, input_shape)
    except MeasureError:
        # A model of an unusual kind is still worth training.
        return measured
    return measured
