"""The domain of NAS-Bench-201's cells: which are twins, and what is known of each for nothing."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from nas_nb.space.cell_costs import Skeleton, flops, params
from nas_nb.space.cell_form import (
    CONV_1X1,
    CONV_3X3,
    OPERATIONS,
    edge_name,
    edges,
    live_edges,
    node_string,
    nodes_of,
    term_string,
    unique_string,
)
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.space.twins import TwinDomain

if TYPE_CHECKING:
    from nas_nb.record.values import Value, Values

Cell = tuple[str, ...]


@dataclass(frozen=True)
class CellDomain(TwinDomain):
    """The cells of a skeleton: one choice an edge; isomorphic cells are twins.

    Of twins the first in the published order of operations stands for all: the one with `none`
    on edges that lead nowhere.

    Attributes:
        skeleton: Where the cells stand; it sets the costs.
    """

    skeleton: Skeleton

    def key(self, point: Values) -> str:
        """Returns NATS-Bench's unique string, which isomorphic cells share."""
        return unique_string(operations_of(point))

    def standing_for(self, point: Values) -> dict[str, Value]:
        """Returns the isomorphic cell that comes first."""
        return dict(zip(point, self._twins[operations_of(point)], strict=True))

    def count_distinct(self) -> int:
        """Returns how many cells are not isomorphic."""
        return len(set(self._twins.values()))

    def features(self, values: Values) -> dict[str, float]:
        """Returns logarithms of the costs, paths, convolutions in a row, counts of operations."""
        cell = operations_of(self.representative(values))
        live = live_edges(cell)
        last = nodes_of(len(cell)) - 1
        paths, depth = [1] + [0] * last, [0] * (last + 1)
        for (source, target), operation in live.items():
            paths[target] += paths[source]
            depth[target] = max(depth[target], depth[source] + (operation in (CONV_1X1, CONV_3X3)))
        counts = Counter(live.values())
        return {
            "log_params": math.log(params(cell, self.skeleton)),
            "log_flops": math.log(flops(cell, self.skeleton)),
            "paths": float(paths[-1]),
            "depth": float(depth[-1]),
            **{f"count_{name}": float(counts[name]) for name in OPERATIONS[1:]},
        }

    @property
    def _twins(self) -> Mapping[Cell, Cell]:
        return twin_table(tuple(cast(Cell, p.choices) for p in self.parameters))


def cell_parameters(nodes: int, operations: Sequence[str]) -> tuple[Parameter, ...]:
    """Returns a choice of an operation for each edge."""
    kind = ParameterKind.CHOICE if len(operations) > 1 else ParameterKind.FIXED
    return tuple(
        Parameter(edge_name(edge), kind, choices=tuple(operations)) for edge in edges(nodes)
    )


def operations_of(point: Values) -> Cell:
    """Returns the operations of a canonical point, one an edge, in order."""
    return tuple(cast("Mapping[str, str]", point).values())


@lru_cache(maxsize=8)
def twin_table(choices: tuple[Cell, ...]) -> dict[Cell, Cell]:
    """Returns, for each cell with these choices an edge, the isomorphic cell that comes first."""
    first: dict[str, Cell] = {}
    return {
        cell: first.setdefault(text, cell) for cell, text in _cells(choices, nodes_of(len(choices)))
    }


def _cells(choices: tuple[Cell, ...], nodes: int) -> Iterator[tuple[Cell, str]]:
    """Yields every cell in order, with its unique string.

    The strings of all nodes but the last are shared by the cells that begin alike.
    """
    inner = (nodes - 1) * (nodes - 2) // 2
    ends = list(itertools.product(*choices[inner:]))
    for start in itertools.product(*choices[:inner]):
        strings = ["0"]
        terms = iter(start)
        for target in range(1, nodes - 1):
            strings.append(node_string(strings[:target], terms))
        brought = [
            {operation: term_string(text, operation) for operation in options}
            for text, options in zip(strings, choices[inner:], strict=True)
        ]
        for end in ends:
            sums = sorted([by[operation] for by, operation in zip(brought, end, strict=True)])
            yield start + end, "+".join(sums)
