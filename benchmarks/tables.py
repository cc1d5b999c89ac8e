"""Published tables of trained architectures, as domains and columns of scores."""

from __future__ import annotations

import csv
import gzip
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from nas_nb.errors import SpaceError
from nas_nb.record.trial import Value, Values
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Condition, Parameter, ParameterKind

Key = tuple[Value, ...]
Features = Mapping[str, float]
Row = dict[str, str]

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""The edges of a cell of four nodes, in the order of the tables' six digits."""


@dataclass(frozen=True)
class TableDomain(Domain):
    """The points that a table lists, with cheap features, and with twins merged.

    Twins are points that mean the same network. One of them stands for all: whatever the domain
    returns is such a representative, so that neither strategies nor the history know of twins.

    Attributes:
        twins: The representative of each point that the table lists.
        known: The features of each representative; may be empty.
    """

    twins: Mapping[Key, Key] = field(default_factory=dict, repr=False, compare=False)
    known: Mapping[Key, Features] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def size(self) -> int:
        return len(set(self.twins.values()))

    def features(self, values: Values) -> Features:
        return self.known[tuple(values.values())]

    @cached_property
    def _listed(self) -> list[Key]:
        return list(self.twins)

    def canonical(self, values: Values) -> dict[str, Value]:
        twin = self.twins.get(tuple(values.values()))  # nearly always: it is a listed point
        if twin is not None and self.names[: len(values)] == tuple(values):
            return dict(zip(values, twin, strict=True))
        point = self._representative(super().canonical(values))
        if point is None:
            raise SpaceError(f"Expected a point that the table lists, got {dict(values)}.")
        return point

    def complete(self, partial: Values) -> dict[str, Value]:
        return self.canonical(super().complete(partial))

    def sample(self, rng: np.random.Generator) -> dict[str, Value]:
        if not any(p.conditions for p in self.parameters):  # then all combinations are listed
            twin = self.twins[self._listed[int(rng.integers(len(self._listed)))]]
            return dict(zip(self.names, twin, strict=True))
        while (point := self._representative(super().sample(rng))) is None:
            pass
        return point

    def _mutant(self, point: dict[str, Value], rng: np.random.Generator) -> dict[str, Value]:
        for _ in range(100):
            child = self._representative(super()._mutant(point, rng))
            if child is not None and child != point:
                return child
        return self.sample(rng)

    def neighbours(self, values: Values) -> list[dict[str, Value]]:
        around = map(self._representative, super().neighbours(values))
        distinct = {tuple(near.items()): near for near in around if near and near != values}
        return list(distinct.values())

    def enumerate(self, after: Values | None = None) -> Iterator[dict[str, Value]]:
        every = super().enumerate(after)
        return (point for point in every if self._representative(point) == point)

    def _representative(self, point: dict[str, Value]) -> dict[str, Value] | None:
        key = tuple(point.values())
        twin = self.twins.get(key)
        if twin is None or twin == key:
            return None if twin is None else point
        return dict(zip(point, twin, strict=True))


@dataclass(frozen=True)
class Table:
    """One task of a benchmark.

    Attributes:
        name: As `--tables` takes it.
        domain: The space.
        rows: The position of a point, by its values, in the columns below.
        validation: What a strategy sees, larger is better.
        test: What is reported, larger is better.
        costs: What the architectures cost, e.g. {"params": ...}; smaller is better.
        early: The validation score after a cheap training, if the benchmark has one.
    """

    name: str
    domain: TableDomain
    rows: Mapping[Key, int]
    validation: np.ndarray
    test: np.ndarray
    costs: Mapping[str, np.ndarray]
    early: np.ndarray | None = None

    def row(self, values: Values) -> int:
        return self.rows[tuple(values.values())]


def load_tables(folder: Path) -> dict[str, Callable[[], Table]]:
    """Returns how to read each table of the folder, by name."""
    readers: dict[str, Callable[[], Table]] = {}
    for task in ("c10", "c100", "in16"):
        readers[f"nas201-{task}"] = lambda task=task: nas201(folder, task)
    readers["macro"] = lambda: nasbench_macro(folder)
    for task in ("class_object", "class_scene", "jigsaw", "room_layout"):
        readers[f"tnb-micro-{task}"] = lambda task=task: tnb_micro(folder, task)
        readers[f"tnb-macro-{task}"] = lambda task=task: tnb_macro(folder, task)
    for task in ("autoencoder", "normal", "segmentsemantic"):  # the macro table lacks them
        readers[f"tnb-micro-{task}"] = lambda task=task: tnb_micro(folder, task)
    for task in ("naval", "parkinsons", "protein", "slice"):
        readers[f"fcnet-{task}"] = lambda task=task: fcnet(folder, task)
    return readers


def nas201(folder: Path, task: str) -> Table:
    """NAS-Bench-201: 200 epochs; isomorphic cells are twins, the one with most `none` stands."""
    rows = _csv(folder / "nas201.csv.gz")
    keys = [tuple(row["ops"]) for row in rows]
    smallest: dict[str, Key] = {}
    for row, key in zip(rows, keys, strict=True):
        smallest[row["iso"]] = min(smallest.get(row["iso"], key), key)
    return _table(
        f"nas201-{task}",
        tuple(_choice(f"edge_{a}_{b}", "01234") for a, b in EDGES),
        keys,
        validation=_column(rows, f"{task}_val"),
        test=_column(rows, f"{task}_test"),
        costs={"params": _column(rows, "params_m"), "macs": _column(rows, "flops_m")},
        twins={key: smallest[row["iso"]] for row, key in zip(rows, keys, strict=True)},
        shape=cell_features,
        early=_column(rows, f"{task}_val_e12"),
    )


