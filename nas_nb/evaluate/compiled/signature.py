"""What has to be equal for two candidates to share a trace, and why some can't."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import keras

from nas_nb.data.dataset import text_hash
from nas_nb.evaluate.compiled.traced_values import (
    FREE_FIELDS,
    FREE_HYPERPARAMETERS,
    free_hyperparameters,
    has_adapted,
    is_keras,
    keras_layers,
    register_dropout,
    shares_sizes,
    switchable_name,
)
from nas_nb.space.code_identity import code_identity


class Sharing(StrEnum):
    """How far a candidate's trace serves other candidates."""

    TOPOLOGY = "topology"
    """All candidates of the same chain or graph of layers, of any width."""
    ARCHITECTURE = "architecture"
    """Candidates of the same architecture: a layer or optimizer reads sizes while it is traced."""
    ALONE = "alone"
    """This model only: it can't be copied from its config with certainty."""


@dataclass(frozen=True)
class Signature:
    """What the compiled function of a candidate depends on."""

    sharing: Sharing  # who else may use the function
    key: str  # equal keys may share; empty for `ALONE`
    activations: frozenset[str]  # chosen at run time
    note: str | None  # why not all of the topology shares it
    drops: bool = False  # whether the trace drops at rate 0, too


def unshared_signature(reason: str) -> Signature:
    """Returns the signature of a model that shares its trace with no other, for this reason."""
    note = f"traced for this trial alone: {reason}"
    return Signature(Sharing.ALONE, "", frozenset(), note)


def signature(model: keras.Model, data_spec: str) -> Signature:
    """Reads the signature of a compiled and built model; of one that can't be read, `ALONE`."""
    try:
        reason = why_unshareable(model)
        return _shared(model, data_spec) if reason is None else unshared_signature(reason)
    except Exception as error:  # noqa: BLE001 - a part of the user's may raise anything
        return unshared_signature(f"its parts can't be compared with others' ({error_line(error)})")


def error_line(error: BaseException) -> str:
    """Returns the kind of an error and the first line of what it says."""
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0]}" if said else type(error).__name__


def _shared(model: keras.Model, data_spec: str) -> Signature:
    sized = why_size_bound(model)
    free = sized is None
    layers = keras_layers(model)
    chosen = {free_activation(model, layer) for layer in layers if free} - {None}
    drops = free and register_dropout(layers)
    parts = [
        data_spec,
        _structure(model, model.get_config(), free, drops),
        _shapes(model.outputs) if free else _shapes(model.variables),
        list(model.output_names) if len(model.outputs) > 1 else None,
        _optimizer(model.optimizer, free),
        _compiled(model),
        [layer.trainable for layer in layers],
    ]
    sharing = Sharing.TOPOLOGY if free else Sharing.ARCHITECTURE
    reason = None if free else f"one trace an architecture: {sized}"
    key = json.dumps(parts, default=_describe, sort_keys=True)
    return Signature(sharing, key, frozenset(map(str, chosen)), reason, drops)


def free_activation(model: keras.Model, layer: Any) -> str | None:
    """Returns the layer's activation if it may be chosen at run time, else None."""
    name = switchable_name(getattr(layer, "activation", None))
    ends = any(output._keras_history.operation is layer for output in model.outputs)
    return None if ends else name


def _shapes(tensors: Any) -> list[list[int | None]]:
    return [list(tensor.shape) for tensor in tensors]


def _structure(model: keras.Model, config: Mapping[str, Any], free: bool, drops: bool) -> Any:
    """Returns the config of a model with layers numbered, and without what the trace ignores."""
    entries = config["layers"]
    number = {_name_of(entry): index for index, entry in enumerate(entries)}
    by_name = {layer.name: layer for layer in model.layers}
    layers = [
        [
            entry["class_name"],
            _layer(model, by_name.get(_name_of(entry)), entry, free, drops),
            _links(entry, number),
        ]
        for entry in entries
    ]
    ends = [_renumber(config.get(side), number) for side in ("input_layers", "output_layers")]
    return [layers, ends]


def _name_of(entry: Mapping[str, Any]) -> str:
    return str(entry["config"]["name"])


def _layer(
    model: keras.Model, layer: Any, entry: Mapping[str, Any], free: bool, drops: bool
) -> Any:
    if isinstance(layer, keras.Model):
        return _structure(layer, entry["config"], free, drops)
    dropped = {"name", *(FREE_FIELDS[entry["class_name"]] if free else ())}
    kept = {
        field: value
        for field, value in entry["config"].items()
        if field not in dropped and not field.endswith("_initializer")
    }
    if free and layer is not None and free_activation(model, layer):
        kept["activation"] = "*"
    if entry["class_name"] == "Dropout":
        rate = entry["config"]["rate"]
        kept["rate"] = (drops or rate > 0) if free else rate
    return kept


