"""NAS-Bench-101: a cell's graph, its costs, its Keras layers, and how many cells there are.

Paper: Ying, Klein, Christiansen, Real, Murphy & Hutter, NAS-Bench-101: Towards Reproducible Neural
Architecture Search, ICML 2019, section 2.1.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np

from nas_nb.errors import SpaceError, nearest
from nas_nb.spaces.ready_space import normalise, parse_literal_call

if TYPE_CHECKING:
    from nas_nb.spaces.ready_space import Skeleton


CONV_3X3, CONV_1X1, MAX_POOL = OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
"""The operations of a vertex, by their published names and in the published order."""

Edge = tuple[int, int]

_EXAMPLE = (
    "ModelSpec(matrix=[[0, 1, 1], [0, 0, 1], [0, 0, 0]], "
    "ops=['input', 'conv3x3-bn-relu', 'output'])"
)


class Cell(NamedTuple):
    """A cell: vertex 0 is its input, the last one its output."""

    edges: tuple[Edge, ...]  # (from, to) with from < to, in the order of `to`
    operations: tuple[str, ...]  # of the inner vertices, in order

    @property
    def last(self) -> int:
        """The number of the output."""
        return len(self.operations) + 1


@lru_cache(maxsize=1 << 14)
def pruned(cell: Cell) -> Cell | None:
    """Returns the cell without what is on no way from input to output; None if there is no way."""
    forth, back = {0}, {cell.last}
    for source, target in cell.edges:
        if source in forth:
            forth.add(target)
    for source, target in reversed(cell.edges):
        if target in back:
            back.add(source)
    live = sorted(forth & back)
    if len(live) < 2:
        return None
    if len(live) == cell.last + 1:
        return cell
    place = {vertex: number for number, vertex in enumerate(live)}
    edges = tuple((place[s], place[t]) for s, t in cell.edges if s in place and t in place)
    return Cell(edges, tuple(cell.operations[vertex - 1] for vertex in live[1:-1]))


@lru_cache(maxsize=1 << 14)
def canonical(cell: Cell) -> Cell:
    """Returns the isomorphic cell that stands for all."""
    # As in the paper's hash (section 2.1 and code), a vertex is told apart by its operation and,
    # again and again, by what its neighbours are told apart by. Vertices that still look alike are
    # tried in every order. They are sorted by their distance from the input first: every such order
    # runs along the edges.
    groups = _alike(cell)
    orders = itertools.product(*map(itertools.permutations, groups))
    return min(_renumbered(cell, [v for group in order for v in group]) for order in orders)


def _alike(cell: Cell) -> list[list[int]]:
    """Returns the inner vertices, those that look alike together, in an order that is invariant."""
    into: list[list[int]] = [[] for _ in range(cell.last + 1)]
    out: list[list[int]] = [[] for _ in range(cell.last + 1)]
    for source, target in cell.edges:
        into[target].append(source)
        out[source].append(target)
    depth = [0]
    for vertex in range(1, cell.last + 1):
        depth.append(1 + max(depth[source] for source in into[vertex]))
    labels = ["", *cell.operations, ""]
    looks: list[Any] = list(zip(depth, labels, strict=True))
    while True:
        ranks = {look: rank for rank, look in enumerate(sorted(set(looks)))}
        looks = [ranks[look] for look in looks]
        finer = [
            (looks[v], sorted(looks[s] for s in into[v]), sorted(looks[t] for t in out[v]))
            for v in range(cell.last + 1)
        ]
        looks = [(look, tuple(before), tuple(after)) for look, before, after in finer]
        if len(set(looks)) == len(ranks):
            break
    inner = sorted(range(1, cell.last), key=lambda vertex: looks[vertex])
    return [list(group) for _, group in itertools.groupby(inner, key=lambda v: looks[v])]


def _renumbered(cell: Cell, order: Sequence[int]) -> Cell:
    place = {0: 0, cell.last: cell.last}
    place |= {vertex: number for number, vertex in enumerate(order, start=1)}
    edges = sorted(((place[s], place[t]) for s, t in cell.edges), key=lambda edge: edge[::-1])
    return Cell(tuple(edges), tuple(cell.operations[vertex - 1] for vertex in order))


def paths(cell: Cell, vertex: int = 0) -> Iterator[tuple[str, ...]]:
    """Yields the operations on each way from a vertex, by default the input, to the output."""
    for source, target in cell.edges:
        if source != vertex:
            continue
        if target == cell.last:
            yield ()
        else:
            mine = cell.operations[target - 1]
            yield from ((mine, *rest) for rest in paths(cell, target))


def to_text(cell: Cell) -> str:
    """Returns the published form: ``ModelSpec(matrix=[[0, 1, ...], ...], ops=['input', ...])``."""
    matrix = [
        [int((s, t) in cell.edges) for t in range(cell.last + 1)] for s in range(cell.last + 1)
    ]
    return f"ModelSpec(matrix={matrix}, ops={['input', *cell.operations, 'output']})"


def from_text(text: str) -> Cell:
    """Returns the cell of a published form, as its author numbered it."""
    found = parse_literal_call(text, "ModelSpec", ("matrix", "ops"), _EXAMPLE)
    matrix, names = found["matrix"], found["ops"]
    if not (_is_matrix(matrix) and isinstance(names, list) and len(names) == len(matrix) >= 2):
        raise SpaceError(
            "Expected a square matrix of 0 and 1, all above the diagonal, and an operation for "
            f"each of its rows, like {_EXAMPLE}. Received: {text!r}."
        )
    for name in names[1:-1]:
        if name not in OPERATIONS:
            raise SpaceError(
                f"Expected operations among {', '.join(OPERATIONS)}. Received: {name!r}."
                + nearest(str(name), OPERATIONS)
            )
    pairs = ((s, t) for t in range(len(matrix)) for s in range(t))
    edges = tuple((s, t) for s, t in pairs if matrix[s][t])
    return Cell(edges, tuple(names[1:-1]))


def _is_matrix(matrix: object) -> bool:
    if not isinstance(matrix, list) or not all(isinstance(row, list) for row in matrix):
        return False
    if any(len(row) != len(matrix) for row in matrix):
        return False
    return all(
        entry in (0, 1) and not (entry and target <= source)
        for source, row in enumerate(matrix)
        for target, entry in enumerate(row)
    )


SIDES = {CONV_3X3: 3, CONV_1X1: 1}
"""The side of the kernel of each operation that has weights."""


class Convolution(NamedTuple):
    """A convolution without a bias, normalised: its kernel's side, and channels in and out."""

    side: int
    given: int
    made: int


