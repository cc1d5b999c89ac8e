"""What may differ within a trace: sizes, activations, dropout, optimizer settings."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import tensorflow as tf

# Layers whose call reads no size from Python, with the config entries that are free. A layer that
# is not named here is traced with its sizes: one trace an architecture.
FREE_FIELDS: dict[str, tuple[str, ...]] = {
    "Dense": ("units",),
    "Conv1D": ("filters",),
    "Conv2D": ("filters",),
    "Conv3D": ("filters",),
    "Embedding": ("input_dim", "output_dim"),
    "Dropout": ("rate", "seed"),
    **dict.fromkeys((
        "InputLayer", "BatchNormalization", "Normalization", "Flatten", "Activation", "ReLU",
        "LeakyReLU", "ELU", "Softmax", "Add", "Subtract", "Multiply", "Average", "Maximum",
        "Minimum", "Concatenate", "MaxPooling1D", "MaxPooling2D", "MaxPooling3D",
        "AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "GlobalMaxPooling1D",
        "GlobalMaxPooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D",
        "ZeroPadding1D", "ZeroPadding2D", "Rescaling", "Identity",
    ), ()),
}  # fmt: skip

_CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D")


def keras_layers(model: keras.Model) -> list[Any]:
    """Returns all layers of a model, those of nested models included, without the model."""
    return list(model._flatten_layers(include_self=False))


def is_keras(layer: Any) -> bool:
    """Whether a layer is exactly one of Keras's own, not a subclass of it."""
    return getattr(keras.layers, type(layer).__name__, None) is type(layer)


def shares_sizes(layer: Any) -> bool:
    """Whether the trace of this layer serves other widths as well."""
    name = type(layer).__name__
    if not is_keras(layer) or name not in FREE_FIELDS or layer.variable_dtype != "float32":
        return False
    if name in _CONVOLUTIONS:
        plain = layer.groups == 1 and layer.padding != "causal"
        return bool(plain and layer.data_format == "channels_last")
    if name == "BatchNormalization":
        # Any other axis makes Keras reshape the statistics to a size that it reads in Python.
        return layer.axis == -1 and not getattr(layer, "renorm", False)
    return not (name == "Dropout" and layer.rate == 1.0)


def has_adapted(layer: Any) -> bool:
    """Whether a layer may hold what it learned in `adapt`, which is not in its config."""
    given = type(layer).__name__ == "Normalization" and layer.input_mean is not None
    return hasattr(layer, "adapt") and not given


def rewrite(layer: Any) -> Mapping[str, TracedHyperparameter]:
    """Gives a copied layer a call that reads no size or rate; returns what are variables now."""
    name = type(layer).__name__
    if name in _CONVOLUTIONS:
        layer.call = _convolution(layer)
    if name == "Dense":
        layer.call = _dense(layer)
    if name == "Dropout" and layer.rate > 0:
        rate = TracedHyperparameter(layer.rate)
        layer.call = _dropout(layer, rate)
        return {"rate": rate}
    return {}


def _convolution(layer: Any) -> Callable[[Any], Any]:
    # Keras compares the static channels of input and kernel (and takes them for a grouped
    # convolution where one is unknown), and reshapes the bias to its width.
    formats = {1: "NWC", 2: "NHWC", 3: "NDHWC"}

    def call(inputs: Any) -> Any:
        outputs = tf.nn.convolution(
            inputs,
            tf.convert_to_tensor(layer.kernel),
            strides=list(layer.strides),
            padding=layer.padding.upper(),
            data_format=formats[layer.rank],
            dilations=list(layer.dilation_rate),
        )
        if layer.use_bias:
            outputs = tf.nn.bias_add(outputs, tf.convert_to_tensor(layer.bias))
        return outputs if layer.activation is None else layer.activation(outputs)

    return call


def _dense(layer: Any) -> Callable[..., Any]:
    # Keras adds a bias of unknown width by an addition that may broadcast anything, whose gradient
    # takes six operations; of a known width by this one.
    def call(inputs: Any, training: bool | None = None) -> Any:
        outputs = keras.ops.matmul(inputs, layer.kernel)
        if layer.use_bias:
            outputs = tf.nn.bias_add(outputs, tf.convert_to_tensor(layer.bias))
        return outputs if layer.activation is None else layer.activation(outputs)

    return call


