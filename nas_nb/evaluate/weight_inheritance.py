"""A child's first weights from its trained parent (Net2Net)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nas_nb.evaluate.layer_graph import LayerCall, LayerCalls, has_graph, layer_calls
from nas_nb.evaluate.weight_transfer import (
    NONNEGATIVE,
    ChannelLink,
    continue_layer,
    guess_link,
    insert_layer,
    is_by_channel,
    is_same,
    link_after,
    link_past,
)

if TYPE_CHECKING:
    import keras


def inherit(child: keras.Model, parent: keras.Model) -> InheritanceReport:
    """Gives a child its parent's weights where they overlap, and its function where that can be."""
    # Chen, Goodfellow & Shlens, Net2Net: Accelerating Learning via Knowledge Transfer, ICLR 2016.
    # A wider layer gets replicas of the parent's units, and what leaves a unit is divided among
    # them; a layer that the parent lacks passes on what comes in; larger windows get zeros around.
    # An inserted layer changes nothing only if its activation does so, as ReLU after ReLU; its
    # normalisation is undone for inference only, since the statistics of batches aren't known
    # beforehand.
    if not (has_graph(child) and has_graph(parent)):
        return _nothing(child, "since Keras doesn't see the layers of a model with its own call")
    mine, theirs = layer_calls(child), layer_calls(parent)
    if len(mine.inputs) != len(theirs.inputs):
        return _nothing(child, "since the models take different inputs")
    return _Transfer(mine, theirs).run()


def _nothing(child: keras.Model, reason: str) -> InheritanceReport:
    fresh = sum(bool(layer.weights) for layer in child.layers)
    return InheritanceReport(0, 0, 0, fresh, preserving=False, reason=reason)


class _Transfer:
    """One inheritance: it follows the child's steps and keeps the links of their tensors."""

    def __init__(self, child: LayerCalls, parent: LayerCalls) -> None:
        self.child = child
        self.parent = parent
        self.twins = match_layers(child, parent)
        self.links: dict[int, ChannelLink | None] = {}
        self.counts: Counter[str] = Counter()
        self.nonnegative = _nonnegative(parent)

    def run(self) -> InheritanceReport:
        """Sets the weights of every layer, in order, and reports."""
        for mine, theirs in zip(self.child.inputs, self.parent.inputs, strict=True):
            shape, known = self.child.shapes[mine], self.parent.shapes[theirs]
            alike = ChannelLink(theirs, np.arange(shape[-1] if shape else 0), exact=True)
            self.links[mine] = alike if shape == known else None
        for step in self.child.steps:
            self.links[step.output] = self._follow(step)
        return InheritanceReport(
            copied=self.counts["copied"],
            widened=self.counts["widened"],
            deepened=self.counts["deepened"],
            fresh=self.counts["fresh"],
            preserving=self._preserves(),
            narrowed=self.counts["narrowed"],
        )

    def _follow(self, step: LayerCall) -> ChannelLink | None:
        twin = self.twins.get(step)
        if twin is None:
            return self._added(step)
        given = self._given(step, twin)
        if not step.weighted:
            return link_after(step, twin, given, self.child, self.parent)
        word, link = continue_layer(step, twin, given[0], self.child, self.parent)
        self.counts[word] += 1
        return link

    def _given(self, step: LayerCall, twin: LayerCall) -> list[ChannelLink]:
        """Returns the links to what the parent's layer takes; the overlap where there is none."""
        given = []
        known = list(twin.inputs)
        for place, number in enumerate(step.inputs):
            link = self.links.get(number)
            if link is not None and link.parent in known:
                given.append(link)
                known.remove(link.parent)
            else:
                other = twin.inputs[min(place, len(twin.inputs) - 1)]
                shapes = self.child.shapes[number], self.parent.shapes[other]
                given.append(guess_link(other, *shapes))
        if known:  # the parent's layer takes more than the child's
            given = [ChannelLink(link.parent, link.units, exact=False) for link in given]
        return given

    def _added(self, step: LayerCall) -> ChannelLink | None:
        """Returns the link past a layer that the parent has not."""
        link = self.links.get(step.inputs[0]) if len(step.inputs) == 1 else None
        nonnegative = link is not None and link.parent in self.nonnegative
        if step.weighted:
            word, made = insert_layer(step, link, self.parent, nonnegative=nonnegative)
            self.counts[word] += 1
            return made
        if link is None or not is_by_channel(step):
            return None
        return link_past(step, link, nonnegative=nonnegative)

    def _preserves(self) -> bool:
        """Whether the models' outputs are equal; not to be promised of layers used twice."""
        if self.child.shares_layers or self.parent.shares_layers:
            return False
        pairs = list(zip(self.child.outputs, self.parent.outputs, strict=False))
        links = [(self.links.get(mine), theirs) for mine, theirs in pairs]
        return len(self.child.outputs) == len(self.parent.outputs) and all(
            link is not None
            and link.exact
            and link.parent == theirs
            and is_same(link.units, self.parent.shapes[theirs][-1])
            for link, theirs in links
        )


