"""The domain of DARTS's cells: a pair of inputs and two operations for every node."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, cast

from nas_nb.space.darts_costs import DartsSkeleton, flops, params
from nas_nb.space.darts_form import INPUTS, OPERATIONS, Cell, Node, canonical, depth, node_of, pairs
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.space.twins import TwinDomain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nas_nb.record.values import Value, Values

KINDS = ("normal", "reduce")


@dataclass(frozen=True)
class DartsDomain(TwinDomain):
    """Two cells, one that keeps height and width and one that halves them.

    For each node, from 0, the values are ``normal_0_from``, the two states that it takes
    (``"0,1"``), and ``normal_0_op_1``, ``normal_0_op_2``, what is done to them. Cells whose nodes
    are numbered in another order are twins.

    Attributes:
        nodes: Nodes of each cell.
        skeleton: Where the cells stand; it sets the costs.
    """

    nodes: int
    skeleton: DartsSkeleton

    def key(self, point: Values) -> str:
        """Returns the cells with their nodes in an order that doesn't depend on their numbers."""
        return str(tuple(canonical(cell) for cell in self.cells(point)))

    def standing_for(self, point: Values) -> dict[str, Value]:
        """Returns the twin that comes first, where the domain has it; else the point itself."""
        first = self.point(*map(canonical, self.cells(point)))
        return first if self.is_whole or self.contains(first) else dict(point)

    def count_distinct(self) -> int:
        """Returns the number of points: it is an upper bound, since twins are not counted out."""
        return cast(int, Domain(self.parameters).size)

    def features(self, values: Values) -> dict[str, float]:
        """Returns logarithms of the costs; of both cells the depth and counts of operations."""
        cells = self.cells(self.canonical(values))
        facts = {
            "log_params": math.log(params(*cells, self.skeleton)),
            "log_flops": math.log(flops(*cells, self.skeleton)),
        }
        facts |= {f"depth_{kind}": float(depth(c)) for kind, c in zip(KINDS, cells, strict=True)}
        for kind, cell in zip(KINDS, cells, strict=True):
            counts = Counter(step.operation for node in cell for step in node)
            facts |= {f"{kind}_{name}": float(counts[name]) for name in OPERATIONS}
        return facts

    def cells(self, point: Values) -> tuple[Cell, Cell]:
        """Returns the normal and the reducing cell of a point."""
        values = tuple(str(point[name]) for name in self.names)
        half = len(values) // 2
        return _read(values[:half]), _read(values[half:])

    def point(self, normal: Cell, reduce: Cell) -> dict[str, Value]:
        """Returns the point of two cells."""
        return dict(zip(self.names, _written(normal) + _written(reduce), strict=True))

    @cached_property
    def is_whole(self) -> bool:
        """Whether every pair of inputs is there, and every edge has the same choice."""
        pairs_there = all(
            parameter.count == math.comb(place % self.nodes + INPUTS, 2)
            for place, parameter in enumerate(self.parameters[::3])
        )
        choices = {p.choices for n in (1, 2) for p in self.parameters[n::3]}
        return pairs_there and len(choices) == 1


def darts_parameters(nodes: int, operations: Sequence[str]) -> tuple[Parameter, ...]:
    """Returns the choices of two cells with so many nodes."""
    choices = []
    for kind, number in itertools.product(KINDS, range(nodes)):
        name = f"{kind}_{number}"
        choices.append((f"{name}_from", pairs(number)))
        choices += [(f"{name}_op_{n}", tuple(operations)) for n in (1, 2)]
    return tuple(
        Parameter(
            name,
            ParameterKind.CHOICE if len(values) > 1 else ParameterKind.FIXED,
            choices=values,
        )
        for name, values in choices
    )


@lru_cache(maxsize=1 << 14)
def _read(values: tuple[str, ...]) -> Cell:
    """Returns the cell of the values of one kind."""
    return tuple(map(_read_node, *(values[n::3] for n in range(3))))


@lru_cache(maxsize=1 << 12)
def _read_node(states: str, one: str, other: str) -> Node:
    first, second = map(int, states.split(","))
    return node_of(one, first, other, second)


@lru_cache(maxsize=1 << 14)
def _written(cell: Cell) -> tuple[str, ...]:
    """Returns the values of a cell."""
    nodes = ((f"{a.state},{b.state}", a.operation, b.operation) for a, b in cell)
    return tuple(itertools.chain.from_iterable(nodes))
