"""Random search and grid search."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.strategy.base import Candidate, SpaceExhausted, Strategy, option, sample_new

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.record.trial import Value, Values

BLIND = "goes by no objective, so {score} and {costs} count alike"


@dataclass(frozen=True)
class RandomSearch(Strategy):
    """Draws architectures at random, each at most once.

    Use it as the baseline that every other strategy has to beat, to get an unbiased picture of a
    space, or when all trials run at once. Don't use it when trials are dear: it learns nothing
    from the scores.

    Paper: Bergstra & Bengio, Random Search for Hyper-Parameter Optimization, JMLR 13, 2012.
    """

    name: ClassVar[str] = "random"
    learns: ClassVar[bool] = False
    several: ClassVar[str] = BLIND

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns a random architecture that was never tried."""
        return sample_new(self.domain, history, rng)


@dataclass(frozen=True)
class Grid(Strategy):
    """Goes through the points of the space, in random order or one after the other.

    Use it for a space that is small enough to be tried in full. Don't use it for any other: before
    its end it is a random search with fewer values.

    Cut short, a grid in order has seen one corner; therefore it is shuffled, as Optuna's is.
    KerasTuner's goes in order, the last parameter changing fastest: so does this one without
    `shuffle`, going on after the latest trial that it proposed itself. Continuous parameters are
    tried at `points` values, evenly spread on their own scale, both ends included.
    """

    name: ClassVar[str] = "grid"
    learns: ClassVar[bool] = False
    several: ClassVar[str] = BLIND

    points: int = option(10, "How many values of a continuous parameter are tried.", low=2)
    shuffle: bool = option(True, "Whether the order is random.")

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns an untried point: a random one, or the next in order."""
        if self.shuffle:
            try:
                return sample_new(self._grid, history, rng)
            except SpaceExhausted:
                raise self._exhausted() from None
        for point in self._in_order(history):
            values = self.domain.canonical(point)
            if not history.has_tried(values):
                return Candidate(values, "drawn")
        raise self._exhausted()

    def _exhausted(self) -> SpaceExhausted:
        size, finer = self._grid.size, ""
        if self._grid is not self.domain:
            finer = ", or take more `points` of its continuous parameters,"
        tried = "The only architecture" if size == 1 else f"All {size} architectures"
        return SpaceExhausted(
            f"{tried} of the grid {'has' if size == 1 else 'have'} been tried. The search is "
            f"complete: widen the space{finer} to go on."
        )

    def _in_order(self, history: History) -> Iterator[Values]:
        """Yields the points after the last one of the grid, then the ones before it."""
        mine = (t.values for t in reversed(history.trials) if t.origin == self.name)
        last = next((values for values in mine if self._grid.contains(values)), None)
        if last is not None:
            yield from self._place.following(last)
        yield from self._grid.enumerate()

    @cached_property
    def _place(self) -> _Place:
        return _Place(self._grid)

    @cached_property
    def _grid(self) -> Domain:
        """The space, with lists of values in place of its continuous parameters."""
        if self.domain.size != float("inf"):
            return self.domain
        return Domain(tuple(self._listed(parameter) for parameter in self.domain.parameters))

    def _listed(self, parameter: Parameter) -> Parameter:
        if parameter.count != float("inf"):
            return parameter
        asked = [
            float(value)
            for other in self.domain.parameters
            for condition in other.conditions
            if condition.parent == parameter.name
            for value in condition.values
        ]
        line, last = parameter.range.off_grid, self.points - 1
        ends = [line.from_unit(number / last) for number in range(self.points)]
        listed = tuple(sorted({*map(float, ends), *filter(parameter.contains, asked)}))
        return dataclasses.replace(
            parameter,
            kind=ParameterKind.CHOICE,
            choices=listed,
            low=None,
            high=None,
            step=None,
            log=False,
            reverse=False,
            default=None,
        )


class _Place:
    """Caches where the walk through a grid stands: finding it again may take a second."""

    def __init__(self, grid: Domain) -> None:
        self.grid = grid
        self._last: Values | None = None
        self._rest: Iterator[dict[str, Value]] = iter(())

    def following(self, last: Values) -> Iterator[Values]:
        """Yields the points after `last`, in order."""
        if self._last != last:
            self._rest = self.grid.enumerate(after=last)
        for point in self._rest:
            self._last = dict(point)
            yield point
