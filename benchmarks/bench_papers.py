"""Our strategies under the protocols of papers that searched NAS-Bench-201.

Run it with `python benchmarks/bench_papers.py FOLDER`, where FOLDER holds `nas201.csv.gz`.

Dong & Yang (NAS-Bench-201, ICLR 2020) let each algorithm search CIFAR-10 for 12,000 seconds. Here a
candidate is judged by its validation accuracy after 12 epochs and costs their time; what counts is
the test accuracy, after 200 epochs, of the best found. They report 93.92 ± 0.30 for regularised
evolution (population 10, sample 3 in their scripts), 93.85 ± 0.37 for REINFORCE and 93.70 ± 0.36
for random search, mean and standard deviation over searches.

All 15,625 cells count here, too, and cost what they cost: an isomorphic twin is paid for again. The
table knows the seconds of 200 epochs; 12 of them are taken as 12/200 of that. What the paper adds
for validation it doesn't know: `WITH_VALIDATION` is chosen so that random search, of which there is
but one way, tries 95 cells, the number that gives the paper's figure for it. With that the others
are compared. The paper's are 500 searches each. One thing still differs: a strategy here never pays
for a cell twice.

White, Nolen & Savani (Local Search is State of the Art for NAS Benchmarks, 2020, the first version
of the paper of local search) say that on CIFAR-100 it reaches the best cell after training 127
architectures on average. All 15,625 cells count there, twins too. Their simplest form, which
trains all neighbours and goes on from the best, is `greedy` here; `local_search` is their quicker
form, which goes on from the first that is better. `--until-best` counts the same.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from tables import Table, TableDomain, nas201

from nas_nb.record.history import History
from nas_nb.strategy.base import Strategy, proposal_rng
from nas_nb.strategy.registry import make_strategy

BUDGET_S = 12_000.0
SEARCHES = 500
WITH_VALIDATION = 1.15
EARLY = WITH_VALIDATION * 12 / 200

# Evolution as in the authors' scripts, the others as they come.
ALGORITHMS: dict[str, tuple[str, dict[str, Any], str]] = {
    "random": ("random", {}, "93.70 ± 0.36"),
    "evolution": ("evolution", {"population": 10, "sample": 3}, "93.92 ± 0.30"),
    "reinforce": ("reinforce", {}, "93.85 ± 0.37"),
}


def every_cell(table: Table) -> TableDomain:
    """Returns the space in which a twin is a cell like any other."""
    return TableDomain(table.domain.parameters, twins={key: key for key in table.rows})


def run(table: Table, seconds: np.ndarray, strategy: Strategy, seed: int) -> tuple[float, int]:
    """Returns the test accuracy of the best after the budget, and how many were tried."""
    assert table.early is not None
    history = History()
    about = {"objective": "score", "direction": "max", "seed": seed}
    history.apply({"event": "search_opened", **about})
    spent, best, chosen = 0.0, -np.inf, 0
    while True:
        values = strategy.propose(history, proposal_rng(seed, len(history)))
        row, number = table.row(values), len(history)
        spent += EARLY * float(seconds[row])
        if spent > BUDGET_S:
            return float(table.test[chosen]), number
        score = float(table.early[row])
        if score > best:
            best, chosen = score, row
        costs = {name: float(column[row]) for name, column in table.costs.items()}
        for event in (
            {"event": "trial_proposed", "values": values, "origin": strategy.name},
            {"event": "trial_started"},
            {"event": "trial_built", "costs": costs},
            {"event": "trial_ended", "status": "completed", "score": score},
        ):
            history.apply({"trial": number, **event})


def compared(scores: list[float], error: float, paper: str) -> str:
    """Returns the paper's figure, and how far off ours is; both have a standard error."""
    mean, deviation = map(float, paper.split(" ± "))
    off, both = statistics.fmean(scores) - mean, math.hypot(error, deviation / SEARCHES**0.5)
    return f"{paper}: {off:+.3f} ± {both:.3f}, {off / deviation:+.2f} of its deviations"


def until_best(table: Table, strategy: Strategy, seed: int) -> int:
    """Returns how many architectures a strategy trains until it has the best by validation."""
    history = History()
    about = {"objective": "score", "direction": "max", "seed": seed}
    history.apply({"event": "search_opened", **about})
    while True:
        number = len(history)
        values = strategy.propose(history, proposal_rng(seed, number))
        score = float(table.validation[table.row(values)])
        for event in (
            {"event": "trial_proposed", "values": values, "origin": strategy.name},
            {"event": "trial_started"},
            {"event": "trial_ended", "status": "completed", "score": score},
        ):
            history.apply({"trial": number, **event})
        if score == table.validation.max():
            return number + 1


def print_until_best(folder: Path, seeds: int) -> None:
    """Prints how many architectures local search trains until it has the best."""
    table = nas201(folder, "c100")
    print("architectures trained until the best of CIFAR-100: mean ± standard error; the paper's")
    for name in ("greedy", "local_search"):
        for cells, domain in (("all cells", every_cell(table)), ("without twins", table.domain)):
            bound = make_strategy(name, domain)
            counts = [until_best(table, bound, seed) for seed in range(seeds)]
            error = statistics.stdev(counts) / seeds**0.5
            print(f"{name:8} {cells:14} {statistics.fmean(counts):.0f} ± {error:.0f}; 127")


def main() -> None:
    """Prints one line for each algorithm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--strategies", nargs="+", default=tuple(ALGORITHMS))
    parser.add_argument("--until-best", action="store_true", help="only that, of local search")
    asked = parser.parse_args()
    if asked.until_best:
        print_until_best(asked.folder, asked.seeds)
        return
    table = nas201(asked.folder, "c10")
    domain = every_cell(table)
    with gzip.open(asked.folder / "nas201.csv.gz", "rt", newline="") as file:
        seconds = np.array([float(row["c10_train_s"]) for row in csv.DictReader(file)])
    print("test accuracy: mean ± standard deviation (standard error); the paper's; candidates")
    for name in asked.strategies:
        strategy, options, paper = ALGORITHMS[name]
        bound = make_strategy(strategy, domain, **options)
        runs = [run(table, seconds, bound, seed) for seed in range(asked.seeds)]
        scores = [score for score, _ in runs]
        spread = statistics.stdev(scores)
        tried = statistics.fmean(count for _, count in runs)
        error = spread / len(scores) ** 0.5
        mean = f"{statistics.fmean(scores):.2f} ± {spread:.2f} ({error:.3f})"
        print(f"{name:12} {mean}; {compared(scores, error, paper)}; {tried:.0f}", flush=True)


if __name__ == "__main__":
    main()
