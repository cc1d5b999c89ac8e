"""Architectures, models and domains as boxes and arrows to draw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import keras
    from matplotlib.axes import Axes

    from nas_nb.space.domain import Domain


class Node(NamedTuple):
    """A box of a picture."""

    name: str  # what edges call it
    label: str  # may have several lines
    kind: str = "step"  # "input", "output" or "step"


class Edge(NamedTuple):
    """An arrow of a picture, from an earlier node to a later one, perhaps with a label."""

    source: str
    target: str
    label: str = ""


class Graph(NamedTuple):
    """Nodes, each after those that lead to it, and the edges between them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def chain_graph(labels: tuple[str, ...]) -> Graph:
    """Returns the graph of steps in a row, of which the first and the last are the ends."""
    kinds = ["input", *["step"] * (len(labels) - 2), "output"]
    nodes = tuple(
        Node(str(number), label, kind)
        for number, (label, kind) in enumerate(zip(labels, kinds, strict=True))
    )
    links = tuple(Edge(str(number), str(number + 1)) for number in range(len(labels) - 1))
    return Graph(nodes, links)


# Lengths are in inches; x runs to the right and y downwards, from 0.

_LETTER = 0.085
_LINE = 0.17
_PADDING = 0.22
_GAP = 0.35
_DROP = 0.3
_BEND = 0.25
_WIDEST_ROW = 8.0


class Box(NamedTuple):
    """A node: its centre, its size, what is written in it, and its kind."""

    x: float
    y: float
    width: float
    height: float
    label: str
    kind: str


class Arrow(NamedTuple):
    """An edge from (x1, y1) to (x2, y2), labelled at its middle."""

    x1: float
    y1: float
    x2: float
    y2: float
    bend: float  # how far to the right the middle is pulled
    label: str


class Layout(NamedTuple):
    """A picture of `width` x `height` inches."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    width: float
    height: float


def lay_out(graph: Graph) -> Layout:
    """Places nodes in rows below all that lead to them, with the ends of edges close together."""
    # Edges that pass rows bend around them, long ones further out, to both sides in turn.
    rows = _rows(graph)
    letters = max((len(edge.label) for edge in graph.edges), default=0)
    drop, gap = (_DROP + _LINE, letters * _LETTER) if letters else (_DROP, _GAP)
    boxes: dict[str, Box] = {}
    y = 0.0
    for row in rows:
        height = max(_size(node)[1] for node in row)
        y += height / 2
        for node, x in zip(row, _places(row, graph.edges, boxes, gap), strict=True):
            boxes[node.name] = Box(x, y, *_size(node), node.label, node.kind)
        y += height / 2 + drop
    ranks = {node.name: number for number, row in enumerate(rows) for node in row}
    return _at_origin(list(boxes.values()), _arrows(graph.edges, boxes, ranks))


def _rows(graph: Graph) -> list[list[Node]]:
    """Nodes by the longest way to them, outputs last; rows that would be too wide are broken."""
    rank: dict[str, int] = {}
    leading = defaultdict(list)
    for edge in graph.edges:
        leading[edge.target].append(edge.source)
    rows: dict[int, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        row = 1 + max((rank[source] for source in leading[node.name]), default=-1)
        if node.kind == "output":
            row = max(row, *rows) if rows else row
            row += any(other.kind != "output" for other in rows[row])
        while rows[row] and sum(_size(n)[0] for n in (*rows[row], node)) > _WIDEST_ROW:
            row += 1
        rank[node.name] = row
        rows[row].append(node)
    return [rows[number] for number in sorted(rows) if rows[number]]


def _size(node: Node) -> tuple[float, float]:
    lines = node.label.split("\n")
    return (
        max(map(len, lines)) * _LETTER + _PADDING,
        len(lines) * _LINE + _PADDING / 2,
    )


def _places(
    row: list[Node], edges: tuple[Edge, ...], boxes: dict[str, Box], gap: float
) -> list[float]:
    """Centres of the nodes of a row, in the order of those that lead to them, around 0."""
    ideal = []
    for node in row:
        above = [boxes[e.source].x for e in edges if e.target == node.name and e.source in boxes]
        ideal.append(sum(above) / len(above) if above else 0.0)
    order = sorted(range(len(row)), key=lambda number: ideal[number])
    widths = [_size(node)[0] for node in row]
    # A single node stands right below what leads to it; several share the width around it.
    left = sum(ideal) / len(row) - (sum(widths) + gap * (len(row) - 1)) / 2
    places = [0.0] * len(row)
    for number in order:
        places[number] = left + widths[number] / 2
        left += widths[number] + gap
    return places


def _arrows(edges: tuple[Edge, ...], boxes: dict[str, Box], ranks: dict[str, int]) -> list[Arrow]:
    arrows = []
    side = 1
    for edge in sorted(edges, key=lambda e: ranks[e.target] - ranks[e.source]):
        start, end = boxes[edge.source], boxes[edge.target]
        passed = ranks[edge.target] - ranks[edge.source] - 1
        bend = 0.0
        if passed > 0:
            clear = max(box.width for box in boxes.values()) / 2
            bend = side * (clear + _BEND * min(passed, 4) + len(edge.label) * _LETTER / 2)
            side = -side
        y1, y2 = start.y + start.height / 2, end.y - end.height / 2
        arrows.append(Arrow(start.x, y1, end.x, y2, bend, edge.label))
    return arrows


def _at_origin(boxes: list[Box], arrows: list[Arrow]) -> Layout:
    """Moves everything so that the picture begins at 0, and measures it."""
    left, right = [b.x - b.width / 2 for b in boxes], [b.x + b.width / 2 for b in boxes]
    for arrow in arrows:
        middle = (arrow.x1 + arrow.x2) / 2 + arrow.bend
        half = len(arrow.label) * _LETTER / 2
        left.append(middle - half)
        right.append(middle + half)
    start = min(left)
    return Layout(
        tuple(box._replace(x=box.x - start) for box in boxes),
        tuple(arrow._replace(x1=arrow.x1 - start, x2=arrow.x2 - start) for arrow in arrows),
        max(right) - start,
        max(box.y + box.height / 2 for box in boxes),
    )


_SIZES = ("units", "filters", "output_dim", "rate")


def model_graph(model: keras.Model) -> Graph:
    """Returns a box a layer and how they are wired; a row of the layers for a subclassed model."""
    config, built = model.get_config(), {layer.name: layer for layer in model.layers}
    layers = config.get("layers", ()) if isinstance(config, Mapping) else ()
    if not layers or "input_layers" not in config:
        labels = [_described(layer, built) for layer in layers or _own(model)]
        return chain_graph((*([] if labels[0].startswith("input") else ["input"]), *labels))
    ends = {name for name, *_ in tensors_of(config["output_layers"])}
    nodes = tuple(
        Node(layer["name"], _described(layer, built), _kind(layer, ends)) for layer in layers
    )
    links = dict.fromkeys(
        Edge(source, layer["name"])
        for layer in layers
        for source, *_ in tensors_in(layer["inbound_nodes"])
    )
    return Graph(nodes, tuple(links))


def layer_label(layer: Mapping[str, Any]) -> str:
    """Returns what the box of a layer says: its class, its size, and its activation if any."""
    config = layer["config"]
    if layer["class_name"] == "InputLayer" and "batch_shape" in config:
        return f"input {tuple(config['batch_shape'][1:])}"
    words = [layer["class_name"], *(str(config[name]) for name in _SIZES if name in config)]
    if kernel := config.get("kernel_size"):
        words.append("x".join(map(str, kernel)))
    activation = config.get("activation")
    if isinstance(activation, str) and activation != "linear":
        words.append(activation)
    return " ".join(words)


def _described(config: Mapping[str, Any], built: Mapping[str, Any]) -> str:
    """Returns a layer's label and, below, the shape of its output and its parameters."""
    label, layer = layer_label(config), built.get(config["config"].get("name"))
    if layer is None or label.startswith("input"):
        return label
    outputs = layer.output if isinstance(layer.output, list) else [layer.output]
    shapes = ["x".join("?" if n is None else str(n) for n in each.shape[1:]) for each in outputs]
    params = f", {layer.count_params():,} params" if layer.count_params() else ""
    return f"{label}\n{' and '.join(shapes)}{params}"


