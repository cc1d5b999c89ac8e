"""jacob_cov, naswot, zen.

Mellor, Turner, Storkey and Crowley, "Neural architecture search without training", first version
of 2020 (arXiv:2006.04647v1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from nas_nb.errors import MeasureError
from nas_nb.evaluate.backend import gradients
from nas_nb.evaluate.layer_graph import keras_family, walk
from nas_nb.evaluate.proxies.gradient_proxies import as_inputs, finite, is_real, logits, probe_call

if TYPE_CHECKING:
    import numpy.typing as npt

K = 1e-5
"""Keeps the logarithm and the inverse of an eigenvalue of 0 finite; the paper's k."""


def jacob_cov(model: keras.Model, x: Any, y: Any = None) -> float:
    """Returns the score of the correlations between the samples' Jacobians.

    J has a row for each sample, the gradient of its summed logits by its input; with the
    eigenvalues e of the correlation matrix of its rows,
    S = -sum(log(e + k) + 1 / (e + k)), greatest when no two rows are correlated.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        correlations = np.corrcoef(_jacobians(model, x))
    if not np.isfinite(correlations).all():
        raise MeasureError(
            f"Expected outputs that depend on every sample. Received: {model.name!r}, whose "
            "gradient by its input is constant for some, so jacob_cov is not defined. Use another "
            "proxy."
        )
    eigenvalues = np.linalg.eigvalsh(correlations).clip(0)
    return finite(-np.sum(np.log(eigenvalues + K) + 1 / (eigenvalues + K)), "jacob_cov", model)


def _jacobians(model: keras.Model, x: Any) -> npt.NDArray[np.float64]:
    inputs = as_inputs(model, x)
    if not is_real(inputs) or inputs.shape[0] < 2:
        raise MeasureError(
            "Expected a model with one real-valued input and a batch of 2 samples or more for "
            f"jacob_cov. Received: {keras.tree.map_structure(_said, inputs)}. Use another proxy."
        )

    def total(values: list[Any]) -> Any:
        with keras.StatelessScope():
            outputs = keras.tree.flatten(logits(model, values[0]))
            return sum(keras.ops.sum(output) for output in outputs)

    (gradient,) = gradients(total, [inputs])
    return np.asarray(gradient, dtype=np.float64).reshape(inputs.shape[0], -1)


def _said(tensor: Any) -> str:
    return f"{keras.backend.standardize_dtype(tensor.dtype)} of shape {tuple(tensor.shape)}"


# Mellor, Turner, Storkey and Crowley, "Neural architecture search without training", 2021.

SIGN_KEEPING = frozenset(
    ("celu", "elu", "gelu", "hard_silu", "hard_tanh", "leaky_relu", "mish", "relu", "relu6", "selu",
     "silu", "softsign", "tanh")
)  # fmt: skip
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
    """
    agreeing: list[npt.NDArray[np.float64]] = []

    def visit(operation: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = probe_call(operation, *args, **kwargs)
        if _switches(operation):
            agreeing.append(_agreements(outputs))
        return outputs

    with keras.StatelessScope():
        walk(model, as_inputs(model, x), visit)
    if not agreeing:
        raise MeasureError(
            f"Expected a model with rectifying activations for naswot. Received: {model.name!r}, "
            f"which has none of {', '.join(sorted(SIGN_KEEPING))} outside recurrent layers. Use "
            "another proxy."
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


# Lin, Wang, Sun, Chen, Sun, Qian, Li and Jin, "Zen-NAS: A zero-shot NAS for high-performance image
# recognition", 2021.

ALPHA = 0.01
"""Size of the change; the paper's alpha."""


def zen(model: keras.Model, x: Any, y: Any = None, *, seed: int = 0, repeats: int = 1) -> float:
    """Returns the Zen-score.

    As the paper computes it: with the shortcuts of residual blocks removed, normal weights, and
    normal inputs x and e, D is the mean of ||f(x) - f(x + alpha e)||, where f is what enters the
    classifier (the first flattening, global pooling or dense layer), and with s_k the root of
    the mean over the channels of the variance in the k-th batch normalisation,
    Zen = log D + sum(log s_k). Without batch normalisation it is the log of the Phi-score, which
    the Zen-score stands for.
    """
    inputs = as_inputs(model, x)
    if not is_real(inputs):
        raise MeasureError(
            f"Expected a model with one real-valued input for zen. Received: {model.name!r}. Use "
            "another proxy."
        )
    draws = [
        _one_draw(model, inputs, np.random.default_rng([seed, draw])) for draw in range(repeats)
    ]
    return finite(sum(draws) / repeats, "zen", model)


def _one_draw(model: keras.Model, inputs: Any, rng: np.random.Generator) -> float:
    start, noise = _normal(rng, inputs), _normal(rng, inputs)
    mapping = [
        (weight, _normal(rng, weight))
        for weight in model.trainable_variables
        if len(weight.shape) > 2  # the kernels of convolutions
    ]
    with keras.StatelessScope(state_mapping=mapping):
        here = _backbone(model, start)
        there = _backbone(model, start + ALPHA * noise)
    ops = keras.ops
    change = ops.cast(here.features - there.features, "float32")
    delta = ops.mean(ops.norm(ops.reshape(change, [inputs.shape[0], -1]), axis=1))
    return _log(delta) + sum(here.log_scales)


def _normal(rng: np.random.Generator, like: Any) -> Any:
    return keras.ops.cast(rng.standard_normal(tuple(like.shape), dtype=np.float32), like.dtype)


def _log(value: Any) -> float:
    return math.log(value) if value > 0 else -math.inf


@dataclass
class _Backbone:
    """What a walk through a model has found."""

    features: Any = None  # what enters the classifier
    log_scales: list[float] = field(default_factory=list)  # log s_k of each batch normalisation
    # convolutions on the longest way, by id
    depths: dict[int, tuple[int, Any]] = field(default_factory=dict)

    def depth(self, tensor: Any) -> int:
        return self.depths.get(id(tensor), (0, None))[0]

    def visit(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        tensors = [one for one in keras.tree.flatten((args, kwargs)) if keras.ops.is_tensor(one)]
        deepest = max((self.depth(one) for one in tensors), default=0)
        if self.features is None:
            self._notice(operation, args, deepest)
        if isinstance(operation, keras.layers.Add):
            # The shortcut is the way that has fewer convolutions on it.
            kept = [one for one in args[0] if self.depth(one) == deepest]
            outputs = operation(kept) if len(kept) > 1 else kept[0]
        else:
            outputs = probe_call(operation, *args, **kwargs)
        deepest += keras_family(operation) == "convolutional"
        for output in keras.tree.flatten(outputs):
            self.depths[id(output)] = (deepest, output)
        return outputs

    def _notice(self, operation: Any, args: tuple[Any, ...], depth: int) -> None:
        name = type(operation).__name__
        if depth and (name in ("Dense", "Flatten") or name.startswith("Global")):
            self.features = args[0]
        elif isinstance(operation, keras.layers.BatchNormalization):
            channels = operation.axis % len(args[0].shape)
            others = [axis for axis in range(len(args[0].shape)) if axis != channels]
            variances = keras.ops.var(args[0], axis=others)
            self.log_scales.append(0.5 * _log(keras.ops.mean(variances)))


def _backbone(model: keras.Model, inputs: Any) -> _Backbone:
    found = _Backbone()
    outputs = walk(model, inputs, found.visit)
    if found.features is None:
        found.features = outputs
    if not any(depth for depth, _ in found.depths.values()):
        raise MeasureError(
            f"Expected a convolutional model for zen. Received: {model.name!r} without a "
            "convolution. Use another proxy."
        )
    return found
