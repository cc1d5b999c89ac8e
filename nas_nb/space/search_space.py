"""`SearchSpace`, a `kt.HyperModel`, and `Architecture`, one point of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import keras
import keras_tuner as kt
import numpy as np

from nas_nb.data.dataset import DataSpec
from nas_nb.errors import SpaceError, check_type
from nas_nb.record.trial import changed_values
from nas_nb.space.chain_space import ChainSpace
from nas_nb.space.definition import (
    SpaceDefinition,
    WeightlessBuilder,
    fresh_names,
    undisturbed_random_state,
)
from nas_nb.space.domain import size_text
from nas_nb.space.encoding import Encoding
from nas_nb.space.graph import Layout, domain_graph, draw, lay_out, model_graph
from nas_nb.space.hyperparameters import to_hyperparameters
from nas_nb.space.restriction import Rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from nas_nb.record.trial import Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Condition, Parameter


_A_POINT = "an architecture, such as space.sample(rng)"
_VALUES = "a dictionary of choices"


class Architecture:
    """One point of a search space: immutable, hashable, equal where it means the same model.

    Choices that don't count are dropped, so they make no difference; nor does it matter by which
    of several isomorphic cells an architecture is written.

    It is made by `SearchSpace.architecture`, `.sample` or `.neighbours`.

    Args:
        space: The space it is a point of.
        values: Its choices. Values that don't count, given the others, are dropped.

    Raises:
        SpaceError: The values aren't a point of the space.

    Example:
        >>> one = space.sample(np.random.default_rng(0))
        >>> one["depth"], one.build().count_params()
        (2, 5258)
    """

    __slots__ = ("_key", "_space", "_values")

    def __init__(self, space: SearchSpace, values: Values) -> None:
        self._space = space
        self._values = MappingProxyType(space.domain.canonical(values))
        self._key = space.domain.key(self._values)

    @property
    def space(self) -> SearchSpace:
        """The space it is a point of."""
        return self._space

    @property
    def values(self) -> Mapping[str, Value]:
        """Its choices, active ones only, in the space's order. Can't be changed."""
        return self._values

    @property
    def key(self) -> str:
        """Text that is the same for equal architectures."""
        return self._key

    def build(self) -> keras.Model:
        """Returns a new compiled model of it, with weights drawn anew."""
        return self._space.build_values(self._values)

    @property
    def published_form(self) -> str:
        """Its published form, such as NAS-Bench-201's string; its key where there is none."""
        return self._space.definition.write(self._values) or self._key

    @property
    def costs(self) -> dict[str, int]:
        """Its costs by name that are known without a model; empty for most spaces."""
        return self._space.definition.costs(self._values)

    def summary(self) -> str:
        """Returns its choices and, below, Keras's table of its layers.

        The model is built without weights, in the time that takes.

        Raises:
            SpaceError: The space needs data and has none.
        """
        width = max(map(len, self._values))
        lines = [f"{name:{width}}  {value}" for name, value in self._values.items()]
        self.symbolic_model().summary(print_fn=lines.append)
        return "\n".join(lines)

    def layout(self) -> Layout:
        """Returns the boxes and arrows of its picture: of the cell, or of its model's layers."""
        graph = self._space.definition.graph(self._values)
        return lay_out(model_graph(self.symbolic_model()) if graph is None else graph)

    def diagram(self, ax: Axes | None = None) -> Axes:
        """Draws it, and returns the Axes.

        Args:
            ax: Where to draw. Default: a new figure, which the running cell shows.

        Raises:
            SpaceError: The space needs data to build a model, and has none.
        """
        return draw(self.layout(), ax)

    def diff(self, other: Architecture) -> dict[str, tuple[Value | None, Value | None]]:
        """Returns the choices that differ: (mine, the other's) by name; None for one not made.

        Isomorphic cells don't differ.

        Args:
            other: An architecture of the same space.
        """
        check_type("other", other, Architecture, _A_POINT, error=SpaceError)
        return {} if self == other else changed_values(self._values, other.values)

    def symbolic_model(self) -> keras.Model:
        """Returns the model without weights: it can be looked at, not run."""
        builder = WeightlessBuilder()
        with undisturbed_random_state():
            try:
                return builder.call(self.build)
            finally:
                builder.close()

    def __getitem__(self, name: str) -> Value:
        if not isinstance(name, str) or name not in self._values:
            raise SpaceError(
                f"Expected a choice that the architecture makes. Received: {name!r:.200}. They are "
                f"{', '.join(self._values)}."
            )
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Architecture):
            return NotImplemented
        return self._key == other._key and self._space == other._space

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"Architecture({', '.join(f'{name}={v!r}' for name, v in self._values.items())})"


