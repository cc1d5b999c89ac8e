"""Compares the cells with the published table of NAS-Bench-201, whose path you give.

    python -m tests.benchmarks.check_cells TABLE.csv.gz [--models 20]

The table has a line a cell, with its string (`arch`), the number of its isomorphism class (`iso`)
and its parameters in millions (`params_m`). Checked are: every string is read and written back,
the classes are those of the table, the parameters of every cell agree, and the formula agrees
with Keras models of a random sample. It ends with status 1 where something differs.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nas_nb.data import DataSpec, Task
from nas_nb.evaluate.costs import costs, without_weights
from nas_nb.space import cell_costs
from nas_nb.space.cell import cell
from nas_nb.space.cell_form import from_string
from nas_nb.space.search_space import SearchSpace

Row = dict[str, str]

SKELETON = cell_costs.Skeleton(cells=5, width=16, stages=3)
CIFAR = DataSpec((32, 32, 3), Task.MULTICLASS, 10)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", type=Path, help="the published table, a .csv.gz")
    parser.add_argument("--models", type=int, default=20, help="cells to build (default: 20)")
    options = parser.parse_args(arguments)
    with gzip.open(options.table, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    space = cell(cells=5, width=16).for_data(CIFAR)
    wrong = check_table(rows, space)
    drawn = np.random.default_rng(0).choice(len(rows), options.models, replace=False)
    wrong += check_models([rows[number] for number in drawn], space)
    return int(wrong > 0)


def check_table(rows: list[Row], space: SearchSpace) -> int:
    """Prints how the space agrees with all lines; returns how much doesn't."""
    cells = {row["arch"]: space.architecture(row["arch"]) for row in rows}
    unread = sum(architecture.text != text for text, architecture in cells.items())
    classes = {(row["iso"], cells[row["arch"]].key) for row in rows}
    theirs, ours = len({iso for iso, _ in classes}), len({key for _, key in classes})
    off = sum(published(row) != cell_costs.params(*cut(row), trainable=True) for row in rows)
    print(f"cells: {len(cells):,} in the table, {space.size:,} in the space, {unread} misread")
    print(f"classes: {theirs:,} in the table, {ours:,} here, {len(classes):,} pairs of both")
    print(f"distinct in the space: {space.domain.distinct.size:,}")
    print(f"parameters: {off} of {len(rows):,} cells differ from params_m")
    same = theirs == ours == len(classes) == space.domain.distinct.size
    return unread + off + (not same) + (len(cells) != space.size)


def check_models(rows: list[Row], space: SearchSpace) -> int:
    """Prints how Keras models agree with the table and our formulas; returns how many don't."""
    off = 0
    for row in rows:
        architecture = space.architecture(row["arch"])
        with without_weights():
            model = architecture.build()
            count = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
            off += count != published(row) or costs(model) != architecture.costs
    print(f"models: {off} of {len(rows)} built ones differ from params_m, params or flops")
    return off


def published(row: Row) -> int:
    return round(float(row["params_m"]) * 1e6)


def cut(row: Row) -> tuple[tuple[str, ...], cell_costs.Skeleton]:
    return from_string(row["arch"]), SKELETON


if __name__ == "__main__":
    sys.exit(main())
