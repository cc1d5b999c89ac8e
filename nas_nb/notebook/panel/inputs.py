"""What a panel is used by: buttons, the chosen trial, rows, alerts, and `Touch`, the pointer."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets as widgets
import traitlets

from nas_nb.errors import NasError
from nas_nb.notebook.tables import ranking
from nas_nb.notebook.wording import value_text
from nas_nb.record.trial import TrialStatus
from nas_nb.record.trial_facts import score_text, within_noise
from nas_nb.search.budget import LIMITS, LimitScope
from nas_nb.strategy.base import is_continuation
from nas_nb.workers.control import SearchState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nas_nb.notebook.wording import Snapshot
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial
    from nas_nb.search.search import Search


class Buttons:
    """One button for what comes next, and Stop. A refusal is said beside them in one sentence."""

    # Callbacks may run in any of the kernel's threads: they only set the search's flags.
    def __init__(self, search: Search, on_click: Callable[[], None]) -> None:
        self._search = search
        self._on_click = on_click
        self.primary = widgets.Button(description="Start", button_style="primary")
        self.stop = widgets.Button(description="Stop", disabled=True)
        for button in (self.primary, self.stop):
            button.layout.width = "100px"
        look = named("More trials", 160)
        self.more = widgets.BoundedIntText(value=20, min=1, max=10**6, **look)
        self.refusal = widgets.HTML()
        self.widget = widgets.HBox([self.primary, self.more, self.stop])
        self.primary.on_click(lambda _: self._ask(self._next))
        self.stop.on_click(lambda _: self._ask(search.stop))

    def enable(self, state: SearchState, *, legal: bool) -> None:
        """Names what may be asked of a search in this state."""
        self.primary.description = _NEXT.get(state, "Resume")
        self.primary.disabled = not (state.live or legal)
        self.stop.disabled = not state.live
        self.stop.layout.display = "" if state.live else "none"
        self.more.layout.display = "" if state is SearchState.FINISHED else "none"

    def _next(self) -> None:
        # By what the button says: that is what its user has read.
        asked = self.primary.description
        if asked == "Pause":
            self._search.pause()
        elif asked == "Resume" and self._search.state is SearchState.PAUSED:
            self._search.resume()
        elif asked == "Continue":
            self._search.configure(**self._raised_budget())
            self._search.start()
        else:
            self._search.start()

    def _raised_budget(self) -> dict[str, int | None]:
        """Returns limits that leave so many trials more: others that are spent are lifted."""
        search = self._search
        most: dict[str, int | None] = {"max_trials": len(search.history.finished) + self.more.value}
        rest = {limit.name: None for limit in LIMITS if limit.scope is LimitScope.SEARCH}
        reason = search.reason or ""
        return {name: None for name in rest if reason.startswith(name)} | most

    def _ask(self, action: Callable[[], Any]) -> None:
        try:
            action()
            self.refusal.value = ""
        except NasError as error:
            self.refusal.value = alert_html(error)
        self._on_click()


_NEXT = {
    SearchState.NEW: "Start",
    SearchState.RUNNING: "Pause",
    SearchState.PAUSED: "Resume",
    SearchState.FINISHED: "Continue",
}


class TrialChooser:
    """A field for the selected trial's number, and buttons."""

    def __init__(self, search: Search, selection: TrialSelection) -> None:
        self._search = search
        self._selection = selection
        self.number = number_field("Selected trial", "the best", 190)
        self.buttons = {
            "Best": self._best,
            "Better": lambda: self._step(-1),
            "Worse": lambda: self._step(1),
            "Latest": self._latest,
        }
        self.refusal, self._about = widgets.HTML(), widgets.HTML()
        pressed = [_button(name, action) for name, action in self.buttons.items()]
        self.widget = row(self.number, *pressed, self._about, self.refusal)
        self.number.observe(lambda _: self._typed(), "value")

    def select(self, number: int) -> None:
        """Selects a trial that was clicked."""
        self.number.value = str(number)

    def paint(self, now: Snapshot) -> None:
        """Says which trial is looked at."""
        history = now.history
        trial = self._selection.trial(history)
        if trial is None:
            text = "no completed trial yet"
        else:
            text = f"trial {trial.number}: {trial.status}"
            if trial.status is TrialStatus.COMPLETED and trial.score is not None:
                of = sum(one.score is not None for one in history.completed)
                text += f", {history.objective} {score_text(history, trial)}"
                text += f", rank {_place(trial, history):,} of {of:,}"
                if any(one.number == trial.number for one in within_noise(history) or ()):
                    text += ", within noise of the best"
        self._about.value = f"<p>{html.escape(text)}</p>"

    def _typed(self) -> None:
        try:
            self._selection.choose(read_number(self.number.value, len(self._search.history)))
            self.refusal.value = ""
        except NasError as error:
            self.refusal.value = alert_html(error)

    def _best(self) -> None:
        self.number.value = ""

    def _latest(self) -> None:
        if trials := self._search.history.trials:
            self.number.value = str(trials[-1].number)

    def _step(self, ranks: int) -> None:
        order = ranking(self._search.history)
        trial = self._selection.trial(self._search.history)
        if not order or trial is None:
            return
        numbers = [one.number for one in order]
        at = numbers.index(trial.number) + ranks if trial.number in numbers else 0
        self.number.value = str(numbers[min(max(at, 0), len(order) - 1)])


