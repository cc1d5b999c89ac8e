"""Which candidates can share a trace, and what keeps the others from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from nas_nb.evaluate.engine.layers import has_adapted, is_keras, keras_layers, shares_sizes
from nas_nb.evaluate.engine.settings import FREE_SETTINGS

# Optimizers that can be copied from their config, but whose update reads shapes.
_SIZED_OPTIMIZERS = ("LossScaleOptimizer", "Muon", "ScheduleFreeAdamW")


def why_alone(model: keras.Model) -> str | None:
    """Says why a model can't be copied from its config with certainty, or returns None."""
    if not _is_plain(model):
        return f"{type(model).__name__} is a model class of its own"
    for layer in keras_layers(model):
        reason = _why_layer_alone(layer)
        if reason is not None:
            return f"the layer '{layer.name}' ({type(layer).__name__}) {reason}"
    optimizer = model.optimizer
    for each in (optimizer, getattr(optimizer, "inner_optimizer", optimizer)):
        name = type(each).__name__
        known = name in FREE_SETTINGS or name in _SIZED_OPTIMIZERS
        if not known or getattr(keras.optimizers, name, None) is not type(each):
            return f"the optimizer {name} is not among those that can be copied"
        if getattr(each, "exclude_layers", None):
            return "the optimizer treats layers by their names"
        if getattr(each, "_exclude_from_weight_decay_pattern", None):
            return "the optimizer leaves some variables out of weight decay"
        rate = each._learning_rate
        if not isinstance(rate, keras.Variable) and not of_keras(rate):
            return "the learning rate is a Python function"
    return _why_compiled_alone(model)


def _why_layer_alone(layer: Any) -> str | None:
    config = _config_of(layer)
    if config is None:
        return "can't be written as a config"
    known = is_keras(layer) or _is_plain(layer)
    if isinstance(layer, keras.layers.Lambda) or not known or _is_foreign(config):
        return "has Python code of its own"
    return "has adapted to data" if has_adapted(layer) else None


def why_sized(model: keras.Model) -> str | None:
    """Says what reads sizes while the model is traced, or returns None."""
    # Operations such as `keras.ops.reshape` on symbolic tensors are no layers, but nodes as well.
    for node in [*keras_layers(model), *getattr(model, "operations", ())]:
        if not shares_sizes(node):
            return f"{type(node).__name__} reads its sizes when it is called"
    inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    name = type(inner).__name__
    if name not in FREE_SETTINGS or inner.gradient_accumulation_steps:
        return f"{name} reads the shapes of weights"
    return None


def of_keras(thing: Any) -> bool:
    """Whether the class of an object is one of Keras's, not the user's."""
    return type(thing).__module__.split(".")[0] == "keras"


def _why_compiled_alone(model: keras.Model) -> str | None:
    config = model._compile_config.config
    for name in ("metrics", "weighted_metrics"):
        for metric in keras.tree.flatten(config.get(name)):
            if not isinstance(metric, keras.metrics.Metric):
                continue
            if not of_keras(metric):
                return f"the metric {type(metric).__name__} has Python code of its own"
            if _config_of(metric) is None:
                return f"the metric {type(metric).__name__} can't be written as a config"
    return None


def _config_of(thing: Any) -> Any:
    """Returns the config of a layer or metric, or None where a part of it, a user's, has none."""
    try:
        return thing.get_config()
    except Exception:  # noqa: BLE001 - the user's code: whatever it raises, there is no config
        return None


def _is_plain(model: Any) -> bool:
    return of_keras(model) and type(model).__name__ in ("Functional", "Sequential")


def _is_foreign(config: Any) -> bool:
    """Whether a config names a Python object that isn't Keras's, such as an activation function.

    Two functions may have one name, and reading one back from its name may fail.
    """
    if isinstance(config, Mapping):
        module = config.get("module", "keras") if "class_name" in config else "keras"
        if str(module).split(".")[0] != "keras" or set(config) == {"value"}:  # a lambda's bytecode
            return True
        return any(_is_foreign(value) for value in config.values())
    return isinstance(config, list | tuple) and any(_is_foreign(value) for value in config)
