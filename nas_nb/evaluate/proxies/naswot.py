"""naswot: how well the untrained net's units tell the samples of a batch apart.

Mellor, Turner, Storkey and Crowley, "Neural architecture search without training", 2021.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from nas_nb.errors import MeasureError
from nas_nb.evaluate.layer_graph import walk
from nas_nb.evaluate.proxies.forward import as_inputs, call

if TYPE_CHECKING:
    import numpy.typing as npt

SIGN_KEEPING = frozenset(
    {
        "celu",
        "elu",
        "gelu",
        "hard_silu",
        "hard_tanh",
        "leaky_relu",
        "mish",
        "relu",
        "relu6",
        "selu",
        "silu",
        "softsign",
        "tanh",
    }
)
"""Activation functions that are positive exactly where their input is: their units are on or off.

The paper's units are rectified linear; the code of any of these is the same.
"""

_LAYERS = ("ELU", "LeakyReLU", "PReLU", "ReLU")


def naswot(model: keras.Model, x: Any, y: Any = None) -> float:
    """Returns the logarithm of the determinant of the kernel of the samples' activation codes.

    The code of a sample says for each unit whether it is on; K_H holds for each pair of samples
    the number of units in which their codes agree, N_A - d_H, and the score is log |det K_H|
    as the paper has it. It is minus infinity, or far below 0, where two samples of the
    batch have the same code.

    Args:
        model: A built, untrained model with rectifying activations.
        x: A batch of different samples, `(samples, ...)`.
        y: Not looked at.

    Raises:
        MeasureError: The model's layers can't be seen, or none has an activation that is on or
            off; the units inside recurrent layers are neither.
    """
    agreeing: list[npt.NDArray[np.float64]] = []

    def visit(operation: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = call(operation, *args, **kwargs)
        if _switches(operation):
            agreeing.append(_agreements(outputs))
        return outputs

    with keras.StatelessScope():
        walk(model, as_inputs(model, x), visit)
    if not agreeing:
        raise MeasureError(
            f"Expected a model with rectifying activations for naswot, got {model.name!r}, which "
            f"has none of {', '.join(sorted(SIGN_KEEPING))} outside recurrent layers: use another "
            "proxy."
        )
    return float(np.linalg.slogdet(sum(agreeing))[1])


def _agreements(outputs: Any) -> npt.NDArray[np.float64]:
    """Counts, for each pair of samples, the units that are on for both or off for both."""
    ops = keras.ops
    signs = ops.reshape(ops.where(outputs > 0, 1.0, -1.0), [outputs.shape[0], -1])
    # A product of signs is the agreements less the disagreements, and both together are N_A.
    products = np.asarray(ops.matmul(signs, ops.transpose(signs)), dtype=np.float64)
    return (int(signs.shape[1]) + products) / 2


def _switches(operation: Any) -> bool:
    if isinstance(operation, keras.layers.RNN):
        return False  # its activation is inside the cell, between gates: no unit is on or off
    activation = getattr(operation, "activation", None)
    name = getattr(activation, "__name__", type(activation).__name__)
    return type(operation).__name__ in _LAYERS or name in SIGN_KEEPING or name in _LAYERS