class SearchSpace(kt.HyperModel):
    """A set of architectures.

    It is a KerasTuner HyperModel, so every tuner of KerasTuner takes it, and it answers questions
    about its architectures without building them.

    Args:
        build: A function ``build(hp)`` that returns a compiled model, a `kt.HyperModel`, or a
            `SpaceDefinition` (one of the package's own spaces).
        name: A name for it. Default: none.

    Raises:
        SpaceError: `build` is none of these, or it fails with its default values.

    Example:
        >>> space = SearchSpace.from_dict({"layers": ["Dense"], "units": [32, 64],
        ...                                "activations": ["relu"], "depth": [1, 2]})
        >>> space.size
        6
    """

    def __init__(
        self,
        build: Callable[[kt.HyperParameters], keras.Model] | kt.HyperModel | SpaceDefinition,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.definition = build if isinstance(build, SpaceDefinition) else _discovered(build)
        if self.definition.rules.listed:
            _ = self.definition.domain  # a rule that makes no sense is refused here

    @classmethod
    def from_dict(cls, choices: Mapping[str, Any], *, name: str | None = None) -> SearchSpace:
        """Makes the space of chains of layers that a dictionary of choices describes.

        Args:
            choices: ``"layers"``, ``"units"`` and ``"activations"``, each a list; optionally
                ``"depth"``, ``"optimizer"``, ``"learning_rate"``, and more: see the page on spaces.
            name: A name for the space. Default: none.

        Raises:
            SpaceError: A key or a value is unknown, or a list is empty.
        """
        return cls(ChainSpace.from_dict(choices), name=name)

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any]) -> SearchSpace:
        """Makes the space that a `recipe` describes."""
        if not isinstance(recipe, Mapping):
            raise SpaceError(f"Expected the `recipe` of a space. Received: {recipe!r:.200}.")
        rules = Rules.from_json(recipe.get("rules") or {})
        return cls(replace(ChainSpace.from_recipe(recipe), rules=rules))

    @property
    def recipe(self) -> dict[str, Any] | None:
        """What makes the space again, as JSON; None where that needs code of the user's."""
        recipe, rules = self.definition.recipe, self.definition.rules
        return {**recipe, "rules": rules.to_json()} if recipe and rules.listed else recipe

    @property
    def domain(self) -> Domain:
        """The legal values."""
        return self.definition.domain

    @property
    def size(self) -> int | float:
        """How many architectures there are: an exact int, or ``math.inf``."""
        return self.domain.size

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draws an architecture: each choice on its own, parents first."""
        wanted = "NumPy's, such as np.random.default_rng(0)"
        check_type("rng", rng, np.random.Generator, wanted, error=SpaceError)
        return self.architecture(self.domain.sample(rng))

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Draws an architecture that differs in a single active choice."""
        check_type("architecture", architecture, Architecture, _A_POINT, error=SpaceError)
        return self.architecture(self.domain.mutate(architecture.values, rng))

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """Lists the architectures that differ from one in a single active choice."""
        check_type("architecture", architecture, Architecture, _A_POINT, error=SpaceError)
        return [self.architecture(values) for values in self.domain.neighbours(architecture.values)]

    def contains(self, candidate: Architecture | Values) -> bool:
        """Says whether an architecture, or its values, belongs to the space."""
        values = candidate.values if isinstance(candidate, Architecture) else candidate
        return isinstance(values, Mapping) and self.domain.contains(values)

    def architecture(self, values: Values | str) -> Architecture:
        """Returns the architecture with these values.

        Args:
            values: Its choices by name; for cells also their published string.

        Raises:
            SpaceError: An active value is missing or illegal, or a name is unknown.
        """
        known = self.definition.read(values) if isinstance(values, str) else values
        check_type("values", known, Mapping, _VALUES, error=SpaceError)
        return Architecture(self, known)

    def distance(self, one: Architecture, other: Architecture) -> float:
        """Returns in how many choices two architectures differ; near values differ by less than 1.

        See `Domain.distance`.
        """
        for name, point in (("one", one), ("other", other)):
            check_type(name, point, Architecture, _A_POINT, error=SpaceError)
        return self.domain.distance(one.values, other.values)

    def encode(self, architecture: Architecture, form: str = "choices") -> np.ndarray:
        """Returns the architecture as a row of numbers, as long for every one of the space.

        Args:
            architecture: One of the space. Equal ones have equal rows.
            form: ``"choices"``: a block of columns a choice, so scaled that squared distances
                mean something (see `nas_nb.space.encoding.Encoding`). ``"paths"``: of cells, a 1
                for each way from input to output. Default: choices.

        Raises:
            SpaceError: There is no such form.
        """
        check_type("architecture", architecture, Architecture, _A_POINT, error=SpaceError)
        check_type("form", form, str, "'choices' or 'paths'", error=SpaceError)
        point = self.domain.representative(architecture.values)
        if form == "paths":
            return self.definition.path_code(point)
        if form != "choices":
            raise SpaceError(f"Expected the form 'choices' or 'paths'. Received: {form!r}.")
        row: np.ndarray = self._encoding.rows([point])[0]
        return row

    def subspace(
        self,
        pin: Mapping[str, Value | Sequence[Value]] | None = None,
        without: Mapping[str, Value | Sequence[Value]] | None = None,
        at_least: Mapping[str, float] | None = None,
        at_most: Mapping[str, float] | None = None,
    ) -> SearchSpace:
        """Returns a part of the space, in the words of `search.steer`.

        What numbered choices share names them all: ``units`` is ``units_1``, ``units_2``, ...

        Args:
            pin: The value, or the only values, of choices: ``{"optimizer": "adam"}``.
            without: Values that are left out: ``{"layer_1": "Dense"}``; one, or a list.
            at_least: The smallest number that may be chosen: ``{"units": 64}``.
            at_most: The largest number that may be chosen.

        Raises:
            SpaceError: A name is unknown, a value is illegal, or nothing is left of a choice.

        Example:
            >>> cell().subspace(without={"edge": "none"}).size
            4096
        """
        new = Rules.read(pin=pin, without=without, at_least=at_least, at_most=at_most)
        rules = self.definition.rules.narrowed(new)
        return SearchSpace(replace(self.definition, rules=rules), name=self.name)

    @cached_property
    def _encoding(self) -> Encoding:
        return Encoding(self.domain)

    def for_data(self, spec: DataSpec) -> SearchSpace:
        """Returns the space for data of this shape and task; itself where that is no matter.

        Raises:
            SpaceError: Nothing in the space can take such data.
        """
        check_type("spec", spec, DataSpec, "`data.spec` of a nas.Data", error=SpaceError)
        bound = self.definition.for_data(spec)
        return self if bound is self.definition else SearchSpace(bound, name=self.name)

    def build_values(self, values: Values) -> keras.Model:
        """Returns a new compiled model of the architecture with these values.

        Raises:
            SpaceError: The values aren't legal, or the space needs data and has none.
        """
        check_type("values", values, Mapping, _VALUES, error=SpaceError)
        with fresh_names():
            return self.definition.build(self.domain.canonical(values))

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        """Returns a new compiled model for `hp`, as KerasTuner asks for it.

        Parameters that `hp` doesn't know are added to it, with their defaults.
        """
        check_type("hp", hp, kt.HyperParameters, "KerasTuner's", error=SpaceError)
        self.declare_hyperparameters(hp)
        given = {name: hp.values[name] for name in self.domain.names if name in hp.values}
        return self.definition.build(self.domain.complete(given))

    def fit(self, hp: kt.HyperParameters, model: keras.Model, *args: Any, **options: Any) -> Any:
        """Trains the model as KerasTuner asks for it; as the user's own HyperModel says, if any."""
        own = self.definition.hypermodel
        if own is not None:
            return own.fit(hp, model, *args, **options)
        return super().fit(hp, model, *args, **options)

    def declare_hyperparameters(self, hp: kt.HyperParameters) -> None:
        """Adds every parameter to `hp`, so that no tuner has to build models to find them."""
        check_type("hp", hp, kt.HyperParameters, "KerasTuner's", error=SpaceError)
        hp.merge(to_hyperparameters(self.domain), overwrite=False)

    def describe(self) -> str:
        """Returns the space as text: its size, and a line for each parameter."""
        return describe_domain(self.domain)

    def diagram(self, ax: Axes | None = None) -> Axes:
        """Draws the parameters, their ranges and which depend on which; returns the Axes.

        Args:
            ax: Where to draw. Default: a new figure, which the running cell shows.
        """
        return draw(lay_out(domain_graph(self.domain)), ax)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SearchSpace):
            return NotImplemented
        mine, theirs = self.definition, other.definition
        return self is other or (mine.identity, mine.rules) == (theirs.identity, theirs.rules)

    def __hash__(self) -> int:
        return hash((self.definition.identity, self.definition.rules))

    def __repr__(self) -> str:
        return f"SearchSpace({len(self.domain.names)} parameters, {size_text(self.size)})"


