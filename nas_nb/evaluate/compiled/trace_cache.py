"""`TraceCache`, and the template model that a trace is made over."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from nas_nb.evaluate.backend import optimizer_variables, optimizers
from nas_nb.evaluate.compiled.program import EpochProgram
from nas_nb.evaluate.compiled.signature import Sharing, Signature, error_line, free_activation
from nas_nb.evaluate.compiled.traced_values import (
    ActivationSwitch,
    TracedHyperparameter,
    free_hyperparameters,
    keras_layers,
    register_activations,
    rewrite,
    seed_places,
    with_dropout,
)
from nas_nb.evaluate.global_state import isolated_seeds
from nas_nb.space.definition import fresh_names

# A trace takes a few megabytes; a chain space of three layers has nine topologies.
CAPACITY = 48


@dataclass(frozen=True)
class Compiled:
    """A template, the functions traced over it, and the activations they choose between."""

    template: Template
    program: EpochProgram
    activations: tuple[str, ...]


class TraceCache:
    """The compiled functions of the `capacity` topologies used last, and how often they served."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self.traced = 0
        self.reused = 0
        self._entries: OrderedDict[str, Compiled] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Forgets everything that was compiled, and the counts."""
        with self._lock:
            self._entries.clear()
            self.traced = self.reused = 0

    def acquire(self, model: keras.Model, signed: Signature, batch: Any) -> Compiled:
        """Returns compiled functions for a built candidate, with the template's lock held."""
        found = self._find(signed)
        if found is not None:
            return found
        chosen = register_activations(set(signed.activations)) if signed.activations else ()
        template = Template(model, signed.sharing, batch, chosen, signed.drops)
        compiled = Compiled(template, EpochProgram(template.model, template.settings), chosen)
        compiled.template.lock.acquire()
        with self._lock:
            self.traced += 1
            if signed.sharing is not Sharing.ALONE:
                self._entries[signed.key] = compiled
                self._entries.move_to_end(signed.key)
                while len(self._entries) > self.capacity:
                    self._entries.popitem(last=False)
        return compiled

    def why_new(self, signed: Signature) -> str | None:
        """Says what keeps a candidate from the trace of one that is much like it, or None."""
        with self._lock:
            keys = list(self._entries)
        if not signed.key or signed.key in keys:
            return None
        differing = signature_difference(signed.key, keys)
        return f"traced anew: another {differing} than before" if differing else None

    def _find(self, signed: Signature) -> Compiled | None:
        with self._lock:
            compiled = self._entries.get(signed.key)
            if compiled is None or not signed.activations <= set(compiled.activations):
                return None
            # Two trainings at once of one topology (a search, and a cell of the user's) can't
            # share a template; the second one gets its own.
            if not compiled.template.lock.acquire(blocking=False):
                return None
            self._entries.move_to_end(signed.key)
            self.reused += 1
            return compiled


CACHE = TraceCache()


class CopyError(Exception):
    """A model, or what it was compiled with, can't be made anew from its config."""


