"""The Steer tab and its sections."""

from __future__ import annotations

import html
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

import ipywidgets as widgets
import numpy as np

from nas_nb.errors import NasError, SearchError, StrategyError
from nas_nb.notebook.panel.inputs import alert_html, named, row
from nas_nb.notebook.panel.settings_form import LimitFields, OptionsForm, strategies_offered
from nas_nb.notebook.panel.tabs import Tab
from nas_nb.notebook.tables import steering_table
from nas_nb.notebook.wording import budget_text, by_number, value_text
from nas_nb.record.trial import changed_values
from nas_nb.record.trial_facts import score_text
from nas_nb.search.budget import LIMITS, LimitScope
from nas_nb.space.domain import size_text
from nas_nb.space.parameter import ParameterKind
from nas_nb.space.restriction import RuleKind, Rules, names_meant
from nas_nb.strategy.registry import STRATEGIES, make_strategy

if TYPE_CHECKING:
    from nas_nb.notebook.panel.tabs import PanelContext
    from nas_nb.notebook.wording import Snapshot
    from nas_nb.record.trial import Value, Values
    from nas_nb.search.steering import Steering
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter

SHOWN = 20


class SteerSection(ABC):
    """One thing that can be done to a search while it runs."""

    title: ClassVar[str]
    widget: Any

    def __init__(self, context: PanelContext) -> None:
        self.context = context
        self.refusal = widgets.HTML()

    @abstractmethod
    def paint(self, now: Snapshot) -> None:
        """Brings its outputs up to date. Called by the painter."""

    @property
    def steer(self) -> Steering:
        """What steers the search."""
        return self.context.search.steer

    def button(self, name: str, action: Callable[[], Any], width: int = 140) -> Any:
        """Returns a button; if what it does is refused, the reason is said beside it."""
        button = widgets.Button(description=name, layout={"width": f"{width}px"})
        button.on_click(lambda _: self.do(action))
        return button

    def do(self, action: Callable[[], Any]) -> None:
        """Does what a control asks for."""
        try:
            action()
            self.refusal.value = ""
        except NasError as error:
            self.refusal.value = alert_html(error)
        self.context.on_input()

    def arranged(self, *parts: Any) -> Any:
        """Returns the section's widget: a heading, the parts in a row that wraps, the refusal."""
        heading = widgets.HTML(f'<p class="nas-caption">{self.title}</p>')
        box = widgets.VBox([heading, row(*parts), self.refusal])
        box.add_class("nas-section")
        return box


_LISTED_VALUES = 40
_RULES = {
    "pin to": RuleKind.PIN,
    "leave out": RuleKind.WITHOUT,
    "at least": RuleKind.AT_LEAST,
    "at most": RuleKind.AT_MOST,
}


class RestrictSection(SteerSection):
    """Rules about single choices, with what each would leave of the space, before it holds."""

    title = "Narrow the space"

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self._domain = context.search.space.domain
        self._previewed: tuple[Any, str] = (None, "")
        self.name = widgets.Dropdown(options=names_offered(self._domain), **named("Choice", 200))
        self.kind = widgets.Dropdown(options=list(_RULES), **named("Rule", 150))
        self.value = widgets.Combobox(ensure_option=False, **named("Value", 190))
        self.value.continuous_update = False
        self.apply = self.button("Apply", self._apply, 90)
        self.release = self.button("Lift all", self._release, 90)
        self._left = widgets.HTML()
        self._offer_values()
        self.name.observe(lambda _: self._renamed(), "value")
        for control in (self.kind, self.value):
            control.observe(lambda _: context.on_input(), "value")
        inputs = row(self.name, self.kind, self.value, self.apply, self.release)
        self.widget = self.arranged(inputs, self._left)

    def paint(self, now: Snapshot) -> None:
        """Says what is left of the space, and what the rule would leave of that."""
        rules = self.steer.rules
        key = (rules, self.name.value, self.kind.value, self.value.value)
        if key != self._previewed[0]:
            self._previewed = (key, self._preview(rules))
        self._left.value = f"<p>{html.escape(self._previewed[1])}</p>"
        self.release.disabled = not rules

    def _preview(self, rules: Rules) -> str:
        whole = self._domain.distinct.size
        left = rules.narrow(self._domain).distinct.size
        held = f" ({rules})" if rules else ""
        of = "" if left == whole == math.inf else f" of {_size(whole)}"
        text = f"{size_text(left)}{of} are left{held}." if rules else _all(whole)
        try:
            then = rules.added(self._rule()).narrow(self._domain).distinct.size
        except NasError as error:
            return f"{text} {error}"
        return f"{text} The rule would leave {_size(then)}."

    def _rule(self) -> Rules:
        return Rules.from_json({_RULES[self.kind.value]: {self.name.value: self._meant()}})

    def _meant(self) -> Value:
        """Returns the value that is written in the field, as the space has it."""
        text = self.value.value.strip()
        for value in values_offered(self._domain, self.name.value):
            if value_text(value) == text:
                return value
        try:
            return float(text)
        except ValueError:
            return str(text)

    def _apply(self) -> None:
        kind = _RULES[self.kind.value].value
        getattr(self.steer, kind)(**{self.name.value: self._meant()})

    def _release(self) -> None:
        self.steer.unrestrict()

    def _renamed(self) -> None:
        self._offer_values()
        self.context.on_input()

    def _offer_values(self) -> None:
        offered = [value_text(v) for v in values_offered(self._domain, self.name.value)]
        self.value.options = offered
        self.value.value = offered[0] if offered else ""


