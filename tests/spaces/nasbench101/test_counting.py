from __future__ import annotations

import itertools

import pytest

from nas_nb.spaces.nasbench101_net import (
    Cell,
    canonical,
    count_distinct,
    count_graphs,
    every_choice,
    pruned,
)


def listed(vertices: int) -> list[Cell | None]:
    last = vertices + 1
    pairs = [(s, t) for t in range(last + 1) for s in range(t)]
    sets = itertools.product((False, True), repeat=len(pairs))
    return [
        pruned(Cell(tuple(itertools.compress(pairs, chosen)), ("",) * vertices)) for chosen in sets
    ]


def test_there_are_423624_cells_as_published() -> None:
    assert count_distinct(5, 9, 3) == 423_624


@pytest.mark.parametrize("most_edges", [4, 6, 9])
@pytest.mark.parametrize("vertices", [0, 1, 2, 3])
def test_counts_are_those_of_a_list(vertices: int, most_edges: int) -> None:
    legal = [cell for cell in listed(vertices) if cell and len(cell.edges) <= most_edges]
    assert count_graphs(vertices, every_choice(vertices), most_edges) == len(legal)
    labels = ("a", "b")
    cells = {
        canonical(Cell(graph.edges, names))
        for graph in set(legal)
        for names in itertools.product(labels, repeat=len(graph.operations))
    }
    assert count_distinct(vertices, most_edges, len(labels)) == len(cells)