def _dropout(layer: Any, rate: TracedHyperparameter) -> Callable[..., Any]:
    def call(inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        noise_shape = layer.noise_shape
        if noise_shape is not None:
            sizes = tf.shape(inputs)
            noise_shape = [sizes[i] if n is None else n for i, n in enumerate(noise_shape)]
        return tf.nn.experimental.stateless_dropout(
            inputs,
            rate=tf.cast(tf.convert_to_tensor(rate), inputs.dtype),
            seed=_int32_seed(layer.seed_generator.next()),
            noise_shape=noise_shape,
        )

    return call


def _int32_seed(seed: Any) -> Any:
    # Keras keeps the state as int64 and draws with an int32: the same numbers need its rule.
    if seed.dtype == tf.int32:
        return seed
    return tf.cast(tf.math.floormod(seed, tf.int32.max - 1), tf.int32)


# Elementwise and without parameters. Softmax and sigmoid are missing on purpose: Keras's losses
# recognise them at the end of a model and compute from the logits instead.
SWITCHABLE = (
    "relu", "leaky_relu", "relu6", "elu", "selu", "gelu", "silu", "mish", "tanh",
    "softplus", "softsign", "exponential", "hard_sigmoid", "hard_silu",
)  # fmt: skip

_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    name: keras.activations.get(name) for name in SWITCHABLE
}
# What they multiply numbers below zero by; Keras's defaults.
_SLOPES = {"relu": 0.0, "leaky_relu": 0.2}

MOST_COMPUTED = 3
"""Up to so many functions of a dense layer's outputs are all computed, and one is taken."""

_NAMES = {id(function): name for name, function in _FUNCTIONS.items()}

_seen_activations: list[str] = []
_lock = threading.Lock()


def switchable_name(function: Any) -> str | None:
    """Returns the name of an activation that can be chosen at run time, or None."""
    return _NAMES.get(id(function))


def register_activations(names: set[str]) -> tuple[str, ...]:
    """Returns all activations that candidates of this process have used, these included."""
    # A new trace offers those and no others: every branch costs milliseconds of tracing.
    with _lock:
        _seen_activations.extend(sorted(names - set(_seen_activations)))
        return tuple(_seen_activations)


class ActivationSwitch:
    """An activation whose function, and slope below zero, variables choose at run time."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.index = tf.Variable(0, dtype=tf.int32, trainable=False)
        self.slope = tf.Variable(0.0, dtype=tf.float32, trainable=False)
        self._functions = [_FUNCTIONS[name] for name in names]
        curved = [place for place, name in enumerate(names) if name not in _SLOPES]
        # The first stands for all that are straight on both sides of zero.
        first = [self._bent] if len(curved) < len(names) else []
        self._few = [*first, *(self._functions[place] for place in curved)]
        self._places = curved if first else curved[1:]

    def choose(self, name: str) -> None:
        """Makes `name` the activation from now on."""
        self.index.assign(self.names.index(name))
        self.slope.assign(_SLOPES.get(name, 0.0))

    def __call__(self, inputs: Any) -> Any:
        """Applies the chosen activation to a tensor of any shape."""
        if len(self._functions) == 1:
            return self._functions[0](inputs)
        inputs = tf.convert_to_tensor(inputs)
        # What a dense layer puts out is so small that a branch costs more than a function of it.
        if inputs.shape.rank != 2 or len(self._few) > MOST_COMPUTED:
            index = self.index.read_value()
            return self._switched(inputs, self._functions, partial(tf.switch_case, index))
        if len(self._few) == 1:
            return self._few[0](inputs)
        index = self.index.read_value()
        chosen = [tf.equal(index, place) for place in self._places]
        return self._switched(inputs, self._few, partial(_computed, chosen))

    def _bent(self, inputs: Any) -> Any:
        slope = tf.cast(self.slope.read_value(), inputs.dtype)

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def apply(x: Any) -> tuple[Any, Callable[[Any], Any]]:
            positive = x > 0

            def gradient(upstream: Any) -> Any:
                return _shaped(tf.where(positive, upstream, upstream * slope), x)

            bent = tf.math.multiply_no_nan(x, slope)  # Keras's ReLU makes 0 of -inf
            return _shaped(tf.where(positive, x, bent), x), gradient

        return apply(inputs)

    def _switched(self, inputs: Any, functions: list[Any], pick: Callable[[Any], Any]) -> Any:
        # TensorFlow's own gradient of a switch boxes every intermediate value in an optional;
        # recomputing one elementwise function is cheaper and traces faster.
        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def apply(x: Any) -> tuple[Any, Callable[[Any], Any]]:
            def gradient(upstream: Any) -> Any:
                return _shaped(pick([partial(_pull_back, f, x, upstream) for f in functions]), x)

            return _shaped(pick([partial(f, x) for f in functions]), x), gradient

        return apply(inputs)


def _computed(chosen: list[Any], branches: list[Callable[[], Any]]) -> Any:
    """Computes all branches, and takes the one that is chosen, or the first if none is."""
    picked = branches[0]()
    for choice, branch in zip(chosen, branches[1:], strict=True):
        picked = tf.where(choice, branch(), picked)
    return picked


def _pull_back(function: Callable[[Any], Any], x: Any, upstream: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return tape.gradient(value, x, output_gradients=upstream)


def _shaped(value: Any, like: Any) -> Any:
    value.set_shape(like.shape)
    return value


DROPPING = 0.5
"""The rate in a template's config: any above 0 gives the layer a seed; the real one is pushed."""