class Template:
    """A traced model that holds the state of the candidate being trained, one after the other."""

    # Where a whole topology shares it, the variables have unknown dimensions: any width fits.

    def __init__(
        self,
        model: keras.Model,
        sharing: Sharing,
        batch: Any,
        activations: tuple[str, ...],
        drops: bool = False,
    ) -> None:
        self.lock = threading.Lock()
        self.sharing = sharing
        self.model = model if sharing is Sharing.ALONE else _copy(model, drops)
        _build_measures(self.model, batch)
        self._settings: list[tuple[int, str, TracedHyperparameter]] = []
        self._switches: dict[int, ActivationSwitch] = {}
        if sharing is Sharing.TOPOLOGY:
            self._free_layers(activations)
            self._free_variables()
            self._free_optimizer()
        layers = keras_layers(self.model)
        self._seeds = seed_places(layers, self.model.variables) if drops else {}
        self._weights = [v.value for v in self.model.variables]
        self._state = self._weights + [v.value for v in optimizer_variables(self.model)]

    def _free_layers(self, activations: tuple[str, ...]) -> None:
        for index, layer in enumerate(keras_layers(self.model)):
            for name, setting in rewrite(layer).items():
                self._settings.append((index, name, setting))
            if free_activation(self.model, layer):
                self._switches[index] = ActivationSwitch(activations)
                layer.activation = self._switches[index]

    def _free_variables(self) -> None:
        listed = optimizers(self.model)
        for variable in [*self.model.variables, *optimizer_variables(self.model)]:
            unknown = [None] * len(variable.shape)
            variable._value = tf.Variable(
                variable.value, shape=unknown, trainable=variable.trainable
            )
            variable._shape = tuple(unknown)
        for optimizer in listed:
            # Keras finds a variable's moments by the identity of the TensorFlow variable.
            optimizer._trainable_variables_indices = {
                optimizer._var_key(v): i for i, v in enumerate(self.model.trainable_variables)
            }

    def _free_optimizer(self) -> None:
        optimizer = optimizers(self.model)[-1]
        for name in free_hyperparameters(optimizer):
            setting = TracedHyperparameter(getattr(optimizer, name))
            setattr(optimizer, name, setting)
            self._settings.append((-1, name, setting))

    @property
    def settings(self) -> list[TracedHyperparameter]:
        """The numbers that a trace reads from variables."""
        return [setting for _, _, setting in self._settings]

    def push(self, model: keras.Model) -> None:
        """Makes a candidate's weights, optimizer state and settings the template's own."""
        if model is self.model:
            return
        layers = keras_layers(model) if self._settings or self._switches else []
        for slot, own in zip(self._state, self._values(model, optimizer=True), strict=True):
            if own is not None:
                _assign(slot, own)
        for index, name, setting in self._settings:
            owner = optimizers(model)[-1] if index < 0 else layers[index]
            setting.set(getattr(owner, name))
        for index, switch in self._switches.items():
            switch.choose(free_activation(model, layers[index]) or "")

    def build_measures(self, model: keras.Model, batch: Any) -> None:
        """Builds the candidate's own metrics, so that `pull` can fill them."""
        if model is not self.model:
            _build_measures(model, batch)

    def pull(self, model: keras.Model, measured: bool = False) -> None:
        """Gives the candidate its trained weights, its optimizer's state and maybe its metrics'."""
        self._give(model, self._state, self._values(model, optimizer=True))
        if measured:
            self._give(model, _metric_values(self.model), _metric_values(model))

    def pull_weights(self, model: keras.Model) -> None:
        """Gives the candidate its weights as they are now, and leaves its optimizer as it was."""
        self._give(model, self._weights, self._values(model))

    def _give(self, model: keras.Model, slots: Sequence[Any], values: Sequence[Any]) -> None:
        if model is not self.model:
            for own, slot in zip(values, slots, strict=True):
                if own is not None:
                    _assign(own, slot)

    def _values(self, model: keras.Model, optimizer: bool = False) -> list[Any]:
        """The TensorFlow variables of a candidate by the template's places; None for none."""
        variables = [v.value for v in model.variables]
        if self._seeds and len(variables) < len(self._weights):
            layers = keras_layers(model)
            for place, number in self._seeds.items():  # in the order of the places
                if layers[number].rate == 0:
                    variables.insert(place, None)
        if optimizer:
            variables += [v.value for v in optimizer_variables(model)]
        return variables


def _assign(target: Any, source: Any) -> None:
    # A search does this a hundred times a trial: the raw ops take a fifth of `assign`'s time.
    value = tf.raw_ops.ReadVariableOp(resource=source.handle, dtype=source.dtype)
    tf.raw_ops.AssignVariableOp(resource=target.handle, value=value)


def _build_measures(model: keras.Model, batch: Any) -> None:
    """Builds loss and metrics for a batch; traces the model only where shapes are not enough."""
    outputs = list(getattr(model, "outputs", None) or [])
    loss, metrics = model._compile_loss, model._compile_metrics
    named = all(isinstance(m, str) for m in keras.tree.flatten(_metrics_of(model)) if m)
    if len(outputs) != 1 or not named or loss is None or not hasattr(batch[1], "shape"):
        model._symbolic_build(data_batch=batch)
        return
    rows = batch[1].shape[0]
    y = keras.KerasTensor(batch[1].shape, batch[1].dtype.name)
    y_pred = keras.KerasTensor((rows, *outputs[0].shape[1:]), outputs[0].dtype)
    for measure in (loss, metrics):
        if measure is not None and not measure.built:
            measure.build(y, y_pred)
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


def _metric_values(model: keras.Model) -> list[Any]:
    return [variable.value for metric in model.metrics for variable in metric.variables]


def _metrics_of(model: keras.Model) -> list[Any]:
    config = model._compile_config.config
    return [config.get("metrics"), config.get("weighted_metrics")]


