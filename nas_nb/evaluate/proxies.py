"""Zero-cost proxies: scores of an untrained model, from one batch and no training.

They mislead as often as they help: `params` and `macs` are the baselines that a proxy has to beat
on the space at hand. `search.proxies()` shows it for a search's own trials, and
`benchmarks/bench_proxies.py` for some spaces.

synflow: Tanaka, Kunin, Yamins and Ganguli, "Pruning neural networks without any data by iteratively
conserving synaptic flow", 2020. jacob_cov: Mellor, Turner, Storkey and Crowley, "Neural
architecture search without training", first version of 2020 (arXiv:2006.04647v1).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from nas_nb.errors import MeasureError, NasError
from nas_nb.evaluate.backend import gradients
from nas_nb.evaluate.layer_graph import has_graph, keras_family, output_layers, walk
from nas_nb.evaluate.trainer import explain_loss_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

_LINEAR = ("Dense", "EinsumDense")
_PASSED_OVER = ("activations", "normalization", "regularization")
_AS_IT_IS = ("merging", "pooling", "reshaping")
_SCALING = ("Normalization", "Rescaling")


def synflow(model: keras.Model, x: Any, y: Any = None) -> float:
    """Returns the sum of the synaptic saliencies.

    R = 1' (prod |W|) 1 is what a net without activation functions, with
    the absolute values of its weights, makes of an input of ones, and the saliency of a weight is
    |W| * dR/d|W|. Normalisation is passed over, as Abdelfattah et al., 2021, do,
    because it would bound the flow. Of the batch only the shape is used.
    """
    trainable = kernels(model)
    others = [weight for weight in model.weights if not any(weight is one for one in trainable)]
    fixed = [variable.value for variable in others]

    def flow(values: list[Any]) -> Any:
        return _flow(model, x, [*trainable, *others], [*values, *fixed])

    values = values_of(trainable)
    saliencies = [
        keras.ops.sum(value * gradient)
        for value, gradient in zip(values, gradients(flow, values), strict=True)
    ]
    return finite(sum(saliencies), "synflow", model)


def _flow(
    model: keras.Model, x: Any, variables: Sequence[keras.Variable], values: Sequence[Any]
) -> Any:
    ones = keras.tree.map_structure(
        lambda tensor: keras.ops.ones_like(tensor[:1]), as_inputs(model, x)
    )
    positive = [
        (variable, keras.ops.abs(value)) for variable, value in zip(variables, values, strict=True)
    ]
    with keras.StatelessScope(state_mapping=positive):
        outputs = walk(model, ones, _visit)
    return sum(keras.ops.sum(output) for output in keras.tree.flatten(outputs))


def _visit(operation: Any, *args: Any, **kwargs: Any) -> Any:
    name, family = type(operation).__name__, keras_family(operation)
    if family == "convolutional" or (family and name in _LINEAR):
        with linearised(operation):
            return operation(*args, **kwargs)
    if family in _PASSED_OVER or (family and name in _SCALING):
        return args[0]
    if family in _AS_IT_IS or name == "Identity" or not isinstance(operation, keras.layers.Layer):
        return operation(*args, **kwargs)
    raise MeasureError(
        "Expected a feed-forward net of dense and convolutional layers for synflow. Received: the "
        f"layer {operation.name!r} (of type {name}). Use another proxy."
    )


# SNIP is the paper of Lee, Ajanthan and Torr, 2019: single-shot pruning by connection sensitivity.


def snip(model: keras.Model, x: Any, y: Any) -> float:
    """Returns the sum of the connections' sensitivities.

    With an indicator c of ones before the weights w, g = dL(c * w)/dc, which
    the chain rule makes w * dL/dw, and a connection's sensitivity is |g|. The paper normalises
    by the sum over a net; between nets that sum is the score, as Abdelfattah et al., "Zero-cost
    proxies for lightweight NAS", 2021, take it.
    """
    sensitivity = sum(
        float(np.abs(weight * gradient).sum()) for weight, gradient in loss_gradients(model, x, y)
    )
    return finite(sensitivity, "snip", model)


# Abdelfattah, Mehrotra, Dudziak and Lane, "Zero-cost proxies for lightweight NAS", 2021.


def grad_norm(model: keras.Model, x: Any, y: Any) -> float:
    """Returns the sum over the layers of the Euclidean norm of the gradient of their weights.

    One norm for each kernel, as in the code of the paper's authors. Biases and the
    scales of a normalisation are left out.
    """
    norms = (float(np.linalg.norm(gradient)) for _, gradient in loss_gradients(model, x, y))
    return finite(sum(norms), "grad_norm", model)


def loss_gradients(
    model: keras.Model, x: Any, y: Any
) -> list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    """Returns weight and gradient of every kernel of a compiled model, in the model's order."""
    if not model.compiled:
        raise MeasureError(
            f"Expected a compiled model, whose loss says what to learn. Received: {model.name!r}. "
            "Call model.compile(loss=...) first."
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
    return explain_loss_error(error, model, y) or (
        f"Expected a loss that has a gradient on this batch. Received: {type(error).__name__} for "
        f"{model.name!r}: {first}"
    )


def as_inputs(model: keras.Model, x: Any) -> Any:
    """Returns a batch as tensors of the types that the model's inputs have."""
    tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, x)
    symbols = getattr(model, "inputs", None)
    if not symbols or len(symbols) != len(keras.tree.flatten(tensors)):
        return tensors
    cast = [
        keras.ops.cast(tensor, symbol.dtype)
        for tensor, symbol in zip(keras.tree.flatten(tensors), symbols, strict=True)
    ]
    return keras.tree.pack_sequence_as(tensors, cast)