def _place(trial: Trial, history: History) -> int:
    """Returns where a trial stands among the completed ones, the best being 1."""
    if trial is history.incumbent:
        return 1
    return 1 + next(at for at, one in enumerate(ranking(history)) if one.number == trial.number)


def number_field(name: str, placeholder: str, width: int) -> Any:
    """Returns a field for a trial's number that may be left empty."""
    field = widgets.Text(placeholder=placeholder, **named(name, width))
    field.continuous_update = False
    return field


def read_number(text: str, count: int) -> int | None:
    """Returns the number of a trial that was typed; None for an empty field."""
    stripped = text.strip()
    if not stripped:
        return None
    if stripped.isascii() and stripped.isdigit() and int(stripped) < count:
        return int(stripped)
    known = f"a trial from 0 to {count - 1}" if count else "nothing: there is no trial yet"
    raise NasError(f"Expected {known}. Received: {stripped}.")


def _button(name: str, action: Callable[[], None]) -> Any:
    button = widgets.Button(description=name, layout={"width": "70px"})
    button.on_click(lambda _: action())
    return button


class TrialSelection:
    """A chosen trial and one to compare it with."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self.chosen: int | None = None
        self.other: int | None = None
        self._on_change = on_change

    def choose(self, number: int | None) -> None:
        """Chooses a trial; None goes back to following the incumbent."""
        self.chosen = number
        self._on_change()

    def compare_with(self, number: int | None) -> None:
        """Chooses the trial to compare with; None lets it be the best other one."""
        self.other = number
        self._on_change()

    def trial(self, history: History) -> Trial | None:
        """Returns the trial to show; None while there is none."""
        if self.chosen is not None and self.chosen < len(history):
            return history[self.chosen]
        return history.incumbent

    def compared(self, history: History) -> Trial | None:
        """Returns the trial to compare it with: the best one that is another."""
        if self.other is not None and self.other < len(history):
            return history[self.other]
        trial = self.trial(history)
        best = ranking(history)[:2]
        return next((other for other in best if other is not trial), None)


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


def alert_html(error: Exception) -> str:
    """Returns the error's sentence as HTML that a screen reader says at once."""
    return f'<p role="alert">{html.escape(str(error))}</p>'


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
        """Returns the trials that it has not told of: of thousands only the latest are read."""
        known = self._finished if is_continuation(finished, self._finished) else ()
        self._finished = finished
        return [t for t in finished[len(known) :] if self._told.get(t.number) is not t]

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
