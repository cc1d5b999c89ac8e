"""The ready spaces: ``nas.spaces.image()``, ``text()``, ``tabular()``, ``timeseries()`` ...

Each is imported when it is first asked for, as everything behind the front door.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas_nb.lazy import lazy as _lazy

if TYPE_CHECKING:
    from nas_nb.spaces.darts import darts_cell
    from nas_nb.spaces.macro_space import macro
    from nas_nb.spaces.nasbench101 import nasbench101_cell
    from nas_nb.spaces.nasbench201 import nasbench201_cell
    from nas_nb.spaces.ready_models import image, tabular, text, timeseries

__all__ = [
    "darts_cell",
    "image",
    "macro",
    "nasbench101_cell",
    "nasbench201_cell",
    "tabular",
    "text",
    "timeseries",
]

_HOMES = {
    "nasbench201_cell": "nas_nb.spaces.nasbench201",
    "darts_cell": "nas_nb.spaces.darts",
    "image": "nas_nb.spaces.ready_models",
    "macro": "nas_nb.spaces.macro_space",
    "nasbench101_cell": "nas_nb.spaces.nasbench101",
    "tabular": "nas_nb.spaces.ready_models",
    "text": "nas_nb.spaces.ready_models",
    "timeseries": "nas_nb.spaces.ready_models",
}

__getattr__, __dir__ = _lazy(globals(), _HOMES, "There is no ready space '{name}'.")