def channels(cell: Cell, given: int, made: int) -> tuple[int, ...]:
    """Returns the channels of every vertex of a pruned cell."""
    # As published (section 2.1 and its code): the vertices that lead to the output share its
    # channels, the first of them with one more where they can't be shared evenly; every other
    # vertex has as many as the widest that it leads to.
    ends = [source for source, target in cell.edges if target == cell.last and source > 0]
    widths = [given, *[0] * len(cell.operations), made]
    for number, vertex in enumerate(sorted(ends)):
        share, more = divmod(made, len(ends))
        widths[vertex] = share + (number < more)
    for vertex in range(cell.last - 1, 0, -1):
        if vertex not in ends:
            widths[vertex] = max(widths[t] for s, t in cell.edges if s == vertex)
    return tuple(widths)


def convolutions(cell: Cell, given: int, made: int) -> Iterator[Convolution]:
    """Yields the convolutions of a cell: projections of its input, then those of its vertices."""
    widths = channels(cell, given, made)
    for source, target in cell.edges:
        if source == 0:
            yield Convolution(1, given, widths[target])
    for vertex, operation in enumerate(cell.operations, start=1):
        if operation in SIDES:
            yield Convolution(SIDES[operation], widths[vertex], widths[vertex])


def params(cell: Cell, skeleton: Skeleton, *, trainable: bool = False) -> int:
    """Returns how many weights the net has, exactly."""
    norm = 2 if trainable else 4
    layers = [each for stage in _stages(cell, skeleton) for each in stage]
    weights = sum((c.side**2 * c.given + norm) * c.made for c in layers)
    return weights + (skeleton.widths[-1] + 1) * skeleton.outputs


