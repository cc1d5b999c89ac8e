"""Where this runs: under a grader, whom nobody watches, or on Binder; and with which versions."""

from __future__ import annotations

import os
import platform
import sys
import warnings
from typing import TextIO

MAX_TIME_S = 120
"""The time of a search that was given none, where nobody could stop it."""

BINDER_TRIALS, BINDER_TIME_S = 20, 300
"""Binder asks its guests for little: an hour of a processor in all, and 2 GB of memory."""


def is_headless() -> bool:
    """Tells whether a grader runs this: nbgrader says so, for others `NAS_NB_HEADLESS=1` does."""
    return bool(os.environ.get("NBGRADER_EXECUTION")) or os.environ.get("NAS_NB_HEADLESS") == "1"


def is_binder() -> bool:
    """Tells whether this runs on Binder, whose machines are shared and small."""
    return any(os.environ.get(name) for name in ("BINDER_SERVICE_HOST", "BINDER_REPO_URL"))


def default_limits() -> dict[str, int]:
    """Returns the limits of a search that was given no other."""
    if is_headless():
        return {"max_time": MAX_TIME_S}
    return {"max_trials": BINDER_TRIALS, "max_time": BINDER_TIME_S} if is_binder() else {}


def warn_on_stdout() -> None:
    """Shows warnings on stdout: nbgrader gives no points for a cell that writes to stderr."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        (file or sys.stdout).write(
            warnings.formatwarning(message, category, filename, lineno, line)
        )

    warnings.showwarning = show


def show_versions() -> None:
    """Prints the versions of nas_nb and of all that it can use, the system, cores and memory.

    GPUs are listed when TensorFlow is loaded already; this function does not load it.

    Example:
        ```python
        nas.show_versions()
        ```
    """
    from importlib.metadata import requires

    import psutil
    from packaging.requirements import Requirement

    memory = psutil.virtual_memory()
    facts = {
        "nas_nb": sys.modules["nas_nb"].__version__,
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
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _gpus() -> str:
    if "tensorflow" not in sys.modules:
        return "not looked for: TensorFlow is not loaded"
    import tensorflow as tf

    return ", ".join(gpu.name for gpu in tf.config.list_physical_devices("GPU")) or "none"
