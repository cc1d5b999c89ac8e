"""One point of a search space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from nas_nb.space.graph import Layout, draw, lay_out, model_graph

if TYPE_CHECKING:
    import keras
    from matplotlib.axes import Axes

    from nas_nb.record.trial import Value, Values
    from nas_nb.space.search_space import SearchSpace


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
        if self == other:
            return {}
        mine, theirs = self._values, other.values
        names = [*mine, *(name for name in theirs if name not in mine)]
        pairs = {name: (mine.get(name), theirs.get(name)) for name in names}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    def symbolic_model(self) -> keras.Model:
        """Returns the model without weights: it can be looked at, not run."""
        from nas_nb.space.symbolic import WeightlessBuilder, undisturbed_random_state

        builder = WeightlessBuilder()
        with undisturbed_random_state():
            try:
                return builder.call(self.build)
            finally:
                builder.close()

    def __getitem__(self, name: str) -> Value:
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
