"""Letting go of what TensorFlow keeps of every model for ever: its graphs, and its shapes."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType
from typing import Any

from tensorflow.python.eager import context
from tensorflow.python.framework import func_graph, ops

EPOCH = "epoch_of_nas_nb"
"""The name under which the engine traces."""
KERAS_STEPS = ("one_step_on_", "multi_step_on_")
"""How the names begin under which `model.fit` and `model.evaluate` trace."""

MOST_KERNELS = 1000
"""Variables of different name or shape, at some 60 kB each, before their kernels are dropped."""

_made: set[tuple[str, Any]] = set()
_lock = threading.Lock()


def forget_kernels(variables: Iterable[Any]) -> None:
    """Counts a model's variables, and drops TensorFlow's kernels when there were too many kinds.

    For every variable of a new name or shape TensorFlow keeps a kernel that makes it, for all
    times: half a megabyte a model where a search chooses widths freely. They can only be dropped
    all together; what is compiled then costs its first call again, so it is not done more often.

    Args:
        variables: Keras variables of a model that has been trained, its optimizer's included.
    """
    with _lock:
        _made.update((variable.path, tuple(variable.shape)) for variable in variables)
        if len(_made) <= MOST_KERNELS:
            return
        _made.clear()
    context.context().clear_kernel_cache()


@contextmanager
def forgotten(*names: str) -> Iterator[None]:
    """Makes the graphs that are traced in the block free to go when their function goes.

    Where a traced function holds a `tf.custom_gradient` (Keras's cross-entropies do),
    TensorFlow registers the gradient under a number, for all times, and the gradient holds the
    graph: 4 to 7 MB a model. Once a training step is traced nobody asks for it again. Graphs of
    other names, and those that another thread is still tracing, are left alone.

    Args:
        *names: Beginnings of the names of the traced functions.
    """
    registered: dict[str, Mapping[str, Any]] = ops.gradient_registry._registry
    before = set(registered)
    try:
        yield
    finally:
        for name in set(registered) - before:
            root = _root(registered[name]["type"])
            if root is None or root.structured_outputs is None:
                continue
            if root.name.startswith(names):
                del registered[name]


def _root(gradient: Any) -> Any:
    """Returns the outermost graph whose tensors a registered gradient holds, or None."""
    for held in _held(gradient, depth=2):
        graph = getattr(held, "graph", None)
        if isinstance(graph, func_graph.FuncGraph):
            while isinstance(graph.outer_graph, func_graph.FuncGraph):
                graph = graph.outer_graph
            return graph
    return None


def _held(function: Any, depth: int) -> Iterator[Any]:
    """Yields what the cells of a function hold, and those of the functions in its cells."""
    for cell in getattr(function, "__closure__", None) or ():
        contents = cell.cell_contents
        yield from contents if isinstance(contents, list | tuple) else (contents,)
        if depth > 1 and isinstance(contents, FunctionType):
            yield from _held(contents, depth - 1)
