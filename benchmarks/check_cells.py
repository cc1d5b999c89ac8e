"""Compares the cells with what was published of them.

    python -m benchmarks.check_cells TABLE.csv.gz [--models 20]

Of NAS-Bench-201 you give the path of the published table. It has a line a cell, with its string
(`arch`), the number of its isomorphism class (`iso`) and its parameters in millions (`params_m`).
Checked are: every string is read and written back, the classes are those of the table, the
parameters of every cell agree, and the formula agrees with Keras models of a random sample. Of
NAS-Bench-101 all cells are listed and sorted into classes of isomorphic ones, which takes minutes,
and of DARTS the published net is built. It ends with status 1 where something differs.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from nas_nb.data.dataset import DataSpec
from nas_nb.data.task import Task
from nas_nb.evaluate.costs import costs, without_weights
from nas_nb.space.search_space import SearchSpace
from nas_nb.spaces.darts import darts_cell
from nas_nb.spaces.nasbench101 import nasbench101_cell
from nas_nb.spaces.nasbench101_net import OPERATIONS, Cell, canonical, pruned
from nas_nb.spaces.nasbench201 import from_string, nasbench201_cell, params
from nas_nb.spaces.ready_space import Skeleton
from tests.spaces.nasbench101.test_cell import LISTED, LISTED_PARAMS
from tests.spaces.test_darts import DARTS_V2

Row = dict[str, str]

SKELETON = Skeleton(cells=5, width=16, stages=3)
CIFAR = DataSpec((32, 32, 3), Task.MULTICLASS, 10)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", type=Path, help="the published table, a .csv.gz")
    parser.add_argument("--models", type=int, default=20, help="cells to build (default: 20)")
    options = parser.parse_args(arguments)
    with gzip.open(options.table, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    space = nasbench201_cell(cells=5, width=16).for_data(CIFAR)
    wrong = check_table(rows, space)
    drawn = np.random.default_rng(0).choice(len(rows), options.models, replace=False)
    wrong += check_models([rows[number] for number in drawn], space)
    wrong += check_nasbench101() + check_darts()
    return int(wrong > 0)


def check_nasbench101() -> int:
    """Prints how many classes of cells there are when all are listed; returns 1 if too few."""
    domain = nasbench101_cell().domain
    pairs = [(s, t) for t in range(7) for s in range(t)]
    graphs = {
        small
        for bits in range(1 << len(pairs))
        if (small := pruned(Cell(tuple(_chosen(pairs, bits)), ("",) * 5)))
        and len(small.edges) <= domain.most_edges
    }
    found = {
        canonical.__wrapped__(Cell(graph.edges, labels))
        for graph in {canonical(graph) for graph in graphs}
        for labels in itertools.product(OPERATIONS, repeat=len(graph.operations))
    }
    print(f"NAS-Bench-101: {len(found):,} classes listed, {domain.distinct.size:,} counted")
    with without_weights():
        model = nasbench101_cell(cells=3, width=128).for_data(CIFAR).architecture(LISTED).build()
    count = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    print(f"NAS-Bench-101: {count:,} parameters of the listed cell, published {LISTED_PARAMS:,}")
    return int(not len(found) == domain.distinct.size == 423_624 or count != LISTED_PARAMS)


def check_darts() -> int:
    """Prints the parameters of the published net; returns 1 if it has not 3.3 million."""
    one = darts_cell(layers=20, width=36).for_data(CIFAR).architecture(DARTS_V2)
    with without_weights():
        model = one.build()
    count = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    print(f"DARTS: {count:,} parameters; costs {one.costs}, of the model {costs(model)}")
    return int(round(count / 1e6, 1) != 3.3 or costs(model) != one.costs)


def _chosen(pairs: Sequence[tuple[int, int]], bits: int) -> Iterator[tuple[int, int]]:
    return (pair for number, pair in enumerate(pairs) if bits >> number & 1)


def check_table(rows: list[Row], space: SearchSpace) -> int:
    """Prints how the space agrees with all lines; returns how much doesn't."""
    cells = {row["arch"]: space.architecture(row["arch"]) for row in rows}
    unread = sum(architecture.published_form != text for text, architecture in cells.items())
    classes = {(row["iso"], cells[row["arch"]].key) for row in rows}
    theirs, ours = len({iso for iso, _ in classes}), len({key for _, key in classes})
    off = sum(published(row) != params(*cut(row), trainable=True) for row in rows)
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
    print(f"models: {off} of {len(rows)} built ones differ from params_m, params or macs")
    return off


def published(row: Row) -> int:
    return round(float(row["params_m"]) * 1e6)


def cut(row: Row) -> tuple[tuple[str, ...], Skeleton]:
    return from_string(row["arch"]), SKELETON


if __name__ == "__main__":
    sys.exit(main())