def names_offered(domain: Domain) -> list[str]:
    """Returns the choices that have something to leave out; those of all layers as one, first."""
    names = [name for name in domain.names if len(values_offered(domain, name)) != 1]
    layers, _ = by_number(dict.fromkeys(names, 0))
    stems = [stem for layer in layers.values() for stem in layer]
    shared = [stem for stem in dict.fromkeys(stems) if stems.count(stem) > 1]
    return [*(stem for stem in shared if stem not in names), *names]


def values_offered(domain: Domain, name: str) -> list[Value]:
    """Returns the values that a choice, or its numbered ones, may have; none for a long range."""
    meant = names_meant(domain, name)
    parameters = [parameter for parameter in domain.parameters if parameter.name in meant]
    if any(parameter.count > _LISTED_VALUES for parameter in parameters):
        return []
    return list(dict.fromkeys(value for parameter in parameters for value in parameter.values()))


def _size(size: float) -> str:
    return "infinitely many" if size == math.inf else size_text(size).removesuffix(" architectures")


def _all(size: float) -> str:
    all_of_them = "Every architecture" if size == math.inf else f"All {size_text(size)}"
    return f"{all_of_them} may be proposed."


_LONGEST_DROPDOWN = 100


class CandidateSection(SteerSection):
    """A control for each choice that counts. Choices come and go with those that decide on them."""

    title = "Queue a candidate of your own"

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self._domain = context.search.space.domain
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

    def paint(self, now: Snapshot) -> None:
        """Says whether the candidate is new, and how far it is from the incumbent."""
        history, values = now.history, self.values
        trial = self.context.selection.trial(history)
        self.take.disabled = trial is None
        self.take.description = "Start from trial" + ("" if trial is None else f" {trial.number}")
        twin = None
        if history.has_tried(values):
            twin = next(known for known in history.trials if known.values == values)
        if twin is not None:
            score = (
                "" if twin.score is None else f": {history.objective} {score_text(history, twin)}"
            )
            text = f"Trial {twin.number} is exactly this, {twin.status}{score}."
        elif history.incumbent is not None:
            differ = len(changed_values(history.incumbent.values, values))
            text = f"It is new. It differs from the incumbent in {differ} choices."
        else:
            text = "It is new."
        waiting = len(self.steer.queued)
        queue = f" {waiting} {'waits' if waiting == 1 else 'wait'} in the queue." if waiting else ""
        self._about.value = f"<p>{html.escape(text + queue)}</p>"

    def _take(self) -> None:
        trial = self.context.selection.trial(self.context.search.history)
        if trial is not None:
            self.set(trial.values)

    def _draw(self) -> None:
        self.set(self._domain.sample(np.random.default_rng()))

    def _changed(self) -> None:
        if not self._changing:
            self._show(self.values)
            self.context.on_input()

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
    """Returns the point with the wanted values as far as they are legal together, parents first."""
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
    if parameter.count <= _LONGEST_DROPDOWN:
        options = [(value_text(one), one) for one in parameter.values()]
        return widgets.Dropdown(options=options, value=value, **look)
    low, high = cast("float", parameter.low), cast("float", parameter.high)
    if parameter.kind is ParameterKind.INT:
        return widgets.BoundedIntText(value=value, min=low, max=high, **look)
    return widgets.BoundedFloatText(value=value, min=low, max=high, step=None, **look)


