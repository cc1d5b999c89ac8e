"""`Drawings`: diagrams and source of trials, which take a model to be built."""

from __future__ import annotations

import html
from collections import OrderedDict
from collections.abc import Callable, Mapping
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from nas_nb.notebook.plots.diagram import diagram_image

if TYPE_CHECKING:
    from nas_nb.record.trial import Trial
    from nas_nb.search.search import Search
    from nas_nb.space.graph import Layout

_KEPT = 32


class Drawings:
    """What has to be built to be shown: pictures of models, and their source."""

    def __init__(self, search: Search, page: Mapping[str, Any]) -> None:
        self._search, self._page = search, page
        self._kept: OrderedDict[tuple[object, ...], str] = OrderedDict()

    def diagram(self, trial: Trial, other: Trial | None = None) -> str:
        """Returns a trial's diagram as an `<img>`, with the boxes marked that another has not."""
        key = ("diagram", trial.key, other and other.key, self._page["dark"])
        return self._made(key, trial, lambda: self._draw(trial, other))

    def code(self, trial: Trial) -> str:
        """Returns the Keras source of the architecture, or why there is none."""
        return self._made(("code", trial.key), trial, lambda: self._write(trial))

    def _made(self, key: tuple[object, ...], trial: Trial, make: Callable[[], str]) -> str:
        if key not in self._kept:
            try:
                self._kept[key] = make()
            except Exception as error:  # noqa: BLE001 - the user's build function may raise anything
                told = html.escape(f"{type(error).__name__}: {error}")
                self._kept[key] = f"<p>There is no {key[0]} of trial {trial.number}: {told}</p>"
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    def _draw(self, trial: Trial, other: Trial | None) -> str:
        layouts = [self._layout(each) for each in (trial, other) if each is not None]
        layout, marked = layouts[0], differing(*layouts)
        told = f" Marked: {len(marked)} that trial {other.number} has not." if other else ""
        alt = f"Diagram of trial {trial.number}: {diagram_text(layout)}.{told}"
        return diagram_image(layout, alt, marked, dark=self._page["dark"])

    def _layout(self, trial: Trial) -> Layout:
        return self._search.space.architecture(trial.values).layout()

    def _write(self, trial: Trial) -> str:
        from nas_nb.evaluate.global_state import seeded
        from nas_nb.export.keras_source import keras_source

        with seeded(trial.seed or 0):
            source = keras_source(self._search.space.build_values(trial.values))
        return copyable(source)


def copyable(code: str) -> str:
    """Returns code with a button that copies it."""
    button = '<button type="button" class="jupyter-button" data-copy>Copy code</button>'
    return f'<div>{button}<pre tabindex="0" class="nas-code">{html.escape(code)}</pre></div>'


def differing(one: Layout, *other: Layout) -> set[int]:
    """Returns the places of the boxes that the other layout has not, in its order."""
    mine, theirs = ([box.label for box in layout.boxes] for layout in (one, *(other or (one,))))
    blocks = SequenceMatcher(None, mine, theirs, autojunk=False).get_matching_blocks()
    same = {block.a + step for block in blocks for step in range(block.size)}
    return set(range(len(mine))) - same


def diagram_text(layout: Layout) -> str:
    """Returns what a diagram shows, from top to bottom: 'input (8, 8, 1), then Dense 32 relu'."""
    boxes = sorted(layout.boxes, key=lambda box: (box.y, box.x))
    return ", then ".join(" ".join(box.label.split()) for box in boxes)
