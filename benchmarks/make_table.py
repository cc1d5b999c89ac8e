"""Trains every architecture of a teaching space, and packs what was measured into a table.

`python -m benchmarks.make_table digits FOLDER` trains; it goes on where it was ended, and
`--pack FILE` writes the table of all that is complete. One thread, one training after the other.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import tensorflow as tf

import nas_nb as nas
from benchmarks.packed_table import pack
from nas_nb.course.benchmark import TABLES
from nas_nb.course.table import LOSS_STEP, POINT_COLUMNS, RUN_COLUMNS, read_columns
from nas_nb.evaluate.costs import macs, params
from nas_nb.evaluate.global_state import seeded, trial_seed
from nas_nb.evaluate.trainer import train
from nas_nb.space.domain import Domain

EPOCHS = 12


@dataclass(frozen=True)
class Recipe:
    """What a table is made of.

    Attributes:
        choices: The space, as a dictionary.
        batch_size: Samples a step.
        later: The value whose architectures are trained after the others of each seed: those
            without it are a smaller space of their own, which is packed where it alone is complete.
        best: So many of the best are trained from ten more seeds, after the others.
        seeds: From so many seeds every architecture is trained.
    """

    choices: dict[str, Any]
    batch_size: int
    later: int = 0
    best: int = 0
    seeds: int = 3


MORE_SEEDS = 10
_BOTH = {"activations": ["relu", "tanh"], "depth": [1, 2, 3], "normalization": ["none", "batch"]}
RECIPES = {
    "digits": Recipe(
        {"layers": ["Conv2D", "Dense"], "units": [4, 8, 16, 32], **_BOTH}, 64, later=32, best=200
    ),
    "breast_cancer": Recipe(
        {"layers": ["Dense"], "units": [4, 16], "learning_rate": [0.001, 0.003, 0.01], **_BOTH}, 32
    ),
}
"""By the data set's name: 4,512 and 504 architectures."""

RUNS = "runs.jsonl"
COSTS = "costs.jsonl"


class Never:
    """A control that lets each training end by itself."""

    def checkpoint(self) -> bool:
        return False


