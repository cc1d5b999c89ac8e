"""The shared net of cells: NAS-Bench-201's, with every operation on every edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from nas_nb.spaces.nasbench201 import KERNELS, NONE, POOL, SKIP
from nas_nb.spaces.ready_space import CellEdge, Skeleton, edge_name, edges
from nas_nb.supernet.choices import Path, PathChoices
from nas_nb.supernet.layers import CallContext, ElasticLayer, ElasticNorm, mixed_batch_norm, pooled

if TYPE_CHECKING:
    from nas_nb.data.dataset import DataSpec
    from nas_nb.space.domain import Domain
    from nas_nb.supernet.choices import Mixture
    from nas_nb.supernet.layers import SharedWeights

EPSILON = 1e-5


class CellNet:
    """All cells of a space in one net: an edge has the weights of each of its operations."""

    def __init__(
        self, domain: Domain, skeleton: Skeleton, spec: DataSpec, weights: SharedWeights
    ) -> None:
        self.choices = PathChoices.of(domain)
        self.skeleton = skeleton
        self.spec = spec
        self.edges = _edges(self.choices)
        self.layers: dict[str, Any] = {}
        self._weights = weights
        self._build()

    def _build(self) -> None:
        widths = self.skeleton.widths
        self._convolution("stem", 3, self.spec.input_shape[-1], widths[0], normed=widths[0])
        for stage, width in enumerate(widths):
            if stage > 0:
                before = widths[stage - 1]
                self._convolution(f"reduction_{stage}_first", 3, before, width, stride=2)
                self._convolution(f"reduction_{stage}_second", 3, width, width)
                self._convolution(f"reduction_{stage}", 1, before, width, normed=0)
            for number in range(self.skeleton.cells):
                for edge in self.edges:
                    for name in self._operations(edge):
                        if name in KERNELS:
                            place = _place(stage, number, edge)
                            self._convolution(f"{place}_{name}", KERNELS[name], width, width)
        self.layers["last_norm"] = ElasticNorm(self._weights, "last", widths[-1], EPSILON)
        self.layers["head"] = ElasticLayer(self._weights, "head", widths[-1], self.spec.outputs)

    def _convolution(
        self,
        place: str,
        side: int,
        inputs: int,
        width: int,
        *,
        stride: int = 1,
        normed: int | None = None,
    ) -> None:
        """Makes a convolution, and the normalisation of its outputs unless `normed` is 0."""
        shape = (side, side, inputs, width)
        layer = ElasticLayer(self._weights, f"{place}_conv", *shape, bias=False, stride=stride)
        self.layers[f"{place}_conv"] = layer
        if normed != 0:
            self.layers[f"{place}_norm"] = ElasticNorm(
                self._weights, f"{place}_norm", width, EPSILON
            )

    def logits(self, how: Path | Mixture, x: Any, call: CallContext) -> Any:
        """Returns the sums of the output layer, ``(samples, outputs)``."""
        x = self._normed("stem", self._convolved("stem", x), call)
        for stage in range(self.skeleton.stages):
            if stage > 0:
                x = self._reduced(stage, x, call)
            for number in range(self.skeleton.cells):
                x = self._cell(how, stage, number, x, call)
        x = tf.nn.relu(self.layers["last_norm"].batch(x, call))
        x = tf.reduce_mean(x, [1, 2])
        width = self.skeleton.widths[-1]
        return self.layers["head"](x, width, self.spec.outputs)

    def _cell(self, how: Path | Mixture, stage: int, number: int, x: Any, call: CallContext) -> Any:
        last = max(target for _, target in self.edges)
        nodes = [x]
        for target in range(1, last + 1):
            brought = [
                self._edge(how, stage, number, edge, nodes[edge[0]], call)
                for edge in self.edges
                if edge[1] == target
            ]
            nodes.append(tf.add_n(brought))
        return nodes[last]

    def _edge(
        self,
        how: Path | Mixture,
        stage: int,
        number: int,
        edge: CellEdge,
        x: Any,
        call: CallContext,
    ) -> Any:
        """Returns what the edge's operation makes of a node."""
        place, name = _place(stage, number, edge), edge_name(edge)
        if isinstance(how, Path):
            return self._chosen(place, how.one_hot(name), self._operations(edge), x, call)

        def operation(name: str) -> Any:
            if name == SKIP:
                return lambda: tf.identity(x)
            if name == NONE:
                return lambda: tf.zeros_like(x)
            if name == POOL:
                return lambda: pooled(x, "average", 3, 1, same=True)
            return lambda: self._block(f"{place}_{name}", x, call)

        return how.select(name, [operation(each) for each in self._operations(edge)])

    def _chosen(
        self, place: str, chosen: Any, operations: tuple[str, ...], x: Any, call: CallContext
    ) -> Any:
        """Returns what the one operation that is chosen makes of a node."""
        # Both convolutions are one, whose window is that of the chosen one with zeros around it:
        # some more products, and most of the time saved that it takes to trace all branches and
        # their gradients.
        weight = dict(zip(operations, tf.unstack(chosen), strict=True))
        parts = [weight[SKIP] * x] if SKIP in weight else []
        if POOL in weight:
            parts.append(weight[POOL] * pooled(x, "average", 3, 1, same=True))
        sides = [name for name in operations if name in KERNELS]
        if sides:
            most = max(KERNELS[name] for name in sides)
            kernels, norms = [], []
            for name in sides:
                edge = (most - KERNELS[name]) // 2
                margin = [[edge, edge], [edge, edge], [0, 0], [0, 0]]
                kernel = self.layers[f"{place}_{name}_conv"].kernel
                kernels.append(weight[name] * tf.pad(kernel, margin))
                norms.append((weight[name], self.layers[f"{place}_{name}_norm"]))
            made = tf.nn.convolution(tf.nn.relu(x), tf.add_n(kernels), padding="SAME")
            parts.append(mixed_batch_norm(made, norms, call))
        return tf.add_n(parts) if parts else tf.zeros_like(x)

    def _operations(self, edge: CellEdge) -> tuple[str, ...]:
        return tuple(map(str, self.choices[edge_name(edge)].values))

    def _reduced(self, stage: int, x: Any, call: CallContext) -> Any:
        place = f"reduction_{stage}"
        main = self._block(f"{place}_second", self._block(f"{place}_first", x, call), call)
        side = self._convolved(place, pooled(x, "average", 2, same=True))
        return side + main

    def _block(self, place: str, x: Any, call: CallContext) -> Any:
        return self._normed(place, self._convolved(place, tf.nn.relu(x)), call)

    def _convolved(self, place: str, x: Any) -> Any:
        layer = self.layers[f"{place}_conv"]
        return layer(x, layer.shape[-2], layer.shape[-1])

    def _normed(self, place: str, x: Any, call: CallContext) -> Any:
        return self.layers[f"{place}_norm"].batch(x, call)


def _place(stage: int, number: int, edge: CellEdge) -> str:
    return f"stage_{stage}_cell_{number}_{edge[0]}_{edge[1]}"


def _edges(choices: PathChoices) -> tuple[CellEdge, ...]:
    count = len(choices.listed)
    nodes = next(n for n in range(2, 9) if n * (n - 1) // 2 == count)
    return edges(nodes)
