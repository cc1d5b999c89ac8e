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
    """An activation whose function is picked by a variable when the graph runs.

    Attributes:
        index: The place of the current function among `names`, an int32 scalar variable.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.index = tf.Variable(0, dtype=tf.int32, trainable=False)
        self._functions = [_FUNCTIONS[name] for name in names]

    def choose(self, name: str) -> None:
        """Makes `name` the activation from now on."""
        self.index.assign(self.names.index(name))

    def __call__(self, inputs: Any) -> Any:
        """Applies the chosen activation to a tensor of any shape."""
        if len(self._functions) == 1:
            return self._functions[0](inputs)
        return self._switched(tf.convert_to_tensor(inputs))

    def _switched(self, inputs: Any) -> Any:
        # TensorFlow's own gradient of a switch boxes every intermediate value in an optional;
        # recomputing one elementwise function is cheaper and traces faster.
        index = self.index.read_value()

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def apply(x: Any) -> tuple[Any, Callable[[Any], Any]]:
            def gradient(upstream: Any) -> Any:
                branches = [partial(_pull_back, f, x, upstream) for f in self._functions]
                return _shaped(tf.switch_case(index, branches), x)

            return _shaped(tf.switch_case(index, [partial(f, x) for f in self._functions]), x), (
                gradient
            )

        return apply(inputs)


def _pull_back(function: Callable[[Any], Any], x: Any, upstream: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return tape.gradient(value, x, output_gradients=upstream)


def _shaped(value: Any, like: Any) -> Any:
    value.set_shape(like.shape)
    return value
