"""Weights of a layer with other sizes: replicated and divided, cut out, or passed on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Units = npt.NDArray[np.intp]
"""For each unit of the child the unit of its parent that it equals; -1 for one of its own."""


def replicas(wanted: int, known: int) -> Units:
    """Returns which of `known` units each of `wanted` ones replicates.

    The first are the known ones in their order; those beyond are drawn, as often as possible each
    anew. It is a function of the two numbers alone, so that what is added to the layer elsewhere
    in the net is widened in the same way.
    """
    if wanted <= known:
        return np.arange(wanted)
    rng = np.random.default_rng([wanted, known])
    rounds = -(-(wanted - known) // known)
    drawn = np.concatenate([rng.permutation(known) for _ in range(rounds)])
    return np.concatenate([np.arange(known), drawn[: wanted - known]])


def overlap(wanted: int, known: int) -> Units:
    """Returns the first units as they are, and those beyond as units of their own."""
    units = np.full(wanted, -1, dtype=np.intp)
    shared = min(wanted, known)
    units[:shared] = np.arange(shared)
    return units


def covers(units: Units, known: int) -> bool:
    """Whether every one of `known` units is there, and nothing else."""
    return bool(np.array_equal(np.unique(units), np.arange(known)))


def is_same(units: Units, known: int) -> bool:
    """Whether the units are just the known ones, in order."""
    return bool(np.array_equal(units, np.arange(known)))


def kernel(parent: Array, fresh: Array, rows: Units, columns: Units) -> Array:
    """Returns the kernel of a layer whose inputs and outputs are replicas of its parent's.

    Net2Net (Chen, Goodfellow & Shlens, ICLR 2016) divides what leaves a unit by the number of its
    replicas, and adds noise so that replicas don't stay equal. Here the parts are unequal
    themselves and add up to one: that breaks the symmetry and keeps the function.

    Args:
        parent: ``(..., inputs, outputs)``; in front the sides of a convolution's window.
        fresh: The child's kernel as it was drawn, for units of its own.
        rows: The parent's input of each of the child's inputs.
        columns: The parent's output of each of the child's outputs.
    """
    placed = _in_window(parent, fresh.shape[:-2])
    taken = placed[..., np.maximum(rows, 0), :][..., np.maximum(columns, 0)]
    known = (rows >= 0)[:, None] & (columns >= 0)[None, :]
    made = np.where(known, taken * _parts(rows, len(columns)), fresh)
    return made.astype(fresh.dtype)


def identity(fresh: Array, inputs: int) -> Array:
    """Returns the kernel that passes `inputs` on, in a window as large as that of `fresh`."""
    sides = fresh.shape[:-2]
    passing = np.zeros((*sides, inputs, inputs), fresh.dtype)
    passing[tuple((side - 1) // 2 for side in sides)] = np.eye(inputs)
    return passing


def units_of(parent: Array, fresh: Array, units: Units) -> Array:
    """Returns one number a unit: the parent's, or a fresh one for a unit of the child's own."""
    return np.where(units >= 0, parent[np.maximum(units, 0)], fresh).astype(fresh.dtype)


def overlapping(parent: Array, fresh: Array) -> Array:
    """Returns `fresh` with the parent's numbers wherever both arrays have a place."""
    made = fresh.copy()
    if parent.ndim == fresh.ndim:
        shared = tuple(slice(min(sides)) for sides in zip(parent.shape, fresh.shape, strict=True))
        made[shared] = parent[shared]
    return made


def _parts(rows: Units, outputs: int) -> Array:
    """Returns which part of its unit's weights each replica has, for each output: sums are 1."""
    rng = np.random.default_rng([len(rows), outputs])
    parts = rng.uniform(0.5, 1.5, (len(rows), outputs))
    totals = np.zeros((int(rows.max(initial=0)) + 1, outputs))
    known = rows >= 0
    np.add.at(totals, rows[known], parts[known])
    return parts / np.where(known[:, None], totals[np.maximum(rows, 0)], 1.0)


def _in_window(parent: Array, sides: tuple[int, ...]) -> Array:
    """Returns a convolution's kernel in a window with other sides, on the same middle."""
    placed = np.zeros((*sides, *parent.shape[-2:]), parent.dtype)
    mine, theirs = [], []
    for wanted, known in zip(sides, parent.shape[:-2], strict=True):
        # With padding "same" the middle of a window is its place (side - 1) // 2.
        shift = (wanted - 1) // 2 - (known - 1) // 2
        start, end = max(0, shift), min(wanted, known + shift)
        mine.append(slice(start, end))
        theirs.append(slice(start - shift, end - shift))
    placed[tuple(mine)] = parent[tuple(theirs)]
    return placed
