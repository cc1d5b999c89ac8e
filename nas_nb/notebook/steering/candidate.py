"""A hand-made candidate: controls that show only what is legal, given the others."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import ipywidgets as widgets
import numpy as np

from nas_nb.notebook.layout import named, row
from nas_nb.notebook.steering.section import Section
from nas_nb.notebook.wording import number_text, value_text
from nas_nb.space.parameter import ParameterKind

if TYPE_CHECKING:
    from nas_nb.notebook.tabs.tab import Desk
    from nas_nb.record.values import Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter

_LISTED = 100


class CandidateSection(Section):
    """A control for each choice that counts. Choices come and go with those that decide on them.

    Args:
        desk: What it works with.

    Attributes:
        inputs: The controls by the names of the choices.
    """

    title = "Queue a candidate of your own"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._domain = desk.search.space.domain
        self._changing = False
        self.inputs: dict[str, Any] = {}
        self._shown: tuple[Parameter, ...] = ()
        self._fields = row()
        self._about = widgets.HTML()
        self.queue = self.button("Queue it", lambda: self.steer.queue(self.values), 100)
        self.take = self.button("Start from trial", self._take, 160)
        self.draw = self.button("Random", self._draw, 90)
        buttons = row(self.queue, self.take, self.draw, self._about)
        self.widget = self.arranged(self._fields, buttons)
        self.set(self._domain.complete({}))

    @property
    def values(self) -> dict[str, Value]:
        """The candidate as it is entered."""
        wanted = {name: control.value for name, control in self.inputs.items()}
        return nearest_legal(self._domain, wanted)

    def set(self, values: Values) -> None:
        """Shows a candidate."""
        self._show(nearest_legal(self._domain, values))

    def paint(self) -> None:
        """Says whether the candidate is new, and how far it is from the incumbent."""
        history, values = self.desk.search.history, self.values
        trial = self.desk.selection.trial(history)
        self.take.disabled = trial is None
        self.take.description = "Start from trial" + ("" if trial is None else f" {trial.number}")
        twin = None
        if history.has_tried(values):
            twin = next(known for known in history.trials if known.values == values)
        if twin is not None:
            score = "" if twin.score is None else f": {history.objective} {number_text(twin.score)}"
            text = f"Trial {twin.number} is exactly this, {twin.status}{score}."
        elif history.incumbent is not None:
            differ = _different(values, history.incumbent.values)
            text = f"It is new. It differs from the incumbent in {differ} choices."
        else:
            text = "It is new."
        waiting = len(self.steer.queued)
        queue = f" {waiting} {'waits' if waiting == 1 else 'wait'} in the queue." if waiting else ""
        self._about.value = f"<p>{html.escape(text + queue)}</p>"

    def _take(self) -> None:
        trial = self.desk.selection.trial(self.desk.search.history)
        if trial is not None:
            self.set(trial.values)

    def _draw(self) -> None:
        self.set(self._domain.sample(np.random.default_rng()))

    def _changed(self) -> None:
        if not self._changing:
            self._show(self.values)
            self.desk.on_input()

    def _show(self, values: Values) -> None:
        """Makes new controls only where a choice came, went, or has other values now."""
        active = tuple(p for p in self._domain.active(values) if p.count > 1)
        self._changing = True
        try:
            if active != self._shown:
                known = dict(zip(self._shown, self.inputs.values(), strict=True))
                self.inputs = {
                    p.name: known[p] if p in known else self._control(p, values) for p in active
                }
                self._shown = active
                gone = set(known.values()) - set(self.inputs.values())
                self._fields.children = list(self.inputs.values())
                for control in gone:
                    control.close()
            for name, control in self.inputs.items():
                control.value = values[name]
        finally:
            self._changing = False

    def _control(self, parameter: Parameter, values: Values) -> Any:
        control = _made(parameter, values[parameter.name])
        control.observe(lambda _: self._changed(), "value")
        return control


def nearest_legal(domain: Domain, wanted: Mapping[str, Value]) -> dict[str, Value]:
    """Returns the point with the wanted values as far as they are legal together, parents first.

    Args:
        domain: The space.
        wanted: Values by name; those that don't count, or are illegal, are left out.
    """
    kept: dict[str, Value] = {}
    while True:
        point = domain.complete(kept)
        more = (
            (p.name, match)
            for p in domain.active(point)
            if p.name not in kept
            and p.name in wanted
            and (match := p.match(wanted[p.name])) is not None
        )
        found = next(more, None)
        if found is None:
            return point
        kept[found[0]] = found[1]


def _made(parameter: Parameter, value: Value) -> Any:
    look = named(parameter.name, 190)
    if parameter.count <= _LISTED:
        options = [(value_text(one), one) for one in parameter.values()]
        return widgets.Dropdown(options=options, value=value, **look)
    low, high = cast(float, parameter.low), cast(float, parameter.high)
    if parameter.kind is ParameterKind.INT:
        return widgets.BoundedIntText(value=value, min=low, max=high, **look)
    return widgets.BoundedFloatText(value=value, min=low, max=high, step=None, **look)


def _different(values: Values, others: Values) -> int:
    return sum(values.get(name) != others.get(name) for name in {*values, *others})
