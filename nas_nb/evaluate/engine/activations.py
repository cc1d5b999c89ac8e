"""Activations that a compiled epoch can choose between, so that they do not split a topology."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import tensorflow as tf

# Elementwise and without parameters. Softmax and sigmoid are missing on purpose: Keras's losses
# recognise them at the end of a model and compute from the logits instead.
CHOICES = (
    "relu", "leaky_relu", "relu6", "elu", "selu", "gelu", "silu", "mish", "tanh",
    "softplus", "softsign", "exponential", "hard_sigmoid", "hard_silu",
)  # fmt: skip

_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    name: keras.activations.get(name) for name in CHOICES
}
# What they multiply numbers below zero by; Keras's defaults.
_SLOPES = {"relu": 0.0, "leaky_relu": 0.2}

MOST_COMPUTED = 3
"""Up to so many functions of a dense layer's outputs are all computed, and one is taken."""

_NAMES = {id(function): name for name, function in _FUNCTIONS.items()}

_met: list[str] = []
_lock = threading.Lock()


def choice_name(function: Any) -> str | None:
    """Returns the name of an activation that can be chosen at run time, or None."""
    return _NAMES.get(id(function))


def meet(names: set[str]) -> tuple[str, ...]:
    """Returns all activations that candidates of this process have used, these included.

    A new trace offers those and no others: every branch costs milliseconds of tracing, and a
    search space rarely holds more than a handful.
    """
    with _lock:
        _met.extend(sorted(names - set(_met)))
        return tuple(_met)


class ActivationSwitch:
    """An activation whose function is picked by variables when the graph runs.

    Attributes:
        index: The place of the current function among `names`, an int32 scalar variable.
        slope: What the current function multiplies numbers below zero by, if it is one of those
            that are straight on both sides of zero; a float32 scalar variable.
    """

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
