"""zen: how strongly an untrained convolutional net answers to small changes of its input.

Lin, Wang, Sun, Chen, Sun, Qian, Li and Jin, "Zen-NAS: A zero-shot NAS for high-performance image
recognition", 2021.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from nas_nb.errors import MeasureError
from nas_nb.evaluate.layer_graph import keras_family, walk
from nas_nb.evaluate.proxies.forward import as_inputs, call, finite, is_real

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

    Args:
        model: A built, untrained convolutional model with one input.
        x: A batch whose shape is used, `(samples, ...)`.
        y: Not looked at.
        seed: Decides weights and inputs.
        repeats: Draws that the score is the mean of, 1 or more. On small nets one draw ranks as
            many do.

    Raises:
        MeasureError: The model's layers can't be seen, no convolution comes before its
            classifier, or the score isn't finite.
    """
    inputs = as_inputs(model, x)
    if not is_real(inputs):
        raise MeasureError(
            f"Expected a model with one real-valued input for zen, got {model.name!r}: "
            "use another proxy."
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
    """What a walk through a model has found.

    Attributes:
        features: What enters the classifier; None before it is reached.
        log_scales: log s_k of each batch normalisation before it.
        depths: Convolutions on the longest way to a tensor, with the tensor, by its id.
    """

    features: Any = None
    log_scales: list[float] = field(default_factory=list)
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
            outputs = call(operation, *args, **kwargs)
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
            f"Expected a convolutional model for zen, got {model.name!r} without a convolution: "
            "use another proxy."
        )
    return found
