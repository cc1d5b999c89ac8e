"""Which candidates can be trained as one stack, and what they have in common."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import keras

from nas_nb.evaluate.engine.layers import is_keras, keras_layers
from nas_nb.evaluate.engine.settings import FREE_SETTINGS

_LAYERS = ("InputLayer", "Flatten", "Dense", "Dropout", "Activation", "ReLU")
_ELEMENTWISE = tuple(name for name in FREE_SETTINGS if name not in ("Adafactor", "Lamb"))
_EXTRAS = (
    "kernel_regularizer", "bias_regularizer", "activity_regularizer", "kernel_constraint",
    "bias_constraint", "noise_shape", "lora_rank", "quantization_mode",
)  # fmt: skip
_MEANS = ("accuracy", "acc", "mae", "mse", "mean_absolute_error", "mean_squared_error")
_OF_THE_CHAIN = (
    "clipnorm", "global_clipnorm", "use_ema", "gradient_accumulation_steps", "loss_scale_factor",
)  # fmt: skip


def why_apart(models: Sequence[keras.Model]) -> str | None:
    """Says why compiled and built models can't be trained as one stack, or returns None.

    They can if each is a chain of Flatten, Dense, Dropout and activations with one loss and
    metrics that are means over samples, and if all have the same shapes and the same settings;
    weights, seeds, dropout rates and learning rates may differ.
    """
    for model in models:
        reason = (
            _why_not_a_chain(model)
            or _why_not_elementwise(model.optimizer)
            or _why_not_measured(model)
        )
        if reason is not None:
            return reason
    if len({stack_key(model) for model in models}) > 1:
        return "they differ in more than weights, seeds, dropout rates and learning rates"
    if len({int(model.optimizer.iterations.numpy()) for model in models}) > 1:
        return "they have been trained for different numbers of steps"
    return None


def stack_key(model: keras.Model) -> str:
    """Describes everything in which the models of a stack agree."""
    optimizer = dict(model.optimizer.get_config())
    for name in ("name", "learning_rate"):
        optimizer.pop(name)
    layers = [
        [type(layer).__name__, getattr(layer, "trainable", True), _own_settings(layer)]
        for layer in keras_layers(model)
    ]
    compiled = model._compile_config.config
    measured = [compiled.get(name) for name in ("loss", "loss_weights", "metrics")]
    shapes = [list(v.shape) for v in model.variables] + [list(model.input_shape)]
    about = [type(model.optimizer).__name__, optimizer, layers, measured, shapes]
    return json.dumps(about, sort_keys=True, default=_described)


def _own_settings(layer: Any) -> dict[str, Any]:
    dropped = {"name", "rate", "seed", "kernel_initializer", "bias_initializer"}
    return {name: value for name, value in layer.get_config().items() if name not in dropped}


def _described(thing: Any) -> str:
    if hasattr(thing, "get_config") and str(type(thing).__module__).startswith("keras."):
        return f"{type(thing).__name__} {json.dumps(thing.get_config(), default=_described)}"
    return f"object {id(thing)}"


def _why_not_a_chain(model: keras.Model) -> str | None:
    layers = keras_layers(model)
    reasons = (reason for layer in layers if (reason := _why_not_stacked(layer)) is not None)
    reason = next(reasons, None)
    if reason is not None:
        return reason
    if not _is_sequence(model, layers):
        return "the model is not a chain of layers"
    return None if isinstance(layers[-1], keras.layers.Dense) else "the last layer is not Dense"


def _why_not_stacked(layer: Any) -> str | None:
    name = f"the layer '{layer.name}'"
    if not is_keras(layer) or type(layer).__name__ not in _LAYERS:
        return f"{name} ({type(layer).__name__}) can't be stacked"
    if layer.compute_dtype != "float32" or not layer.trainable:
        return f"{name} is frozen or not of float32"
    for extra in _EXTRAS:
        if getattr(layer, extra, None) is not None:
            return f"{name} has a {extra}"
    return None


def _is_sequence(model: keras.Model, layers: list[Any]) -> bool:
    if isinstance(model, keras.Sequential):
        return True
    plain = type(model).__module__.startswith("keras.") and len(model.outputs) == 1
    inner = [layer for layer in layers if not isinstance(layer, keras.layers.InputLayer)]
    if not plain or len(model.inputs) != 1:
        return False
    before = model.inputs[0]
    for layer in inner:
        if len(layer._inbound_nodes) != 1 or layer.input is not before:
            return False
        before = layer.output
    return before is model.outputs[0]


def _why_not_elementwise(optimizer: Any) -> str | None:
    name = type(optimizer).__name__
    if name not in _ELEMENTWISE or type(optimizer) is not getattr(keras.optimizers, name, None):
        return f"the optimizer {name} does not treat every weight by itself"
    if not isinstance(optimizer._learning_rate, keras.Variable):
        return "the learning rate follows a schedule"
    for setting in _OF_THE_CHAIN:
        if getattr(optimizer, setting, None):
            return f"the optimizer's {setting} looks at more than one weight"
    if getattr(optimizer, "_exclude_from_weight_decay_pattern", None):
        return "the optimizer leaves some variables out of weight decay"
    return None


def _why_not_measured(model: keras.Model) -> str | None:
    config = model._compile_config.config
    if config.get("loss_weights") is not None or config.get("weighted_metrics"):
        return "the model is compiled with weights of its loss or metrics"
    loss = config.get("loss")
    means = ("sum_over_batch_size", "mean")
    plain = isinstance(loss, keras.losses.Loss) and loss.reduction in means
    if not (isinstance(loss, str) or (plain and loss.dtype == "float32")):
        return "the loss is not a mean of Keras's own over the samples"
    for metric in keras.tree.flatten(config.get("metrics")):
        known = isinstance(metric, str) and metric.lower() in _MEANS
        if metric is not None and not known:
            return f"the metric {metric!r} is not among {', '.join(_MEANS)}"
    return None
