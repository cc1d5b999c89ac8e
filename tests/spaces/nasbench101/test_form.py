from __future__ import annotations

import itertools

import numpy as np
import pytest

from nas_nb.errors import SpaceError
from nas_nb.spaces.nasbench101_net import Cell, canonical, from_text, paths, pruned, to_text

# The Inception-like cell of the benchmark's own introduction.
TEXT = (
    "ModelSpec(matrix=[[0, 1, 1, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 1], "
    "[0, 0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0]], "
    "ops=['input', 'conv1x1-bn-relu', 'conv3x3-bn-relu', 'conv3x3-bn-relu', 'conv3x3-bn-relu', "
    "'maxpool3x3', 'output'])"
)
A, B = "conv3x3-bn-relu", "maxpool3x3"


def relabelled(cell: Cell, order: tuple[int, ...]) -> Cell | None:
    """The same cell with its inner vertices in another order, if edges still lead forward."""
    place = {0: 0, cell.last: cell.last}
    place |= {vertex: number for number, vertex in enumerate(order, start=1)}
    edges = sorted(((place[s], place[t]) for s, t in cell.edges), key=lambda edge: edge[::-1])
    if any(s > t for s, t in edges):
        return None
    return Cell(tuple(edges), tuple(cell.operations[vertex - 1] for vertex in order))


def every_cell(nodes: int) -> list[Cell]:
    pairs = [(s, t) for t in range(nodes) for s in range(t)]
    sets = itertools.product((False, True), repeat=len(pairs))
    graphs = [tuple(itertools.compress(pairs, chosen)) for chosen in sets]
    labels = list(itertools.product((A, B), repeat=nodes - 2))
    return [Cell(graph, label) for graph in graphs for label in labels]


def test_published_form_is_read_and_written() -> None:
    assert to_text(from_text(TEXT)) == TEXT
    assert from_text(f"cell = {TEXT}").operations.count("conv3x3-bn-relu") == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense(", r"an architecture like ModelSpec\(matrix="),
        ("__import__('os').system('true')", "an architecture like ModelSpec"),
        ("ModelSpec(matrix=[[0]])", "matrix, ops by name. Received: matrix"),
        ("ModelSpec(matrix=[[0, 1], [1, 0]], ops=['input', 'output'])", "above the diagonal"),
        ("ModelSpec(matrix=[[0, 1]], ops=['input', 'output'])", "square matrix"),
        ("ModelSpec(matrix=[[0, 1], [0, 0]], ops=['input'])", "for each of its rows"),
        (TEXT.replace("conv1x1-bn-relu", "conv1x1"), "Did you mean 'conv1x1-bn-relu'"),
    ],
)
def test_other_text_is_refused_and_never_run(text: str, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        from_text(text)


def test_what_is_on_no_way_is_pruned() -> None:
    dangling = Cell(((0, 1), (0, 2), (2, 3), (1, 4)), (A, B, A))
    assert pruned(dangling) == Cell(((0, 1), (1, 2)), (A,))
    assert pruned(Cell(((0, 1), (2, 3)), (A, B))) is None
    assert pruned(Cell(((0, 1),), ())) == Cell(((0, 1),), ())


def test_canonical_form_is_equal_for_isomorphic_cells_and_for_no_others() -> None:
    cells = {small for cell in every_cell(5)[::3] if (small := pruned(cell)) is not None}
    classes: dict[Cell, set[Cell]] = {}
    for cell in cells:
        orders = itertools.permutations(range(1, cell.last))
        alike = {twin for order in orders if (twin := relabelled(cell, order))}
        assert {canonical(twin) for twin in alike} == {canonical(cell)}
        assert canonical(cell) in alike
        classes.setdefault(canonical(cell), set()).update(alike)
    assert sum(map(len, classes.values())) == len(set().union(*classes.values()))


def test_large_cells_of_one_operation_keep_their_form_in_any_order() -> None:
    rng = np.random.default_rng(0)
    pairs = [(s, t) for t in range(7) for s in range(t)]
    for _ in range(30):
        cell = pruned(Cell(tuple(pair for pair in pairs if rng.random() < 0.4), (A,) * 5))
        for _ in range(20 if cell else 0):
            order = tuple((1 + rng.permutation(cell.last - 1)).tolist())
            twin = relabelled(cell, order)
            assert twin is None or canonical(twin) == canonical(cell)


def test_ways_name_the_operations_between_input_and_output() -> None:
    cell = Cell(((0, 1), (0, 2), (1, 2), (0, 3), (2, 3)), (A, B))
    assert sorted(paths(cell)) == [(), (A, B), (B,)]