def _copy(model: keras.Model, drops: bool) -> keras.Model:
    """Copies a model with its optimizer, loss and metrics; weights are drawn anew."""
    config = with_dropout(model.get_config()) if drops else model.get_config()
    with isolated_seeds(), fresh_names():
        try:
            return _compiled(model, config, model._compile_config.config)
        except Exception as error:
            raise CopyError(error_line(error)) from error


def _compiled(
    model: keras.Model, layers: Mapping[str, Any], config: Mapping[str, Any]
) -> keras.Model:
    copy = _chain(layers) if type(model) is keras.Sequential else type(model).from_config(layers)
    if not copy.built:
        copy.build(model.input_shape)
    copy.compile(
        optimizer=type(model.optimizer).from_config(model.optimizer.get_config()),
        loss=config.get("loss"),
        loss_weights=config.get("loss_weights"),
        metrics=_fresh(config.get("metrics")),
        weighted_metrics=_fresh(config.get("weighted_metrics")),
        jit_compile=False,
        auto_scale_loss=False,
    )
    return copy


def _chain(config: Mapping[str, Any]) -> keras.Model:
    # `Sequential.from_config` adds layer by layer, and makes the whole model anew for each.
    layers = [keras.saving.deserialize_keras_object(layer) for layer in config["layers"]]
    return keras.Sequential(layers, name=config["name"])


def _fresh(metrics: Any) -> Any:
    """Copies metric objects, which hold state; names and functions stay what they are."""
    if isinstance(metrics, Mapping):
        return {name: _fresh(value) for name, value in metrics.items()}
    if isinstance(metrics, list | tuple):
        return [_fresh(value) for value in metrics]
    if isinstance(metrics, keras.metrics.Metric):
        copy = type(metrics).from_config(metrics.get_config())
        if hasattr(metrics, "_fn_kwargs"):  # some configs leave a part of it out: an axis
            copy._fn_kwargs = metrics._fn_kwargs
        return copy
    return metrics


# The places of a key that `signature` makes.
DATA, LAYERS, SHAPES, NAMES, OPTIMIZER, COMPILED, TRAINABLE = range(7)

_MOST_NAMED = 3


def signature_difference(key: str, others: Iterable[str]) -> str | None:
    """Names what keeps a candidate from the most alike trace: "clipnorm of Adam"; or None."""
    named = (_differences(json.loads(key), json.loads(other)) for other in others)
    alike = [names for names in named if names]
    return ", ".join(min(alike, key=len)[:_MOST_NAMED]) if alike else None


def _differences(mine: list[Any], theirs: list[Any]) -> list[str]:
    if any(mine[place] != theirs[place] for place in (DATA, SHAPES, NAMES, TRAINABLE)):
        return []
    in_layers = list(_layers(mine[LAYERS][0], theirs[LAYERS][0]))
    if None in in_layers or mine[LAYERS][1] != theirs[LAYERS][1]:
        return []
    named = [*map(str, in_layers), *_optimizer(mine[OPTIMIZER], theirs[OPTIMIZER])]
    named += [name for name, value in mine[COMPILED].items() if value != theirs[COMPILED][name]]
    return list(dict.fromkeys(named))


def _layers(mine: list[Any], theirs: list[Any]) -> Iterator[str | None]:
    """Names the differing numbers of layers; None for what makes another topology."""
    if len(mine) != len(theirs):
        yield None
        return
    for (kind, config, links), (other_kind, other, other_links) in zip(mine, theirs, strict=True):
        if kind != other_kind or links != other_links:
            yield None
        elif isinstance(config, list):  # a model in the model
            yield from _layers(config[0], other[0])
        else:
            for field in _differing(config, other):
                yield f"{field} of {kind}" if _is_strength(config[field], other[field]) else None


def _is_strength(mine: Any, theirs: Any) -> bool:
    """Whether two settings are numbers that don't say how large anything is, such as a slope."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        return all(_is_strength(mine[name], theirs[name]) for name in _differing(mine, theirs))
    return isinstance(mine, float) and isinstance(theirs, float)


def _optimizer(mine: list[Any], theirs: list[Any]) -> list[str]:
    kind, config = mine
    if kind != theirs[0]:
        return ["optimizer"]
    differing = _differing(config, theirs[1])
    if differing == ["inner_optimizer"]:
        return _optimizer(config["inner_optimizer"], theirs[1]["inner_optimizer"])
    return [f"{field} of {kind}" for field in differing]


def _differing(mine: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    missing = object()
    return [name for name in mine if mine[name] != theirs.get(name, missing)]
