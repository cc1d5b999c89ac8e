"""Modules whose names are imported when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any


def lazy(
    names: dict[str, Any], homes: Mapping[str, str], unknown: str
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Returns the ``__getattr__`` and the ``__dir__`` of a module.

    Args:
        names: The module's ``globals()``: what was asked for once is kept there.
        homes: The module that holds each name: ``"package.module"``, or
            ``"package.module:other"`` where it has another name there.
        unknown: What is said of a name that has no home; ``{name}`` is replaced by it.
    """

    def get(name: str) -> object:
        """Imports a public name from the module that holds it, once."""
        if name.startswith("__"):  # Python asks modules for these by itself
            raise AttributeError(unknown.format(name=name))
        if name not in homes:
            near = get_close_matches(name, homes, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise AttributeError(unknown.format(name=name) + hint)
        path, _, other = homes[name].partition(":")
        home = import_module(path)
        # A module stands for itself.
        names[name] = (
            home if path == f"{names['__name__']}.{name}" else getattr(home, other or name)
        )
        return names[name]

    def listed() -> list[str]:
        return sorted({*names, *names["__all__"]})

    return get, listed