def _nonnegative(parent: LayerCalls) -> set[int]:
    """Returns the parent's tensors whose values are never below 0."""
    found: set[int] = set()
    for step in parent.steps:
        activates = step.weighted or step.kind in ("Activation", "ReLU")
        passed = all(number in found for number in step.inputs) and not step.weighted
        carried = is_by_channel(step) or step.kind in ("Flatten", "Add", "Concatenate")
        if (activates and step.activation in NONNEGATIVE) or (
            passed and carried and _keeps_sign(step)
        ):
            found.add(step.output)
    return found


def _keeps_sign(step: LayerCall) -> bool:
    keeps = step.activation in (*NONNEGATIVE, "linear", "leaky_relu", "elu")
    return keeps and step.kind != "Rescaling"


_WEIGHTED, _PLAIN, _ALIKE = 10, 3, 1


def match_layers(child: LayerCalls, parent: LayerCalls) -> dict[LayerCall, LayerCall]:
    """Returns the parent's step for each of the child's that has one."""
    # Layers with given names go with those of the same name. The others are aligned in order, as
    # many as possible with one of the same class, early ones first. The last layers go together.
    named = {step.name: step for step in parent.steps if step.name}
    pairs = {
        step: named[step.name]
        for step in child.steps
        if step.name in named and step.kind == named[step.name].kind
    }
    rest = [step for step in child.steps if step.name is None]
    partners = [step for step in parent.steps if step.name is None]
    if rest and partners and rest[-1].kind == partners[-1].kind:
        pairs[rest.pop()] = partners.pop()
    return {**pairs, **_aligned(rest, partners)}


def _aligned(child: Sequence[LayerCall], parent: Sequence[LayerCall]) -> dict[LayerCall, LayerCall]:
    likeness = [[_likeness(mine, theirs) for theirs in parent] for mine in child]
    # best[i][j]: the greatest likeness of the steps from i of the one and from j of the other on.
    best = [[0] * (len(parent) + 1) for _ in range(len(child) + 1)]
    for i in reversed(range(len(child))):
        for j in reversed(range(len(parent))):
            paired = likeness[i][j] + best[i + 1][j + 1] if likeness[i][j] else 0
            best[i][j] = max(paired, best[i + 1][j], best[i][j + 1])
    pairs = {}
    i = j = 0
    while i < len(child) and j < len(parent):
        if likeness[i][j] and best[i][j] == likeness[i][j] + best[i + 1][j + 1]:
            pairs[child[i]] = parent[j]
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def _likeness(mine: LayerCall, theirs: LayerCall) -> int:
    """Returns how much is gained by the pair; 0 if it is none."""
    if mine.kind != theirs.kind:
        return 0
    alike = _ALIKE if mine.activation == theirs.activation else 0
    return (_WEIGHTED if mine.weighted else _PLAIN) + alike


@dataclass(frozen=True)
class InheritanceReport:
    """How many layers with weights came about in which way."""

    copied: int  # as wide as in the parent
    widened: int  # more units, or a larger kernel
    deepened: int  # new, passing on what comes in
    fresh: int  # new, with weights of their own
    preserving: bool  # computes what its parent computes
    narrowed: int = 0  # fewer units, or a smaller kernel
    reason: str | None = None  # why nothing could be inherited

    def __str__(self) -> str:
        """The line for the row of a trial, to be put behind "inherited from trial 3: "."""
        if self.reason is not None:
            return f"nothing, {self.reason}"
        counts = (
            (self.copied, "copied"),
            (self.widened, "widened"),
            (self.narrowed, "narrowed"),
            (self.deepened, "inserted"),
            (self.fresh, "fresh"),
        )
        parts = [f"{count} {word}" for count, word in counts if count]
        layers = ", ".join(parts) or "0 copied"
        first, _, rest = layers.partition(" ")
        noun = "layer" if first == "1" else "layers"
        text = f"{first} {noun} {rest}"
        return f"{text} (function-preserving)" if self.preserving else text
