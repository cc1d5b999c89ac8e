"""All that we take from TensorFlow under a name that is not public; see `private_imports`."""

from __future__ import annotations

# How a graph's optimizer and executor are chosen for one call.
from tensorflow.core.protobuf import config_pb2

# The memory that TensorFlow may take of a GPU.
from tensorflow.python.client import device_lib

# The kernels of variables, and the options of function calls.
from tensorflow.python.eager import context

# A custom gradient is registered for ever, and holds the graph in which it was traced.
from tensorflow.python.framework import func_graph, ops

__all__ = ["config_pb2", "context", "device_lib", "func_graph", "ops"]
