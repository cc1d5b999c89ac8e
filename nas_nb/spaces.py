"""The ready spaces: ``nas.spaces.image()``, ``text()``, ``tabular()``, ``timeseries()`` ...

Each is imported when it is first asked for, as everything behind the front door.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas_nb.lazy import lazy as _lazy

if TYPE_CHECKING:
    from nas_nb.space.cell import cell
    from nas_nb.space.darts import darts_cell
    from nas_nb.space.macro import macro
    from nas_nb.space.nasbench101.cell import nasbench101_cell
    from nas_nb.space.ready.image import image
    from nas_nb.space.ready.raw_input import with_raw_input
    from nas_nb.space.ready.tabular import tabular
    from nas_nb.space.ready.text import text
    from nas_nb.space.ready.timeseries import timeseries

__all__ = [
    "cell",
    "darts_cell",
    "image",
    "macro",
    "nasbench101_cell",
    "tabular",
    "text",
    "timeseries",
    "with_raw_input",
]

_HOMES = {
    "cell": "nas_nb.space.cell",
    "darts_cell": "nas_nb.space.darts",
    "image": "nas_nb.space.ready.image",
    "macro": "nas_nb.space.macro",
    "nasbench101_cell": "nas_nb.space.nasbench101.cell",
    "tabular": "nas_nb.space.ready.tabular",
    "text": "nas_nb.space.ready.text",
    "timeseries": "nas_nb.space.ready.timeseries",
    "with_raw_input": "nas_nb.space.ready.raw_input",
}

__getattr__, __dir__ = _lazy(globals(), _HOMES, "There is no ready space '{name}'.")
