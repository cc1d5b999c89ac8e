"""The domain of DARTS's cells: a pair of inputs and two operations for every node."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from nas_nb.space.darts_costs import DartsSkeleton, flops, params
from nas_nb.space.darts_form import OPERATIONS, Cell, Step, canonical, depth, pairs
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

    def representative(self, values: Values) -> dict[str, Value]:
        """Returns the twin that comes first, where the domain has it; else the point itself."""
        point = self.canonical(values)
        first = self.point(*map(canonical, self.cells(point)))
        return first if self.contains(first) else point

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
        normal, reduce = (self._cell(kind, point) for kind in KINDS)
        return normal, reduce

    def point(self, normal: Cell, reduce: Cell) -> dict[str, Value]:
        """Returns the point of two cells."""
        values: dict[str, Value] = {}
        for kind, cell in zip(KINDS, (normal, reduce), strict=True):
            for number, (one, two) in enumerate(cell):
                values[f"{kind}_{number}_from"] = f"{one.state},{two.state}"
                values[f"{kind}_{number}_op_1"] = one.operation
                values[f"{kind}_{number}_op_2"] = two.operation
        return values

    def _cell(self, kind: str, point: Values) -> Cell:
        nodes = []
        for number in range(self.nodes):
            one, two = map(int, str(point[f"{kind}_{number}_from"]).split(","))
            operations = [str(point[f"{kind}_{number}_op_{n}"]) for n in (1, 2)]
            nodes.append((Step(operations[0], one), Step(operations[1], two)))
        return tuple(nodes)


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