def _own(model: keras.Model) -> list[dict[str, Any]]:
    return [{"class_name": type(layer).__name__, "config": {}} for layer in model.layers]


def _kind(layer: Mapping[str, Any], ends: set[str]) -> str:
    if layer["class_name"] == "InputLayer":
        return "input"
    return "output" if layer["name"] in ends else "step"


Tensor = tuple[str, int, int]
"""A tensor of a serialised model: its layer, which call of that, which output of the call."""


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yields the tensors that a serialised call takes."""
    if isinstance(value, Mapping):
        history = value.get("config", {}) if value.get("class_name") == "__keras_tensor__" else {}
        if "keras_history" in history:
            yield as_tensor(history["keras_history"])
        else:
            for item in value.values():
                yield from tensors_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_in(item)


def tensors_of(references: Any) -> Iterator[Tensor]:
    """Yields the tensors that references to layers, of any nesting, name."""
    if is_reference(references):
        yield as_tensor(references)
    elif isinstance(references, Mapping | list | tuple):
        for item in references.values() if isinstance(references, Mapping) else references:
            yield from tensors_of(item)


def is_reference(value: Any) -> bool:
    """Whether a serialised value is a reference to a layer: [name, node, tensor]."""
    return isinstance(value, list | tuple) and len(value) == 3 and isinstance(value[0], str)


def as_tensor(reference: Any) -> Tensor:
    """Returns the tensor that a reference names."""
    return str(reference[0]), int(reference[1]), int(reference[2])


_LONGEST = 28


def domain_graph(domain: Domain) -> Graph:
    """Returns a box a parameter, and an arrow to each that a condition makes depend on another."""
    nodes: list[Node] = []
    edges: list[Edge] = []
    named: dict[str, list[str]] = {}
    for number, parameter in enumerate(domain.parameters):
        key = str(number)
        label = f"{parameter.name}\n{_short(parameter.range_text())}"
        nodes.append(Node(key, label, "step" if parameter.conditions else "input"))
        for condition in parameter.conditions:
            values = _short(", ".join(map(str, condition.values)))
            edges += [Edge(parent, key, values) for parent in named[condition.parent]]
        named.setdefault(parameter.name, []).append(key)
    return Graph(tuple(nodes), tuple(edges))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


Drawer = Callable[[Layout, "Axes | None"], "Axes"]

_drawers: list[Callable[[], Drawer]] = []


def register_drawer(load: Callable[[], Drawer]) -> None:
    """Sets what imports the function that draws: it lies above this layer."""
    _drawers[:] = [load]


def draw(layout: Layout, ax: Axes | None = None) -> Axes:
    """Draws boxes and arrows on the Axes; default: a new figure, which the running cell shows."""
    return _drawers[0]()(layout, ax)