class StrategySection(SteerSection):
    """Lets another strategy propose from the next trial on."""

    title = "Change the strategy"

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.options = OptionsForm(lambda: None)
        now = context.search.strategy
        own = [] if now.name in STRATEGIES else [(now.name, now.name)]
        names = [*own, *strategies_offered()]
        self.name = widgets.Dropdown(options=names, value=now.name, **named("Strategy", 200))
        self.change = self.button("Change", self._change, 90)
        self.options.show(now)
        self.name.observe(lambda _: self._named(), "value")
        self._now = widgets.HTML()
        who = row(self.name, self.change, self._now)
        self.widget = self.arranged(widgets.VBox([who, self.options.widget]))

    def paint(self, now: Snapshot) -> None:
        """Says who proposes now."""
        self._now.value = f"<p>Now: {html.escape(now.strategy.name)}.</p>"

    def _named(self) -> None:
        self.do(self._show_options)

    def _show_options(self) -> None:
        name, now = self.name.value, self.context.search.strategy
        self.options.show(now if name == now.name else make_strategy(name))

    def _change(self) -> None:
        name = self.name.value
        if name not in STRATEGIES:
            raise StrategyError(
                f"'{name}' is a function of yours: change to it with `search.steer.strategy(...)`."
            )
        self.steer.strategy(name, **self.options.read())


class BudgetSection(SteerSection):
    """Raises or lowers what the search may spend; what its user leaves alone stays."""

    title = "Change the budget"

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.fields = LimitFields(limit for limit in LIMITS if limit.scope is LimitScope.SEARCH)
        self.change = self.button("Change", self._change, 90)
        self._now = widgets.HTML()
        self.widget = self.arranged(*self.fields.inputs.values(), self.change, self._now)
        self.fields.show(context.search.budget)

    def paint(self, now: Snapshot) -> None:
        """Says what may be spent now, in the fields too but for one that is being edited."""
        self.fields.show(now.budget)
        self._now.value = f"<p>Now: {html.escape(budget_text(now))}.</p>"

    def _change(self) -> None:
        self.steer.budget(**self.fields.edited())


class TrainingSection(SteerSection):
    """Stops the running trial, and grants epochs to the chosen one."""

    title = "Training"

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.stop = self.button("Stop this trial", self.steer.stop_trial, 170)
        self.epochs = widgets.BoundedIntText(value=10, min=1, max=10**6, **named("Epochs", 130))
        self.grant = self.button("Train trial longer", self._grant, 180)
        self.widget = self.arranged(self.stop, self.epochs, self.grant)

    def paint(self, now: Snapshot) -> None:
        """Names the trials that the buttons are about."""
        history = now.history
        running, trial = history.running, self.context.selection.trial(history)
        self.stop.description = (
            "Stop this trial" if running is None else f"Stop trial {running.number}"
        )
        self.stop.disabled = running is None
        number = "" if trial is None else f" {trial.number}"
        self.grant.description = f"Train trial{number} longer"
        self.grant.disabled = trial is None

    def _grant(self) -> None:
        trial = self.context.selection.trial(self.context.search.history)
        if trial is None:
            raise SearchError("Expected a trial to train longer: there is none yet.")
        self.steer.more_epochs(trial.number, self.epochs.value)


SECTIONS: tuple[type[SteerSection], ...] = (
    RestrictSection,
    CandidateSection,
    TrainingSection,
    StrategySection,
    BudgetSection,
)
"""What can be steered, from top to bottom."""


class SteerTab(Tab):
    """Everything that can be steered, and what was."""

    title = "Steer"

    def __init__(self, context: PanelContext) -> None:
        super().__init__(context)
        self.sections = [section(context) for section in SECTIONS]
        self._done = widgets.HTML()
        self.widget = widgets.VBox([*(section.widget for section in self.sections), self._done])

    def paint(self, now: Snapshot) -> None:
        """Brings every section, and the list of what was done, up to date."""
        for section in self.sections:
            section.paint(now)
        # Each action is in the journal, so a resumed search goes on as it was steered.
        self._done.value = steering_table(now.history, SHOWN)
