"""The library under Keras: which one, optimizer variables, memory and its release."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import psutil

from nas_nb.errors import MeasureError, NasError


def backend() -> str:
    """Returns the library's name: "tensorflow", "jax", or another one that Keras knows."""
    return str(keras.backend.backend())


def on_tensorflow() -> bool:
    """Whether it is TensorFlow; whatever imports TensorFlow asks this first."""
    return backend() == "tensorflow"


def require_tensorflow(what: str, error: type[NasError] = MeasureError) -> None:
    """Raises `error` where Keras runs on another library; `what` goes on from "for"."""
    if not on_tensorflow():
        raise error(
            f"Expected Keras on TensorFlow for {what}. Received: the backend {backend()!r}. Set "
            "KERAS_BACKEND=tensorflow before Keras is imported."
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the machine, or the device, has no memory left."""
    if isinstance(error, MemoryError):
        return True
    if on_tensorflow():
        import tensorflow as tf

        return isinstance(error, tf.errors.ResourceExhaustedError)
    # JAX and Torch have one class for all that goes wrong while they compute.
    said = str(error)
    return isinstance(error, RuntimeError) and (
        "RESOURCE_EXHAUSTED" in said or "out of memory" in said.lower()
    )


def gradients(function: Callable[[list[Any]], Any], values: Sequence[Any]) -> list[Any]:
    """Returns the gradient of a function of tensors, which returns one number, by each of them."""
    if on_tensorflow():
        return _gradients_of_tensorflow(function, list(values))
    if backend() == "jax":
        import jax

        return list(jax.grad(function)(list(values)))
    raise MeasureError(
        f"Expected Keras on TensorFlow or JAX for a gradient. Received: the backend {backend()!r}. "
        "Take a measure without gradients, or set KERAS_BACKEND before Keras is imported."
    )


def _gradients_of_tensorflow(function: Callable[[list[Any]], Any], values: list[Any]) -> list[Any]:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(values)
        result = function(values)
    found = tape.gradient(result, values, unconnected_gradients="zero")
    return [tf.convert_to_tensor(gradient) for gradient in found]  # an embedding's is sparse


def listed_variables(model: keras.Model) -> list[Any]:
    """Returns a model's variables and, if it was compiled, those that its optimizer lists."""
    # Keras gives a model this attribute when it is compiled; its own loop may keep anything there.
    optimizer = getattr(model, "optimizer", None)
    return [*model.variables, *(getattr(optimizer, "variables", None) or ())]


def optimizers(model: keras.Model) -> list[Any]:
    """Returns the optimizer and, behind a loss scale, the one that it wraps."""
    optimizer = model.optimizer
    inner = getattr(optimizer, "inner_optimizer", None)
    return [optimizer] if inner is None else [optimizer, inner]


def read_variable(variable: keras.Variable) -> npt.NDArray[Any]:
    """Returns a variable's value, which may share its memory."""
    if not on_tensorflow():
        return np.asarray(keras.ops.convert_to_numpy(variable.value))
    import tensorflow as tf

    value = variable.value
    try:
        # A quarter of the time of `numpy()`: what a trial keeps is read from dozens of variables.
        read = tf.raw_ops.ReadVariableOp(resource=value.handle, dtype=value.dtype)
    except (AttributeError, ValueError):  # of a distribution strategy: it has no handle of its own
        read = value
    return np.asarray(read.numpy())


def optimizer_variables(model: keras.Model) -> list[Any]:
    """Returns all variables of a built optimizer, those included that Keras does not list."""
    # Nadam's running product and Adafactor's placeholders are not in `optimizer.variables`.
    seen = {id(v) for v in model.variables}
    found = []
    for variable in _variables_in(optimizers(model)):
        if id(variable) not in seen:
            seen.add(id(variable))
            found.append(variable)
    return found


def _variables_in(held: list[Any]) -> Iterator[Any]:
    for optimizer in held:
        yield from optimizer._variables  # `variables` omits some
        for name in sorted(vars(optimizer)):
            value = vars(optimizer)[name]
            for each in value if isinstance(value, list | tuple) else (value,):
                if isinstance(each, keras.Variable):
                    yield each


CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def container_bytes() -> int | None:
    """Returns the memory that the container gives, or None where it is the machine's."""
    stated = os.environ.get("MEM_LIMIT", "")
    limits = [int(stated)] if stated.isdigit() else []
    for file in CGROUP_LIMITS:
        if file.is_file():
            text = file.read_text().strip()
            limits += [int(text)] if text.isdigit() else []
    # Without a limit cgroups of version 1 show a huge number.
    within = [limit for limit in limits if 0 < limit < psutil.virtual_memory().total]
    return min(within, default=None)


def share_gpus() -> str | None:
    """Lets TensorFlow take a GPU's memory as it needs it; returns why it can't, or None."""
    # By default it takes all of it at its first operation, and leaves none to other processes.
    if not on_tensorflow():
        return None
    import tensorflow as tf

    try:
        for card in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(card, True)
    except RuntimeError:
        return (
            "TensorFlow was used before the search began, and has taken the memory of the GPU: "
            "other processes have none of it. Restart the kernel and start the search first."
        )
    return None


def device_bytes() -> int:
    """Returns the memory for tensors: of the smallest GPU, else of the container or machine."""
    on_host = container_bytes() or int(psutil.virtual_memory().total)
    return min([on_host, *_gpus_bytes()])


@cache
def _gpus_bytes() -> tuple[int, ...]:
    """Returns what TensorFlow may use of each GPU."""
    if not on_tensorflow():
        return ()
    import tensorflow as tf

    if not tf.config.list_logical_devices("GPU"):
        return ()
    from nas_nb.private_imports import device_lib

    listed = device_lib.list_local_devices()
    return tuple(device.memory_limit for device in listed if device.device_type == "GPU")


EPOCH = "epoch_of_nas_nb"
"""The name under which the compiled epoch is traced."""
KERAS_STEPS = ("one_step_on_", "multi_step_on_")
"""How the names begin under which `model.fit` and `model.evaluate` trace."""

MOST_KERNELS = 1000
"""Variables of different name or shape, at some 60 kB each, before their kernels are dropped."""

_made: set[tuple[str, Any]] = set()
_lock = threading.Lock()


def release_kernels(variables: Iterable[Any]) -> None:
    """Counts a model's variables, and drops TensorFlow's kernels when there were too many kinds."""
    # For every variable of a new name or shape TensorFlow keeps a kernel for all times: half a
    # megabyte a model. They can only be dropped all together, and cost their first call again.
    with _lock:
        _made.update((variable.path, tuple(variable.shape)) for variable in variables)
        if len(_made) <= MOST_KERNELS:
            return
        _made.clear()
    from nas_nb.private_imports import context

    context.context().clear_kernel_cache()


@contextmanager
def released_graphs(*names: str) -> Iterator[None]:
    """Frees graphs of these names that are traced in the block when their function goes."""
    from nas_nb.private_imports import ops

    # Where a traced function holds a `tf.custom_gradient` (Keras's cross-entropies do), TensorFlow
    # registers the gradient for all times, and it holds the graph: 4 to 7 MB a model. Once a step
    # is traced nobody asks for it again. What another thread is still tracing is left alone.
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
    from nas_nb.private_imports import func_graph

    for held in _captured(gradient, depth=2):
        graph = getattr(held, "graph", None)
        if isinstance(graph, func_graph.FuncGraph):
            while isinstance(graph.outer_graph, func_graph.FuncGraph):
                graph = graph.outer_graph
            return graph
    return None


def _captured(function: Any, depth: int) -> Iterator[Any]:
    """Yields what the cells of a function hold, and those of the functions in its cells."""
    for cell in getattr(function, "__closure__", None) or ():
        contents = cell.cell_contents
        yield from contents if isinstance(contents, list | tuple) else (contents,)
        if depth > 1 and isinstance(contents, FunctionType):
            yield from _captured(contents, depth - 1)


WARN_AT = 0.9
"""The share of what the container gives at which the search pauses."""
GROWTH = 1.05
"""After a resume it warns again when the kernel has grown by this factor."""


class MemoryWatch:
    """Warns when the kernel takes over `limit_bytes`; None: 90 % of what the container gives."""

    def __init__(self, limit_bytes: int | None = None) -> None:
        given = container_bytes()
        self.limit_bytes = limit_bytes or (int(WARN_AT * given) if given else None)
        self._process = psutil.Process()

    def warning(self) -> str | None:
        """Returns why the search should pause, with advice, or None."""
        if self.limit_bytes is None:
            return None
        used_bytes = int(self._process.memory_info().rss)
        if used_bytes <= self.limit_bytes:
            return None
        allowed = self.limit_bytes
        self.limit_bytes = int(GROWTH * used_bytes)
        return (
            f"The kernel uses {used_bytes / 1e9:.2f} GB of memory, more than {allowed / 1e9:.2f} "
            "GB. Restart it and run the cells again with the same `directory`, and the search "
            "goes on where it was; or resume and risk that the kernel is killed."
        )