def macs(cell: Cell, skeleton: Skeleton) -> int:
    """Returns the multiply-adds of the convolutions and the dense layer for one sample."""
    work = sum(
        c.side**2 * c.given * c.made * area
        for stage, area in zip(_stages(cell, skeleton), skeleton.areas, strict=True)
        for c in stage
    )
    return work + skeleton.widths[-1] * skeleton.outputs


def _stages(cell: Cell, skeleton: Skeleton) -> Iterator[list[Convolution]]:
    """Yields the convolutions of each stage; the first one has the stem too."""
    given = skeleton.width
    for stage, made in enumerate(skeleton.widths):
        found = [Convolution(3, skeleton.input_shape[2], made)] if stage == 0 else []
        for _ in range(skeleton.cells):
            found += convolutions(cell, given, made)
            given = made
        yield found


# Batch normalisation forgets faster than the published net's, as in the other cells: with a
# momentum of 0.997 validation means nothing before a thousand batches.


def features(inputs: Any, cell: Cell, skeleton: Skeleton) -> Any:
    """Returns the features that the net finds in images: ``(samples, channels)``."""
    x = convolution(inputs, skeleton.width, 3)
    for stage, width in enumerate(skeleton.widths):
        if stage > 0:
            x = keras.layers.MaxPooling2D(2, strides=2, padding="same")(x)
        for _ in range(skeleton.cells):
            x = module(x, cell, width)
    return keras.layers.GlobalAveragePooling2D()(x)


def module(x: Any, cell: Cell, made: int) -> Any:
    """Returns the output of a cell, with `made` channels."""
    # What comes from the input is projected to the channels that are wanted; what comes from other
    # vertices loses a channel where it has one too many, and is added up. The output has its
    # vertices side by side.
    widths = channels(cell, x.shape[-1], made)
    values = [x]
    for vertex, operation in enumerate(cell.operations, start=1):
        width = widths[vertex]
        brought = [_cut(values[s], width) for s, t in cell.edges if t == vertex and s > 0]
        if (0, vertex) in cell.edges:
            brought.append(convolution(x, width, 1))
        taken = keras.layers.Add()(brought) if len(brought) > 1 else brought[0]
        values.append(_operated(taken, operation, width))
    ends = [values[source] for source, target in cell.edges if target == cell.last and source > 0]
    projected = [convolution(x, made, 1)] if (0, cell.last) in cell.edges else []
    if not ends:
        return projected[0]
    joined = keras.layers.Concatenate()(ends) if len(ends) > 1 else ends[0]
    return keras.layers.Add()([joined, *projected]) if projected else joined


def convolution(x: Any, width: int, side: int) -> Any:
    """Returns convolution, normalisation and ReLU of `x`."""
    x = keras.layers.Conv2D(width, side, padding="same", use_bias=False)(x)
    return keras.layers.Activation("relu")(normalise(x))


def _operated(x: Any, operation: str, width: int) -> Any:
    if operation in SIDES:
        return convolution(x, width, SIDES[operation])
    return keras.layers.MaxPooling2D(3, strides=1, padding="same")(x)


def _cut(x: Any, width: int) -> Any:
    return x if x.shape[-1] == width else x[:, :, :, :width]


# To be counted, a graph is split into three: the inner vertices that take the input, the edges
# between inner vertices, and the inner vertices that the output takes. Sets of vertices are bits.

Counts = np.ndarray[tuple[int, ...], np.dtype[Any]]

_BITS = np.array([number.bit_count() for number in range(1 << 5)], np.uint8)


class Choices(NamedTuple):
    """What may be chosen; each list holds the sets of edges as bits."""

    inner: tuple[int, ...]  # of edges between inner vertices, in the order of `inner_edges`
    first: tuple[int, ...]  # of the edges from the input, one bit an inner vertex
    final: tuple[int, ...]  # of the edges to the output
    direct: tuple[int, ...]  # of the edge from input to output: some of 0 and 1


def inner_edges(vertices: int) -> list[tuple[int, int]]:
    """Returns the pairs of so many inner vertices, numbered from 0."""
    return [(s, t) for t in range(vertices) for s in range(t)]


def every_choice(vertices: int) -> Choices:
    """Returns all sets of edges between so many inner vertices."""
    sets = tuple(range(1 << vertices))
    inner = tuple(range(1 << len(inner_edges(vertices))))
    return Choices(inner, sets, sets, (0, 1))


