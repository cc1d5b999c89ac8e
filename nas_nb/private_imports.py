"""All that we take from Keras, KerasTuner and TensorFlow under a name that is not public.

A release of theirs may move any of it. Each has the reason why nothing public does, and a test of
what we rely on in `tests/test_private_imports.py`. No other module imports a private name.
"""

from __future__ import annotations

import keras

# The functions that read floatx, epsilon and the format of images: settings of all threads.
from keras.src.backend import config as keras_config

# The counters of automatic names, and the scope in which variables have no value yet: Keras keeps
# them for each thread, and clears them only together with everybody's settings.
from keras.src.backend.common import global_state

# Keras takes every default seed from this module's `python_random`, for all threads.
from keras.src.random import seed_generator

# What `fit` makes of arrays before it batches them: weights of classes and samples, checks of
# their rows, types, pandas; and what `validation_split` leaves for validation.
from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter
from keras.src.trainers.data_adapters.array_slicing import (
    convert_to_sliceable,
    train_validation_split,
)

# What a layer is called in a file of weights.
from keras.src.utils import naming

# The locks that keep every oracle alive until the kernel ends.
from keras_tuner.src.engine import oracle as kt_oracle

# The checks of what a trial returned, and the callbacks that KerasTuner gives to a training.
from keras_tuner.src.engine import tuner_utils

# A hyperparameter with a condition of its own; a build function makes one by a scope only.
from keras_tuner.src.engine.conditions import Parent

# How KerasTuner counts a model's parameters for `max_model_size`.
from keras_tuner.src.engine.tuner import maybe_compute_model_size

# Where Keras runs on another library TensorFlow is not to be loaded.
if keras.backend.backend() == "tensorflow":
    # How a graph's optimizer and executor are chosen for one call.
    from tensorflow.core.protobuf import config_pb2

    # The memory that TensorFlow may take of a GPU.
    from tensorflow.python.client import device_lib

    # The kernels of variables, and the options of function calls.
    from tensorflow.python.eager import context

    # A custom gradient is registered for ever, and holds the graph in which it was traced.
    from tensorflow.python.framework import func_graph, ops

__all__ = [
    "ArrayDataAdapter",
    "Parent",
    "config_pb2",
    "context",
    "convert_to_sliceable",
    "device_lib",
    "func_graph",
    "global_state",
    "keras_config",
    "kt_oracle",
    "maybe_compute_model_size",
    "naming",
    "ops",
    "seed_generator",
    "train_validation_split",
    "tuner_utils",
]
