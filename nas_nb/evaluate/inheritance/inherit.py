"""A child's first weights, from the trained weights of its parent."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from nas_nb.evaluate.inheritance.arrays import is_same
from nas_nb.evaluate.inheritance.links import (
    NONNEGATIVE,
    Link,
    after,
    guess,
    is_by_channel,
    past,
)
from nas_nb.evaluate.inheritance.matching import match
from nas_nb.evaluate.inheritance.report import InheritanceReport
from nas_nb.evaluate.inheritance.steps import Step, Steps, steps_of
from nas_nb.evaluate.inheritance.weighted import continue_layer, insert_layer
from nas_nb.evaluate.layer_graph import has_graph

if TYPE_CHECKING:
    import keras


def inherit(child: keras.Model, parent: keras.Model) -> InheritanceReport:
    """Gives a child its parent's weights where they overlap, and its function where that can be.

    A wider layer gets replicas of the parent's units, and what leaves a unit is divided among
    its replicas (Net2WiderNet). A layer that the parent lacks passes on what comes in, where it
    is wide enough (Net2DeeperNet). Larger windows of convolutions get zeros around the parent's.
    So a child that is wider or deeper computes what its parent computes, as far as activations
    allow it: an inserted layer changes nothing only if its activation does so to what comes in,
    as ReLU after ReLU. Where the child is smaller, or other in kind, it gets what overlaps; other
    layers keep the weights that they were drawn with.

    Normalisation of an inserted layer is undone for inference only: statistics of the batches,
    which training uses, aren't known beforehand.

    Paper: Chen, Goodfellow & Shlens, Net2Net: Accelerating Learning via Knowledge Transfer,
    ICLR 2016.

    Args:
        child: A built model; its weights are changed, its optimizer isn't.
        parent: The trained model; it stays as it is.

    Returns:
        What was done; its text is the note for the child's row.
    """
    if not (has_graph(child) and has_graph(parent)):
        return _nothing(child, "since Keras doesn't see the layers of a model with its own call")
    mine, theirs = steps_of(child), steps_of(parent)
    if len(mine.inputs) != len(theirs.inputs):
        return _nothing(child, "since the models take different inputs")
    return _Transfer(mine, theirs).run()


def _nothing(child: keras.Model, reason: str) -> InheritanceReport:
    fresh = sum(bool(layer.weights) for layer in child.layers)
    return InheritanceReport(0, 0, 0, fresh, preserving=False, reason=reason)


class _Transfer:
    """One inheritance: it follows the child's steps and keeps the links of their tensors.

    Args:
        child: The child's steps.
        parent: The parent's.
    """

    def __init__(self, child: Steps, parent: Steps) -> None:
        self.child = child
        self.parent = parent
        self.twins = match(child, parent)
        self.links: dict[int, Link | None] = {}
        self.counts: Counter[str] = Counter()
        self.nonnegative = _nonnegative(parent)

    def run(self) -> InheritanceReport:
        """Sets the weights of every layer, in order, and reports."""
        for mine, theirs in zip(self.child.inputs, self.parent.inputs, strict=True):
            shape, known = self.child.shapes[mine], self.parent.shapes[theirs]
            alike = Link(theirs, np.arange(shape[-1] if shape else 0), exact=True)
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

    def _follow(self, step: Step) -> Link | None:
        twin = self.twins.get(step)
        if twin is None:
            return self._added(step)
        given = self._given(step, twin)
        if not step.weighted:
            return after(step, twin, given, self.child, self.parent)
        word, link = continue_layer(step, twin, given[0], self.child, self.parent)
        self.counts[word] += 1
        return link

    def _given(self, step: Step, twin: Step) -> list[Link]:
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
                given.append(guess(other, *shapes))
        if known:  # the parent's layer takes more than the child's
            given = [Link(link.parent, link.units, exact=False) for link in given]
        return given

    def _added(self, step: Step) -> Link | None:
        """Returns the link past a layer that the parent has not."""
        link = self.links.get(step.inputs[0]) if len(step.inputs) == 1 else None
        nonnegative = link is not None and link.parent in self.nonnegative
        if step.weighted:
            word, made = insert_layer(step, link, self.parent, nonnegative=nonnegative)
            self.counts[word] += 1
            return made
        if link is None or not is_by_channel(step):
            return None
        return past(step, link, nonnegative=nonnegative)

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


def _nonnegative(parent: Steps) -> set[int]:
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


def _keeps_sign(step: Step) -> bool:
    keeps = step.activation in (*NONNEGATIVE, "linear", "leaky_relu", "elu")
    return keeps and step.kind != "Rescaling"