def tnb_micro(folder: Path, task: str) -> Table:
    """TransNAS-Bench-101, cells; edges that lead nowhere are none."""
    rows = _csv(folder / "tnb101_micro.csv.gz")
    keys = [tuple(row["ops"]) for row in rows]
    scores = _column(rows, f"{task}_val")
    return _table(
        f"tnb-micro-{task}",
        tuple(_choice(f"edge_{a}_{b}", "0123") for a, b in EDGES),
        keys,
        validation=scores,
        test=scores,
        costs={"params": _column(rows, "params_m"), "macs": _column(rows, "flops_m")},
        twins={key: live_edges(key) for key in keys},
        shape=cell_features,
    )


def tnb_macro(folder: Path, task: str) -> Table:
    """TransNAS-Bench-101, networks of 4 to 6 modules; it lists some of them only."""
    rows = _csv(folder / "tnb101_macro.csv.gz")
    keys: list[Key] = [(len(row["modules"]), *row["modules"]) for row in rows]
    scores = _column(rows, f"{task}_val")
    depth = Parameter("depth", ParameterKind.INT, low=4, high=6)
    modules = tuple(_choice(f"module_{n}", "1234", deeper_than=n) for n in range(1, 7))
    return _table(
        f"tnb-macro-{task}",
        (depth, *modules),
        keys,
        validation=scores,
        test=scores,
        shape=lambda key: {"depth": len(key) - 1, **_counts(key[1:], "1234")},
    )


def nasbench_macro(folder: Path) -> Table:
    """NAS-Bench-Macro: eight blocks in a row; the first run is seen, the others are the test."""
    rows = _csv(folder / "nasbench_macro.csv.gz")
    return _table(
        "macro",
        tuple(_choice(f"block_{n}", "012") for n in range(1, 9)),
        [tuple(row["arch"]) for row in rows],
        validation=_column(rows, "acc_s0"),
        test=(_column(rows, "acc_s1") + _column(rows, "acc_s2")) / 2,
        costs={"params": _column(rows, "params_m"), "macs": _column(rows, "flops_m")},
        shape=lambda key: _counts(key, "012"),
    )


def fcnet(folder: Path, task: str) -> Table:
    """FCNet: two dense layers and how to train them; the scores are -log(mean squared error)."""
    with np.load(folder / "fcnet_hpolib.npz") as file:
        space = json.loads(bytes(file["space_json"]).decode())
        index = file["index"]
        name = next(
            n.removeprefix("val_mse__") for n in file.files if n.startswith(f"val_mse__{task}")
        )
        scores = -np.log(file[f"val_mse__{name}"].astype(float))
        params = file[f"params__{name}"].astype(float)
    choices = list(space.values())
    keys = [tuple(choices[n][i] for n, i in enumerate(row)) for row in index.tolist()]
    return _table(
        f"fcnet-{task}",
        tuple(Parameter(n, ParameterKind.CHOICE, choices=tuple(c)) for n, c in space.items()),
        keys,
        validation=scores[:, 0],
        test=scores[:, 1:].mean(1),
        costs={"params": params},
    )


def live_edges(key: Key) -> Key:
    """Returns the cell with every edge off the way from node 0 to node 3 set to none, "0"."""
    used = {edge for edge, op in zip(EDGES, key, strict=True) if op != "0"}
    forth, back = {0}, {3}
    for a, b in EDGES:
        forth |= {b} if (a, b) in used and a in forth else set()
    for a, b in reversed(EDGES):
        back |= {a} if (a, b) in used and b in back else set()
    return tuple(
        op if a in forth and b in back else "0" for (a, b), op in zip(EDGES, key, strict=True)
    )


def cell_features(key: Key) -> dict[str, float]:
    """Counts of the live operations, paths from input to output, and convolutions in a row."""
    cell = live_edges(key)
    paths, depth = [1, 0, 0, 0], [0, 0, 0, 0]
    for (a, b), op in zip(EDGES, cell, strict=True):
        if op != "0":
            paths[b] += paths[a]
            depth[b] = max(depth[b], depth[a] + (op in "23"))
    return {"paths": paths[3], "depth": depth[3], **_counts(cell, "01234")}


def _table(
    name: str,
    parameters: tuple[Parameter, ...],
    keys: list[Key],
    *,
    validation: np.ndarray,
    test: np.ndarray,
    costs: Mapping[str, np.ndarray] | None = None,
    twins: Mapping[Key, Key] | None = None,
    shape: Callable[[Key], dict[str, float]] = lambda key: {},
    early: np.ndarray | None = None,
) -> Table:
    twins = twins or {key: key for key in keys}
    rows = {key: number for number, key in enumerate(keys)}
    costs = costs or {}
    known = {
        key: {**{n: math.log(c[rows[key]] + 1e-9) for n, c in costs.items()}, **shape(key)}
        for key in set(twins.values())
    }
    domain = TableDomain(parameters, twins=twins, known=known)
    return Table(name, domain, rows, validation, test, costs, early)


def _choice(name: str, choices: str, deeper_than: int | None = None) -> Parameter:
    deep = tuple(depth for depth in (4, 5, 6) if deeper_than is None or depth >= deeper_than)
    conditions = (Condition("depth", deep),) if len(deep) < 3 else ()
    return Parameter(name, ParameterKind.CHOICE, choices=tuple(choices), conditions=conditions)


def _counts(key: Key, symbols: str) -> dict[str, float]:
    return {f"count_{symbol}": key.count(symbol) for symbol in symbols}


def _csv(path: Path) -> list[Row]:
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


def _column(rows: list[Row], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in rows])