def has_own_fit(hypermodel: Any) -> bool:
    """Whether a HyperModel, if it is one, trains models by a `fit` of its own."""
    if isinstance(hypermodel, SearchSpace):
        return has_own_fit(hypermodel.definition.hypermodel)
    own = getattr(hypermodel, "fit", None)
    return own is not None and getattr(own, "__func__", own) is not kt.HyperModel.fit


def _discovered(build: object) -> SpaceDefinition:
    from nas_nb.space.hypermodel import HyperModelSpace

    received = f"{build!r} (of type {type(build).__name__})"
    remedy = "A dictionary makes a space through SearchSpace.from_dict."
    if isinstance(build, keras.Model):
        received = "a model"
        remedy = "Build it in a function of hp, which says what may differ."
    elif isinstance(build, type) and issubclass(build, kt.HyperModel):
        received, remedy = f"the class {build.__name__}", f"Give an instance: {build.__name__}()."
    elif callable(build) or isinstance(build, kt.HyperModel):
        return HyperModelSpace(build)
    raise SpaceError(
        f"Expected a build(hp) function or a HyperModel. Received: {received}. {remedy}"
    )


def describe_domain(domain: Domain) -> str:
    """Returns a line with the size, then a line for each name: its values, and their condition."""
    parameters = "parameter" if len(domain.names) == 1 else "parameters"
    head = f"{size_text(domain.size)}, {len(domain.names)} {parameters}"
    named: dict[str, list[Parameter]] = {name: [] for name in domain.names}
    for parameter in domain.parameters:
        named[parameter.name].append(parameter)
    single = [p[0].range_text() for p in named.values() if len(p) == 1]
    widths = max(map(len, named)), max(map(len, single), default=0)
    lines = []
    for name, own in named.items():
        width = widths[1] if len(own) == 1 else 0
        ranges = (f"{p.range_text():{width}}  {_condition_text(p, named)}".rstrip() for p in own)
        lines.append(f"{name:{widths[0]}}  {'; '.join(ranges)}")
    return "\n".join([head, "", *lines])


def _condition_text(parameter: Parameter, named: Mapping[str, Sequence[Parameter]]) -> str:
    parts = [f"{c.parent} is {_alternatives(c, named[c.parent])}" for c in parameter.conditions]
    return f"if {' and '.join(parts)}" if parts else ""


def _alternatives(condition: Condition, parents: Sequence[Parameter]) -> str:
    *first, last = condition.values
    if len(first) > 2 and parents[0].is_ordered and parents[0].count < math.inf:
        every = list(parents[0].values())
        if first[0] in every and tuple(every[every.index(first[0]) :][: len(first) + 1]) == (
            condition.values
        ):
            return f"{first[0]} to {last}"
    return f"{', '.join(map(str, first))} or {last}" if first else str(last)
