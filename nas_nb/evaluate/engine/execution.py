"""How TensorFlow runs a compiled epoch on the CPU: without what pays in graphs that live longer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import config_pb2
from tensorflow.python.eager import context

from nas_nb.evaluate.engine.layers import keras_layers

# Their kernels take longer than handing them to another thread, and run beside one another.
_HEAVY = ("Conv", "SeparableConv", "Depthwise", "Attention", "LSTM", "GRU", "RNN", "EinsumDense")


def is_light(model: Any) -> bool:
    """Whether a step of the model is so short that switching threads is most of its cost."""
    names = [type(layer).__name__ for layer in keras_layers(model)]
    return not any(part in name for name in names for part in _HEAVY)


@contextmanager
def short_lived(light: bool) -> Iterator[None]:
    """Traces and calls in the block are run for graphs that train small models for a while.

    TensorFlow's graph optimizer takes as long as several epochs of a light model, and an epoch
    after it is no faster; in a heavy one it joins a convolution with its bias and activation.
    With the executor of one thread, a step of a small dense net takes half the time. Neither
    changes what is computed. The user's settings are those of before when the block ends; with a
    GPU, and for a heavy model, they are not touched. Nor where TensorFlow has a single thread for
    functions: a loop of that executor waits in it for its body, which waits for the thread.

    Args:
        light: Whether the model is light, see `is_light`.
    """
    if not light or threads() < 2 or tf.config.list_physical_devices("GPU"):
        yield
        return
    eager = context.context()
    before = eager.function_call_options
    config = config_pb2.ConfigProto()
    config.ParseFromString(before.config_proto_serialized or b"")
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    eager.function_call_options = context.FunctionCallOptions("SINGLE_THREADED_EXECUTOR", config)
    try:
        yield
    finally:
        eager.function_call_options = before


@cache
def threads() -> int:
    """How many threads TensorFlow runs functions in; it decides that once, like this."""
    stated = os.environ.get("TF_NUM_INTEROP_THREADS", "")
    given = tf.config.threading.get_inter_op_parallelism_threads()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return int(given or (stated.isdigit() and int(stated)) or cores or 1)
