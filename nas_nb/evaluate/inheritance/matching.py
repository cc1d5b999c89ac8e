"""Which layer of the parent each layer of a child goes on from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas_nb.evaluate.inheritance.steps import Step, Steps

_WEIGHTED, _PLAIN, _ALIKE = 10, 3, 1


def match(child: Steps, parent: Steps) -> dict[Step, Step]:
    """Returns the parent's step for each of the child's that has one.

    Layers that were given names go with those of the same name, wherever they stand. The others
    are aligned in the order in which they run, so that as many as possible have a partner of the
    same class; of equally good ways the one that pairs early layers, so that a layer that was
    added counts as added behind its twin. The last layers of both go together.
    """
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


def _aligned(child: Sequence[Step], parent: Sequence[Step]) -> dict[Step, Step]:
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


def _likeness(mine: Step, theirs: Step) -> int:
    """Returns how much is gained by the pair; 0 if it is none."""
    if mine.kind != theirs.kind:
        return 0
    alike = _ALIKE if mine.activation == theirs.activation else 0
    return (_WEIGHTED if mine.weighted else _PLAIN) + alike