_seen_dropout = threading.Event()


def register_dropout(layers: Sequence[Any]) -> bool:
    """Returns whether a candidate of this process has dropped anything, these layers included."""
    # From then on a trace has dropout also at rate 0, so that the next candidate may have another.
    if any(_is_dropout(layer) and layer.rate > 0 for layer in layers):
        _seen_dropout.set()
    return _seen_dropout.is_set()


def with_dropout(config: Any) -> Any:
    """Returns a model's config with a rate above 0 in each of its `Dropout` layers."""
    if isinstance(config, Mapping):
        changed = {name: with_dropout(value) for name, value in config.items()}
        if config.get("class_name") == "Dropout" and not changed["config"]["rate"]:
            changed["config"]["rate"] = DROPPING
        return changed
    if isinstance(config, list | tuple):
        return type(config)(with_dropout(value) for value in config)
    return config


def seed_places(layers: Sequence[Any], variables: Sequence[Any]) -> dict[int, int]:
    """Returns the `Dropout` layer's number by the place of its seed among a model's variables."""
    owners = {
        id(layer.seed_generator.state): number
        for number, layer in enumerate(layers)
        if _is_dropout(layer) and layer.rate > 0
    }
    found = ((place, owners.get(id(variable))) for place, variable in enumerate(variables))
    return {place: number for place, number in found if number is not None}


def _is_dropout(layer: Any) -> bool:
    return type(layer).__name__ == "Dropout"


# The settings of each optimizer that its update reads as plain factors. Where zero switches a
# term off (momentum), the update also has another shape, so zero is not free: see `free_settings`.
FREE_HYPERPARAMETERS: dict[str, tuple[str, ...]] = {
    "SGD": ("momentum", "weight_decay"),
    "RMSprop": ("rho", "momentum", "epsilon", "weight_decay"),
    "Adam": ("beta_1", "beta_2", "epsilon", "weight_decay"),
    "AdamW": ("beta_1", "beta_2", "epsilon", "weight_decay"),
    "Nadam": ("beta_1", "beta_2", "epsilon", "weight_decay"),
    "Adamax": ("beta_1", "beta_2", "epsilon", "weight_decay"),
    "Lamb": ("beta_1", "beta_2", "epsilon", "weight_decay"),
    "Lion": ("beta_1", "beta_2", "weight_decay"),
    "Adagrad": ("epsilon", "weight_decay"),
    "Adadelta": ("rho", "epsilon", "weight_decay"),
    "Ftrl": ("weight_decay",),
    "Adafactor": ("weight_decay",),
}


def free_hyperparameters(optimizer: Any) -> tuple[str, ...]:
    """Returns the names of the settings in which two optimizers may differ and share a trace."""
    names = FREE_HYPERPARAMETERS.get(type(optimizer).__name__, ())
    if type(optimizer) is not getattr(keras.optimizers, type(optimizer).__name__, None):
        return ()
    return tuple(name for name in names if (getattr(optimizer, name) or 0) > 0)


class TracedHyperparameter:
    """A number that a graph reads from a variable, with the float arithmetic that Keras does."""

    # Keras computes `1 - beta_2` in double precision while it traces; from a float32 0.999 it
    # would be off by 1.3e-5 relative. So the complement is a variable of its own.

    dtype = "float32"

    def __init__(self, value: float) -> None:
        self._value = tf.Variable(value, dtype=tf.float32, trainable=False)
        self._complement = tf.Variable(1.0 - value, dtype=tf.float32, trainable=False)
        self._held: tuple[Any, Any] | None = None

    def set(self, value: float) -> None:
        """Changes the number for every graph that reads it."""
        self._value.assign(value)
        self._complement.assign(1.0 - value)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Reads the number once, for all that is traced in the block, instead of at every use."""
        self._held = (self._value.read_value(), self._complement.read_value())
        try:
            yield
        finally:
            self._held = None

    @property
    def _number(self) -> Any:
        return self._value.read_value() if self._held is None else self._held[0]

    @property
    def _rest(self) -> Any:
        return self._complement.read_value() if self._held is None else self._held[1]

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> Any:
        value = self._number
        return value if dtype is None else tf.cast(value, dtype, name=name)

    def __gt__(self, other: Any) -> bool:
        # Optimizers ask whether a term is switched on; only what is above zero is a setting.
        return bool(other == 0)

    def __rsub__(self, other: Any) -> Any:
        if isinstance(other, int | float) and other == 1:
            return self._rest
        return other - self._number

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, int | float) and other == 1:
            return -self._rest
        return self._number - other

    def __mul__(self, other: Any) -> Any:
        return self._number * other

    def __rmul__(self, other: Any) -> Any:
        return other * self._number