def probe_call(operation: Any, *args: Any, **kwargs: Any) -> Any:
    """Calls a layer of an untrained net: normalised by the batch, and without a random dropout."""
    if isinstance(operation, keras.layers.BatchNormalization):
        return operation(*args, **kwargs, training=True)
    return operation(*args, **kwargs)


def forward(model: keras.Model, inputs: Any) -> Any:
    """Returns the model's outputs, its layers called by `call`, in a `keras.StatelessScope`."""
    return walk(model, inputs, probe_call) if has_graph(model) else model(inputs, training=True)


def logits(model: keras.Model, inputs: Any) -> Any:
    """Returns the model's outputs before the activation of its head: a softmax's sum to 1."""
    heads = output_layers(model) if has_graph(model) else []

    def visit(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if not any(operation is head for head in heads):
            return probe_call(operation, *args, **kwargs)
        if isinstance(operation, keras.layers.Softmax):
            return args[0]
        with linearised(operation):
            return probe_call(operation, *args, **kwargs)

    return walk(model, inputs, visit)


@contextmanager
def linearised(layer: Any) -> Iterator[None]:
    """Takes the activation function from a layer for the block."""
    attributes = vars(layer)
    if "activation" not in attributes:
        yield
        return
    # Not by assignment: Keras refuses to track an activation that is a layer a second time.
    activation = attributes["activation"]
    attributes["activation"] = keras.activations.linear
    try:
        yield
    finally:
        attributes["activation"] = activation


def kernels(model: keras.Model) -> list[keras.Variable]:
    """Returns the weights that multiply inputs: trainable, and neither biases nor scales."""
    found = [weight for weight in model.trainable_variables if len(weight.shape) > 1]
    if not found:
        raise MeasureError(
            f"Expected a built model with trainable weights. Received: {model.name!r}, which has "
            "none. No proxy of its weights is defined."
        )
    return found


def finite(score: Any, proxy: str, model: keras.Model) -> float:
    """Returns a score as a float; MeasureError where it is infinite or not a number."""
    value = float(score)
    if not math.isfinite(value):
        raise MeasureError(
            f"Expected a finite {proxy} score. Received: {value} for {model.name!r}. Its untrained "
            "activations or gradients vanish or overflow, so use another proxy."
        )
    return value


def values_of(variables: Sequence[keras.Variable]) -> list[Any]:
    """Returns the variables' values as tensors, to be used in their place."""
    return [keras.ops.convert_to_tensor(variable.value) for variable in variables]


def is_real(tensor: Any) -> bool:
    """Whether this is one tensor of floating-point numbers."""
    if not keras.ops.is_tensor(tensor):
        return False
    return bool(keras.backend.is_float_dtype(keras.backend.standardize_dtype(tensor.dtype)))


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