def count_graphs(vertices: int, choices: Choices, most_edges: int) -> int:
    """Returns how many graphs join input to output, with few enough edges on such paths."""
    edges, _ = _live(vertices, choices)
    without = int(((edges > 0) & (edges <= most_edges)).sum())
    with_direct = int((edges < most_edges).sum())
    return without * (0 in choices.direct) + with_direct * (1 in choices.direct)


def _live(vertices: int, choices: Choices) -> tuple[Counts, Counts]:
    """Returns how many edges of each graph are on ways, and the vertices there, by its bits."""
    inner = np.array(choices.inner, np.uint16)[:, None, None]
    first = np.array(choices.first, np.uint16)[None, :, None]
    final = np.array(choices.final, np.uint16)[None, None, :]
    forth, back = first | (inner & 0), final | (inner & 0)
    pairs = list(enumerate(inner_edges(vertices)))
    for bit, (source, target) in pairs:
        forth = forth | ((inner >> bit) & (forth >> source) & 1) << target
    for bit, (source, target) in sorted(pairs, key=lambda pair: -pair[1][1]):
        back = back | ((inner >> bit) & (back >> target) & 1) << source
    there = np.arange(1 << vertices, dtype=np.uint16)
    within = np.zeros((len(choices.inner), len(there)), np.uint8)
    for bit, (source, target) in pairs:
        within += ((inner[:, 0] >> bit) & (there >> source) & (there >> target) & 1).astype("u1")
    live = forth & back
    edges = _BITS[first & back] + _BITS[final & forth]
    edges = edges + within[np.arange(len(choices.inner))[:, None, None], live]
    return edges, live


@lru_cache(maxsize=32)
def count_distinct(vertices: int, most_edges: int, operations: int) -> int:
    """Returns how many cells there are up to isomorphism, with at most so many inner vertices."""
    # For every graph without dead vertices the labellings that its automorphisms tell apart are
    # counted with Burnside's lemma: the mean, over the automorphisms, of how many they leave alone.
    return sum(_count_exact(inner, most_edges, operations) for inner in range(vertices + 1))


def _count_exact(vertices: int, most_edges: int, operations: int) -> int:
    if vertices == 0:
        return 1
    edges, live = _live(vertices, every_choice(vertices))
    inner, first, final = np.nonzero((live == (1 << vertices) - 1) & (edges <= most_edges))
    orders = list(itertools.permutations(range(vertices)))
    codes = _codes(inner, first, final, orders, vertices)
    _, one_each = np.unique(codes.min(axis=0), return_index=True)
    mine = codes[:, one_each]
    automorphic = mine == mine[orders.index(tuple(range(vertices)))]
    left_alone = np.array([operations ** _cycles(order) for order in orders])
    labellings = left_alone @ automorphic // automorphic.sum(axis=0)
    sizes = edges[inner[one_each], first[one_each], final[one_each]]
    return int(labellings.sum() + labellings[sizes < most_edges].sum())


def _codes(
    inner: Counts,
    first: Counts,
    final: Counts,
    orders: Sequence[tuple[int, ...]],
    vertices: int,
) -> Counts:
    """Returns a number for each graph under each order of its vertices: (orders, graphs)."""
    codes = np.empty((len(orders), len(inner)), np.int32)
    sets = np.arange(1 << vertices)
    graphs = np.arange(1 << len(inner_edges(vertices)))
    for number, order in enumerate(orders):
        moved, wired = sets & 0, graphs & 0
        for vertex, place in enumerate(order):
            moved |= ((sets >> vertex) & 1) << place
        for bit, (source, target) in enumerate(inner_edges(vertices)):
            # Of the places after the source's own there is one less: 30 bits are enough for all.
            one, other = order[source], order[target]
            place = one * (vertices - 1) + other - (other > one)
            wired |= ((graphs >> bit) & 1) << place
        codes[number] = (wired[inner] << 2 * vertices) | (moved[first] << vertices) | moved[final]
    return codes


def _cycles(order: Sequence[int]) -> int:
    left, cycles = set(range(len(order))), 0
    while left:
        cycles += 1
        vertex = left.pop()
        while (vertex := order[vertex]) in left:
            left.remove(vertex)
    return cycles