def _links(entry: Mapping[str, Any], number: Mapping[str, int]) -> Any:
    """Returns where a layer's inputs come from, by the numbers of layers."""

    def walk(node: Any) -> Any:
        if isinstance(node, Mapping):
            if node.get("class_name") == "__keras_tensor__":
                history = node["config"]["keras_history"]
                return ["#", number[history[0]], *history[1:]]
            return {key: walk(value) for key, value in node.items()}
        if isinstance(node, list | tuple):
            return [walk(value) for value in node]
        return node

    return walk(entry.get("inbound_nodes"))


def _renumber(node: Any, number: Mapping[str, int]) -> Any:
    if isinstance(node, str):
        return number[node]
    if isinstance(node, Mapping):
        return {key: _renumber(value, number) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_renumber(value, number) for value in node]
    return node


def _optimizer(optimizer: Any, free: bool) -> Any:
    config = dict(optimizer.get_config())
    inner = getattr(optimizer, "inner_optimizer", None)
    if inner is not None:
        config["inner_optimizer"] = _optimizer(inner, free)
    if isinstance(optimizer._learning_rate, keras.Variable):
        config.pop("learning_rate", None)
    if free:
        config.update(dict.fromkeys(free_hyperparameters(optimizer), "*"))
    config.pop("name", None)
    return [type(optimizer).__name__, config]


def _compiled(model: keras.Model) -> Any:
    config = model._compile_config.config
    names = ("loss", "loss_weights", "metrics", "weighted_metrics")
    return {name: _identity(config.get(name)) for name in names}


def _identity(thing: Any) -> Any:
    """Describes a loss or metric: Keras's own by name and config, the user's by identity."""
    if isinstance(thing, Mapping):
        return {str(key): _identity(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_identity(value) for value in thing]
    if thing is None or isinstance(thing, str | int | float):
        return thing
    if of_keras(thing) and hasattr(thing, "get_config"):
        return [type(thing).__name__, _described(thing)]
    return _own(thing)


def _own(thing: Any) -> str:
    """Describes an object of the user's: which one, and what its code is and calls by now."""
    return f"object {id(thing)} {text_hash(json.dumps(code_identity(thing)))}"


def _described(thing: Any) -> Any:
    # The wrapper of a Python function serialises it by name, which two functions may share.
    function = getattr(thing, "fn", None) or getattr(thing, "_fn", None)
    if function is not None and not str(getattr(function, "__module__", "")).startswith("keras."):
        return _own(function)
    return _without({**_left_out(thing), **thing.get_config()}, ("seed",))


def _left_out(thing: Any) -> dict[str, Any]:
    """Returns what a loss or metric was made with and its config leaves out: `Huber`'s delta."""
    given = getattr(thing, "_fn_kwargs", None) or {}
    return {name: value for name, value in given.items() if name not in thing.get_config()}


def _without(node: Any, fields: tuple[str, ...]) -> Any:
    if isinstance(node, Mapping):
        return {k: _without(v, fields) for k, v in node.items() if k not in fields}
    if isinstance(node, list | tuple):
        return [_without(value, fields) for value in node]
    return node


def _describe(thing: Any) -> str:
    return f"{type(thing).__name__} {thing!r}"


# Optimizers that can be copied from their config, but whose update reads shapes.
_SIZED_OPTIMIZERS = ("LossScaleOptimizer", "Muon", "ScheduleFreeAdamW")


def why_unshareable(model: keras.Model) -> str | None:
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
        known = name in FREE_HYPERPARAMETERS or name in _SIZED_OPTIMIZERS
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


def why_size_bound(model: keras.Model) -> str | None:
    """Says what reads sizes while the model is traced, or returns None."""
    # Operations such as `keras.ops.reshape` on symbolic tensors are no layers, but nodes as well.
    for node in [*keras_layers(model), *getattr(model, "operations", ())]:
        if not shares_sizes(node):
            return f"{type(node).__name__} reads its sizes when it is called"
    inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    name = type(inner).__name__
    if name not in FREE_HYPERPARAMETERS or inner.gradient_accumulation_steps:
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
    """Whether a config names a Python object that isn't Keras's: two may have one name."""
    if isinstance(config, Mapping):
        module = config.get("module", "keras") if "class_name" in config else "keras"
        if str(module).split(".")[0] != "keras" or set(config) == {"value"}:  # a lambda's bytecode
            return True
        return any(_is_foreign(value) for value in config.values())
    return isinstance(config, list | tuple) and any(_is_foreign(value) for value in config)
