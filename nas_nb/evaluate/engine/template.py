"""A template: the copy of a candidate over whose variables the compiled functions are traced."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from nas_nb.evaluate.engine.activations import ActivationSwitch
from nas_nb.evaluate.engine.dropouts import seed_places, with_dropout
from nas_nb.evaluate.engine.layers import keras_layers, rewrite
from nas_nb.evaluate.engine.settings import Setting, free_settings
from nas_nb.evaluate.engine.signature import Sharing, free_activation, one_line
from nas_nb.evaluate.seeds import apart
from nas_nb.evaluate.slots import optimizer_variables, optimizers


class CopyError(Exception):
    """A model, or what it was compiled with, can't be made anew from its config."""


class Template:
    """Holds the state of the candidate that is being trained, and serves one after the other.

    A candidate's state is pushed into the template's variables before it is trained and pulled
    back afterwards. Where a whole topology shares the template, the variables have unknown
    dimensions, so that states of any width fit.

    Args:
        model: The first candidate, compiled and built.
        sharing: Who will use the template.
        batch: A batch `(x, y, sample_weight)` from which losses and metrics learn their shapes.
        activations: The activations to choose between.
        drops: Whether there is dropout also where the first candidate's rate is 0.

    Attributes:
        model: The model that is traced.
        lock: Held while a candidate is trained.

    Raises:
        CopyError: The candidate can't be copied; it needs a template of its own.
    """

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
        self._settings: list[tuple[int, str, Setting]] = []
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
        for name in free_settings(optimizer):
            setting = Setting(getattr(optimizer, name))
            setattr(optimizer, name, setting)
            self._settings.append((-1, name, setting))

    @property
    def settings(self) -> list[Setting]:
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

    def pull(self, model: keras.Model) -> None:
        """Gives the candidate its trained weights and optimizer state."""
        self._give(model, self._state, self._values(model, optimizer=True))

    def pull_weights(self, model: keras.Model) -> None:
        """Gives the candidate its weights as they are now, and leaves its optimizer as it was."""
        self._give(model, self._weights, self._values(model))

    def _give(self, model: keras.Model, slots: Sequence[Any], values: Sequence[Any]) -> None:
        if model is not self.model:
            for own, slot in zip(values, slots, strict=True):
                if own is not None:
                    _assign(own, slot)

    def _values(self, model: keras.Model, optimizer: bool = False) -> list[Any]:
        """The TensorFlow variables of a candidate at the template's places; None where it has none.

        It has no seed for a layer that drops nothing.
        """
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
    """Builds loss and metrics for a batch, without tracing the model where its outputs are known.

    Metrics that need more than the shapes are built by an update, so Keras has to trace one.
    """
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


def _metrics_of(model: keras.Model) -> list[Any]:
    config = model._compile_config.config
    return [config.get("metrics"), config.get("weighted_metrics")]


def _copy(model: keras.Model, drops: bool) -> keras.Model:
    """Copies a model with its optimizer, loss and metrics; weights are drawn anew."""
    config = with_dropout(model.get_config()) if drops else model.get_config()
    with apart():
        try:
            return _compiled(model, config, model._compile_config.config)
        except Exception as error:
            raise CopyError(one_line(error)) from error


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
        return type(metrics).from_config(metrics.get_config())
    return metrics
