"""Narrowing the space: no more of this value, at least so many of that."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from nas_nb.errors import NasError
from nas_nb.notebook.layout import named, row
from nas_nb.notebook.steering.section import Section
from nas_nb.notebook.wording import by_number, size_text, value_text
from nas_nb.search.plan import with_rules
from nas_nb.space.restriction import Rule, RuleKind, names_meant, restrict

if TYPE_CHECKING:
    from nas_nb.notebook.tabs.tab import Desk
    from nas_nb.record.values import Value
    from nas_nb.space.domain import Domain

_LISTED = 40
_RULES = {
    "pin to": RuleKind.PIN,
    "leave out": RuleKind.WITHOUT,
    "at least": RuleKind.AT_LEAST,
    "at most": RuleKind.AT_MOST,
}


class NarrowSection(Section):
    """Rules about single choices, with what each would leave of the space, before it holds.

    Args:
        desk: What it works with.
    """

    title = "Narrow the space"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._domain = desk.search.space.domain
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
            control.observe(lambda _: desk.on_input(), "value")
        inputs = row(self.name, self.kind, self.value, self.apply, self.release)
        self.widget = self.arranged(inputs, self._left)

    def paint(self) -> None:
        """Says what is left of the space, and what the rule would leave of that."""
        rules = self.steer.rules
        key = (rules, self.name.value, self.kind.value, self.value.value)
        if key != self._previewed[0]:
            self._previewed = (key, self._preview(rules))
        self._left.value = f"<p>{html.escape(self._previewed[1])}</p>"
        self.release.disabled = not rules

    def _preview(self, rules: tuple[Rule, ...]) -> str:
        whole = self._domain.distinct.size
        left = restrict(self._domain, rules).distinct.size
        held = f" ({'; '.join(map(str, rules))})" if rules else ""
        text = f"{size_text(left)} of {_size(whole)} are left{held}." if rules else _all(whole)
        try:
            then = restrict(self._domain, with_rules(rules, [self._rule()])).distinct.size
        except NasError as error:
            return f"{text} {error}"
        return f"{text} The rule would leave {_size(then)}."

    def _rule(self) -> Rule:
        return Rule.read(_RULES[self.kind.value], self.name.value, self._meant())

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
        self.steer.release()

    def _renamed(self) -> None:
        self._offer_values()
        self.desk.on_input()

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
    """Returns the values that a choice, or the numbered choices of that name, may have.

    Empty for a long or continuous range.
    """
    meant = names_meant(domain, name)
    parameters = [parameter for parameter in domain.parameters if parameter.name in meant]
    if any(parameter.count > _LISTED for parameter in parameters):
        return []
    return list(dict.fromkeys(value for parameter in parameters for value in parameter.values()))


def _size(size: float) -> str:
    return "infinitely many" if math.isinf(size) else size_text(size).removesuffix(" architectures")


def _all(size: float) -> str:
    return f"All {size_text(size)} may be proposed."
