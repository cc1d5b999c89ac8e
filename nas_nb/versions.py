"""`show_versions`: what a bug report needs to say of a machine."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, requires, version

import psutil
from packaging.requirements import Requirement


def show_versions() -> None:
    """Prints the versions of nas_nb and of all that it can use, the system, cores and memory.

    GPUs are listed when TensorFlow is loaded already; this function does not load it.

    Example:
        ```python
        nas.show_versions()
        ```
    """
    import nas_nb

    memory = psutil.virtual_memory()
    facts = {
        "nas_nb": nas_nb.__version__,
        "Python": platform.python_version(),
        "system": platform.platform(),
        "cores": psutil.cpu_count(),
        "memory": f"{memory.total / 2**30:.1f} GiB, {memory.available / 2**30:.1f} available",
        "GPUs": _gpus(),
    }
    names = {Requirement(line).name for line in requires("nas_nb") or ()} - {"nas_nb"}
    facts |= {name: _installed(name) for name in sorted(names, key=str.lower)}
    width = max(map(len, facts))
    print("\n".join(f"{name:<{width}}  {fact}" for name, fact in facts.items()))  # noqa: T201


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _gpus() -> str:
    if "tensorflow" not in sys.modules:
        return "not looked for: TensorFlow is not loaded"
    import tensorflow as tf

    return ", ".join(gpu.name for gpu in tf.config.list_physical_devices("GPU")) or "none"