class Table:
    """What was trained so far, as lines in a folder."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.recipe, self.folder = name, RECIPES[name], folder
        self.data = nas.load(name)
        self.space = nas.SearchSpace.from_dict(self.recipe.choices).for_data(self.data.spec)
        self.points = list(self.space.domain.enumerate())
        folder.mkdir(parents=True, exist_ok=True)
        self.runs: dict[tuple[int, int], dict[str, Any]] = {}
        self.costs: dict[int, dict[str, Any]] = {}
        self.take(TABLES / f"{name}.table")
        self.runs |= {(run["point"], run["seed"]): run for run in lines(folder / RUNS)}
        self.costs |= {cost["point"]: cost for cost in lines(folder / COSTS)}

    def take(self, file: Path) -> None:
        """Takes over what the package has of it, so that a published table is continued."""
        if not file.exists():
            return
        head, columns = read_columns(file.read_bytes())
        places = {tuple(values.items()): point for point, values in enumerate(self.points)}
        domain = Domain.from_json(head["domain"])
        points = [places[tuple(values.items())] for values in domain.enumerate()]
        for row in range(head["runs"]):
            run = {name: columns[name][row].tolist() for name in RUN_COLUMNS}
            run = {name: kept[0] if len(kept) == 1 else kept for name, kept in run.items()}
            run["point"] = points[run["point"]]
            self.runs[run["point"], run["seed"]] = run
        for place, point in enumerate(points):
            self.costs[point] = {name: int(columns[name][place, 0]) for name in POINT_COLUMNS}

    def train(self, point: int, seed: int) -> None:
        """Trains an architecture, unless that was done, and appends what was measured."""
        if (point, seed) in self.runs:
            return
        began = time.process_time()
        own = trial_seed(seed, point)
        with seeded(own):
            model = self.space.build_values(self.points[point])
        logs: list[dict[str, float]] = []
        train(
            model,
            self.data,
            epochs=EPOCHS,
            batch_size=self.recipe.batch_size,
            seed=own,
            on_epoch=lambda _, epoch, __: logs.append(dict(epoch)),
            control=Never(),
        )
        seconds = time.process_time() - began
        run = {
            "point": point,
            "seed": seed,
            "right": [round(log["val_accuracy"] * len(self.data.y_val)) for log in logs],
            "loss": [round(log["val_loss"] / LOSS_STEP) for log in logs],
            "train_right": [round(log["accuracy"] * len(self.data.y_train)) for log in logs],
            "test_right": self.tested(model),
            "milliseconds": round(seconds * 1000),
        }
        append(self.folder / RUNS, run)
        self.runs[point, seed] = run
        if point not in self.costs:
            self.costs[point] = {"point": point, "params": params(model), "macs": macs(model)}
            append(self.folder / COSTS, self.costs[point])

    def tested(self, model: Any) -> int:
        said = np.asarray(model(self.data.x_test, training=False))
        classes = said[:, 0] > 0.5 if said.shape[1] == 1 else said.argmax(1)
        return int((classes == self.data.y_test.reshape(-1)).sum())

    def best(self, seeds: int) -> list[int]:
        """Returns the architectures with the highest mean validation accuracy of these seeds."""
        right = defaultdict(list)
        for (point, seed), run in self.runs.items():
            if seed < seeds:
                right[point].append(run["right"][-1])
        order = sorted(right, key=lambda point: (-fmean(right[point]), point))
        return order[: self.recipe.best]

    def parts(self) -> tuple[list[int], list[int]]:
        """Returns the architectures without the value that comes later, and those with it."""
        later = [self.recipe.later in values.values() for values in self.points]
        numbers = range(len(later))
        return [n for n in numbers if not later[n]], [n for n in numbers if later[n]]

    def todo(self) -> Iterator[tuple[int, int]]:
        """Yields what a whole table needs, in the order in which it is trained."""
        for seed in range(self.recipe.seeds):
            yield from ((point, seed) for part in self.parts() for point in part)
        more = range(self.recipe.seeds, self.recipe.seeds + MORE_SEEDS)
        best = self.best(self.recipe.seeds)
        yield from ((point, seed) for seed in more for point in best)

    def packed(self) -> bytes:
        """Returns the table of what is complete: the space, else its part, for whole seeds."""
        first, later = self.parts()
        for points in (sorted(first + later), first):
            seeds = self.complete(points, self.recipe.seeds)
            if seeds:
                break
        else:
            raise SystemExit("No seed is complete yet.")
        chosen = {(point, seed) for point in points for seed in range(seeds)}
        if len(points) == len(self.points):
            best = self.best(seeds)
            more = range(seeds, self.complete(best, seeds + MORE_SEEDS))
            chosen |= {(point, seed) for point in best for seed in more}
        choices = dict(self.recipe.choices)
        if len(points) < len(self.points):
            choices["units"] = [units for units in choices["units"] if units != self.recipe.later]
        domain = nas.SearchSpace.from_dict(choices).for_data(self.data.spec).domain
        assert list(domain.enumerate()) == [self.points[point] for point in points]
        place = {point: number for number, point in enumerate(points)}
        runs = [{**self.runs[key], "point": place[key[0]]} for key in sorted(chosen)]
        return pack(self.name, domain, runs, [self.costs[p] for p in points], self.about())

    def complete(self, points: list[int], most: int) -> int:
        """Returns how many of the seeds, from the first, all these architectures have."""
        whole = (all((point, seed) in self.runs for point in points) for seed in range(most))
        return sum(takewhile(bool, whole)) if points else 0

    def about(self) -> dict[str, Any]:
        parts = ("train", "val", "test")
        return {
            "epochs": EPOCHS,
            "batch_size": self.recipe.batch_size,
            "rows": {part: len(self.data.part(part)[0]) for part in parts},
            "versions": {name: version(name) for name in ("keras", "tensorflow", "numpy")},
            "processor": f"{platform.machine()}, one thread",
            "made": time.strftime("%Y-%m-%d", time.gmtime()),
        }


def lines(file: Path) -> list[dict[str, Any]]:
    """Returns the whole lines of a file: one that was cut off is trained again."""
    if not file.exists():
        return []
    whole = [line for line in file.read_text().splitlines(keepends=True) if line.endswith("}\n")]
    file.write_text("".join(whole))
    return [json.loads(line) for line in whole]


def append(file: Path, entry: dict[str, Any]) -> None:
    with file.open("a") as stream:
        stream.write(json.dumps(entry, separators=(",", ":")) + "\n")


def run(table: Table, todo: Iterable[tuple[int, int]], trainings: int | None) -> None:
    began, cpu, done = time.time(), time.process_time(), 0
    for point, seed in todo:
        if (point, seed) in table.runs:
            continue
        if done == trainings:
            break
        table.train(point, seed)
        done += 1
        if done % 100 == 0 or done == trainings:
            each = (time.process_time() - cpu) / done
            print(
                f"{done} trainings, {each:.3f} CPU s each, {(time.time() - began) / done:.3f} s "
                f"by the clock; {len(table.runs)} in all, now seed {seed}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("folder", type=Path, help="where the measurements are, and go")
    parser.add_argument("--trainings", type=int, help="at most so many now; default: all")
    parser.add_argument("--pack", type=Path, help="the file of the table that is written at last")
    given = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    table = Table(given.name, given.folder)
    print(f"{len(table.points)} architectures, {len(table.runs)} trainings so far", flush=True)
    run(table, table.todo(), given.trainings)
    if given.pack:
        given.pack.write_bytes(table.packed())


if __name__ == "__main__":
    main()
