"""How many parameters a model has, also for a model whose weights were never allocated."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nas_nb.errors import MeasureError
from nas_nb.evaluate.backend import on_tensorflow
from nas_nb.space.symbolic import weightless

if TYPE_CHECKING:
    import keras


def params(model: keras.Model) -> int:
    """Returns how many numbers the model's weights hold, trainable or not.

    A weight that layers share counts once, and the state of metrics, optimizer and random
    generators not at all: it is what `model.count_params()` says.

    Args:
        model: A built model; also one that was built `without_weights`.

    Raises:
        MeasureError: The model isn't built, so it has no weights yet.
    """
    if not model.built:
        raise MeasureError(
            f"Expected a model with weights to count, got {model.name!r}, which isn't built: "
            "start it with keras.Input(shape), or call model.build((None, *shape))."
        )
    return sum(math.prod(weight.shape) for weight in model.weights)


@contextmanager
def without_weights() -> Iterator[None]:
    """Lets models that are built inside the block have shapes, and no memory for their weights.

    Such a model answers `params` and `flops`, which is enough to turn it down; it can't be run,
    trained or saved. Building it still draws seeds from Python's generator, as any build does.

    Example:
        >>> with without_weights():
        ...     model = keras.Sequential([keras.Input((4096,)), keras.layers.Dense(65536)])
        >>> params(model)  # a gigabyte, had it been allocated
        268500992
    """
    if not on_tensorflow():
        with weightless():
            yield
        return
    import tensorflow as tf

    # A variable of a graph that is never run stays a description. Keras's own stateless scope
    # would do for layers, but `compile` makes variables that it forbids.
    with tf.Graph().as_default():
        yield
