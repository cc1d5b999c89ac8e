"""What the course's benchmarks cost and hold: `python -m benchmarks.bench_course`.

With `--gradings 100` it grades the assignment on strategies for so many students, each with a seed
of their own: the reference, another right solution, and random search.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections import Counter
from typing import Any

import numpy as np
from scipy.stats import kendalltau

import nas_nb as nas
from nas_nb.course.benchmark import Benchmark
from tests.course.submissions import CELLS, OTHER_SOLUTION, SUBMISSIONS

FIRST_USE = """
import nas_nb as nas
bench = nas.benchmark("digits")
bench.race(["random", "evolution"], seeds=3, trials=40)
nas.check("local_search", bench, seeds=10)
"""
STRATEGIES = ("random", "evolution", "local_search", "greedy", "reinforce", "predictor")
SEEDS, TRIALS = 50, 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gradings", type=int, default=0)
    given = parser.parse_args()
    if given.gradings:
        grade(given.gradings)
        return
    subprocess.run([sys.executable, "-c", FIRST_USE], check=True)
    spent = os.times()
    print(f"first use, {spent.children_user + spent.children_system:.2f} CPU s: {FIRST_USE}")
    bench, began = nas.benchmark("digits"), time.process_time()
    for strategy in ("random", "evolution", "local_search"):
        bench.race([strategy], seeds=20, trials=TRIALS)
    print(f"60 searches of {TRIALS} trials: {time.process_time() - began:.2f} CPU s\n")
    for name in ("digits", "breast_cancer"):
        describe(nas.benchmark(name))


def grade(count: int) -> None:
    """Prints in how many gradings each solution gets full marks, and which tests it fails."""
    random = SUBMISSIONS["strategy"]["random"][0]
    solutions = {"reference": {}, "other": OTHER_SOLUTION, "random": random}
    lost = {name: Counter[str]() for name in solutions}
    full, took_s = Counter[str](), dict.fromkeys(solutions, 0.0)
    for number in range(count):
        for name, answers in solutions.items():
            names: dict[str, object] = {}
            began = time.process_time()
            failed = [test for cell in CELLS if (test := failing(cell, answers, number, names))]
            took_s[name] += time.process_time() - began
            full[name] += not failed
            lost[name].update(failed)
    for name, tests in lost.items():
        print(
            f"{name}: full marks in {full[name]} of {count} gradings, "
            f"{took_s[name] / count:.1f} CPU s each; failed: {dict(tests)}"
        )


def failing(cell: Any, answers: dict[str, str], number: int, names: dict[str, object]) -> str:
    """Runs a cell of the assignment; returns the name of a test that failed, else nothing."""
    told = cell.metadata["course"]
    if told["assignment"] == "strategy" and cell.cell_type == "code":
        source = answers.get(told.get("name"), cell.source)
        try:
            exec(source.replace('"student id"', f'"student {number}"'), names)
        except AssertionError:
            return str(told["name"])
    return ""


def describe(bench: Benchmark) -> None:
    table = bench.table
    final = np.nanmean(table.scores, axis=0)
    print(f"{bench!r}, made with {table.about}")
    counts = np.isfinite(table.scores[:, :, -1]).sum(axis=0)
    print(f"trainings: {counts.sum()}, {np.nansum(table.seconds) / 60:.0f} CPU minutes")
    print(
        "scores: "
        + ", ".join(
            f"{q} % {np.quantile(final[:, -1], q / 100):.4f}" for q in (0, 10, 50, 90, 99, 100)
        )
    )
    several = counts > 1
    if several.any():
        spread = np.nanstd(table.scores[:, several, -1], axis=0, ddof=1)
        print(
            f"standard deviation between seeds: median {np.median(spread):.4f}, of {several.sum()} "
            f"architectures with {counts[several].min()} to {counts.max()} seeds"
        )
    best = bench.ranked(1)[0].measured
    print(
        f"best: {best.score:.4f} ± {best.standard_error:.4f} of {best.seeds} seeds; "
        f"{(final[:, -1] >= best.score - 0.01).sum()} architectures are within 0.01 of it"
    )
    tau = [kendalltau(final[:, k], final[:, -1]).statistic for k in (0, 1, 2, 5, 8)]
    print("Kendall's tau of epochs 1, 2, 3, 6, 9 with 12:", *(f"{one:.2f}" for one in tau))
    tested = kendalltau(final[:, -1], np.nanmean(table.test, axis=0)).statistic
    print(f"Kendall's tau of validation with test accuracy: {tested:.2f}")
    for one in bench.ranked(3):
        print(one.rank, f"{one.measured.score:.4f}", f"test {one.measured.test:.4f}", one.values)
    for strategy in STRATEGIES:
        found = [bench.regret(h) for h in bench.race([strategy], SEEDS, TRIALS).popitem()[1]]
        print(f"{strategy:14} regret {np.mean(found):.4f} ± {np.std(found) / SEEDS**0.5:.4f}")
    print()


if __name__ == "__main__":
    main()
