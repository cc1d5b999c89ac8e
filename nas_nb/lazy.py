"""Modules whose names are imported when they are first asked for."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from difflib import get_close_matches
from importlib import import_module
from typing import Any


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keeps what is written to file descriptor 2 meanwhile, and shows it only if that fails."""
    # TensorFlow's start writes there past Python: a dozen red lines below a notebook's first cell.
    sys.stderr.flush()
    old = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(old, kept.read())
            raise
        finally:
            os.dup2(old, 2)
            os.close(old)


def lazy(
    names: dict[str, Any], homes: Mapping[str, str], unknown: str
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Returns the ``__getattr__`` and the ``__dir__`` of a module."""

    def get(name: str) -> object:
        """Imports a public name from the module that holds it, once."""
        if name.startswith("__"):  # Python asks modules for these by itself
            raise AttributeError(unknown.format(name=name))
        if name not in homes:
            near = get_close_matches(name, homes, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise AttributeError(unknown.format(name=name) + hint)
        path, _, other = homes[name].partition(":")
        with quiet_stderr() if "tensorflow" not in sys.modules else nullcontext():
            home = import_module(path)
        # A module stands for itself.
        names[name] = (
            home if path == f"{names['__name__']}.{name}" else getattr(home, other or name)
        )
        return names[name]

    def listed() -> list[str]:
        # Not the package's own modules and imports: what Tab offers is what users call.
        return sorted({*(name for name in names if name.startswith("__")), *names["__all__"]})

    return get, listed
