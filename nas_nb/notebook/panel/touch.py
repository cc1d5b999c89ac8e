"""`Touch`: what lets marks, rows and headers of a panel be pointed at, in the browser.

An anywidget: the script is in the widget itself, so it loads without a build, a server or a
network wherever ipywidgets does. Where it can't load, pictures, tables and fields stay.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from nas_nb.notebook.wording import score_text, value_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nas_nb.notebook.snapshot import Snapshot
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial

_SCRIPT = Path(__file__).with_name("touch.js")


WIDEST, _NARROWEST, _BESIDE, _SHARPEST = 9.6, 4.0, 34, 2.0
"""Inches of a picture at most and at least; pixels of what stands beside it."""


def page_fit(page: Sequence[float]) -> dict[str, float]:
    """Returns the inches and the sharpness of pictures for a page's (pixels, pixel ratio)."""
    pixels, ratio = page
    width = min(max((pixels - _BESIDE) / 100, _NARROWEST), WIDEST)
    return {"width": width, "sharpness": min(max(ratio, 1.0), _SHARPEST)}


class Touch(anywidget.AnyWidget):
    """Tells the page what each mark is, and the panel what was done to it."""

    _esm = _SCRIPT.read_text(encoding="utf-8")
    live = traitlets.Bool(default_value=False).tag(sync=True)
    beat = traitlets.Int(0).tag(sync=True)

    def __init__(self, actions: Mapping[str, Callable[..., None]]) -> None:
        super().__init__()
        self._actions = actions
        self._told: dict[int, Trial] = {}
        self._finished: tuple[Trial, ...] = ()
        self._facts: dict[int, dict[str, Any]] = {}
        self._best: int | None = None
        self.seen = False
        self.on_msg(lambda _, message, __: self._take(message))

    def tell(self, now: Snapshot) -> None:
        """Tells the page about the trials that are new, and which one is the best."""
        history = now.history
        best = history.incumbent
        changed = self._changed(history.finished)
        self._told |= {trial.number: trial for trial in changed}
        new = {trial.number: _fact(trial, history) for trial in changed}
        self._facts |= new
        self._best, before = None if best is None else best.number, self._best
        if new or self._best != before:
            self.send({"facts": new, "best": self._best})
        self.live = now.state.live
        self.beat += 1

    def _changed(self, finished: tuple[Trial, ...]) -> list[Trial]:
        """Returns the trials that it has not told of; of a tuple that it knows, none."""
        if finished is self._finished:
            return []
        self._finished = finished
        return [trial for trial in finished if self._told.get(trial.number) is not trial]

    def _take(self, message: Mapping[str, Any]) -> None:
        if message.get("here"):
            self.seen = True
            self.send({"facts": self._facts, "best": self._best})
        for kind, act in self._actions.items():
            if kind in message:
                act(message[kind], *([message["box"]] if kind == "zoom" else []))


def _fact(trial: Trial, history: History) -> dict[str, Any]:
    score = f", {history.objective} {score_text(history, trial)}" if trial.score is not None else ""
    text = f"trial {trial.number}: {trial.status}{score}"
    if trial.reason:
        text += f": {trial.reason}"
    return {"text": text, "values": {name: value_text(v) for name, v in trial.values.items()}}
