"""How inputs stand: rows that wrap where the page is narrow, and fields with their names."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets


def row(*parts: Any) -> Any:
    """Returns the parts in a row that wraps."""
    return _box("nas-row", parts)


def sides(*parts: Any) -> Any:
    """Returns larger parts side by side; they stand one below the other where it is narrow."""
    return _box("nas-sides", parts)


def named(name: str, width: int) -> dict[str, Any]:
    """Returns the name and look of an input that is as wide, in pixels, with its name."""
    look = {"style": {"description_width": "initial"}, "layout": {"width": f"{width}px"}}
    return {"description": name, **look}


def _box(kind: str, parts: tuple[Any, ...]) -> Any:
    box = widgets.HBox(parts)
    box.add_class(kind)
    return box
