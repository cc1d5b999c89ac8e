"""How good the strategies are on published tables, and what a proposal costs.

Run it with `python benchmarks/bench_strategies.py FOLDER`, where FOLDER holds the tables
(`nas201.csv.gz` and so on, see `tables.py`). It prints, for each table and strategy, the test
score of the architecture that is best by validation after 50, 100 and 200 distinct evaluations,
as mean ± standard error over the seeds, and the mean CPU milliseconds of a proposal. Where
a strategy is worse than `random` by more than one standard error, the line says so.

Trainings are all that is counted, so `auto` is `predictor` here, proposal for proposal, as its
tests say: its rows would be the same.

`optuna-tpe` (multivariate) and `keras-tuner-random` are the libraries themselves, as baselines;
what they propose twice isn't counted again.

With `--out FILE` every search is kept as a line of the file as soon as it is over, and isn't run
again by the next call.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from results import Results, Run, behind, summary
from tables import Table, load_tables

from nas_nb.record.history import History
from nas_nb.record.trial import Values, values_key
from nas_nb.strategy.base import SpaceExhausted, proposal_rng
from nas_nb.strategy.registry import make_strategy

MARKS = (50, 100, 200)
REPEATS = 2000
"""Proposals of known architectures in a row after which a baseline counts as stuck."""

APART = 100_003
"""Between KerasTuner's seeds: it counts up from its seed at each value, so near ones overlap."""

DEFAULTS = (
    "random",
    "predictor",
    "evolution",
    "local_search",
    "greedy",
    "reinforce",
    "nsga2",
    "tpe",
    "nsga2",
    "cma_es",
    "optuna-tpe",
    "keras-tuner-random",
)

Proposer = Callable[[Table, int], Iterator[tuple[Values, float]]]
"""Yields distinct points and the seconds that each took to be proposed."""

Measure = Callable[[Table, Proposer, int], Run]


def ours(name: str) -> Proposer:
    """One of our strategies, with its default options."""

    def propose(table: Table, seed: int) -> Iterator[tuple[Values, float]]:
        history = History()
        history.apply(
            {"event": "search_opened", "objective": "score", "direction": "max", "seed": seed}
        )
        strategy = make_strategy(name, table.domain)
        for number in range(max(MARKS)):
            began = time.process_time()
            try:
                values = strategy.propose(history, proposal_rng(seed, number))
            except SpaceExhausted:
                return
            yield values, time.process_time() - began
            _record(history, table, number, values, name)

    return propose


def _record(history: History, table: Table, number: int, values: Values, origin: str) -> None:
    row = table.row(values)
    costs = {name: float(column[row]) for name, column in table.costs.items()}
    score = float(table.validation[row])
    for event in (
        {"event": "trial_proposed", "values": values, "origin": origin},
        {"event": "trial_started", "attempt": 1, "seed": number, "epochs": None},
        {"event": "trial_built", "costs": costs, "note": None},
        {"event": "trial_ended", "status": "completed", "score": score, "reason": None},
    ):
        history.apply({"trial": number, **event})


def optuna_tpe(table: Table, seed: int) -> Iterator[tuple[Values, float]]:
    """Optuna's own tree-structured Parzen estimator, multivariate."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True)
    study = optuna.create_study(sampler=sampler, direction="maximize")

    def ask() -> tuple[Values, Callable[[float], None]]:
        trial = study.ask()
        values: dict[str, Any] = {}
        for p in table.domain.parameters:
            if all(values.get(c.parent) in c.values for c in p.conditions):
                values[p.name] = trial.suggest_categorical(p.name, list(p.values()))
        return values, lambda score: study.tell(trial, score)

    yield from _distinct(table, ask)


def keras_tuner_random(table: Table, seed: int) -> Iterator[tuple[Values, float]]:
    """KerasTuner's own random search, without its files."""
    import keras_tuner as kt

    from nas_nb.space.hyperparameters import to_hyperparameters

    class Oracle(kt.oracles.RandomSearchOracle):
        def save(self) -> None:
            """Writes nothing."""

        def _save_trial(self, trial: object) -> None:
            """Writes nothing."""

    oracle = Oracle(
        objective=kt.Objective("score", "max"),
        max_trials=REPEATS,
        seed=1 + APART * seed,  # it takes 0 for "none given"
        hyperparameters=to_hyperparameters(table.domain),
    )
    oracle.verbose = 0

    def ask() -> tuple[Values, Callable[[float], None]]:
        trial = oracle.create_trial("bench")

        def tell(score: float) -> None:
            oracle.update_trial(trial.trial_id, {"score": score})
            trial.status = "COMPLETED"
            oracle.end_trial(trial)

        return dict(trial.hyperparameters.values), tell

    yield from _distinct(table, ask)


def _distinct(
    table: Table, ask: Callable[[], tuple[Values, Callable[[float], None]]]
) -> Iterator[tuple[Values, float]]:
    seen: set[str] = set()
    took = 0.0
    for _ in range(REPEATS):
        began = time.process_time()
        values, tell = ask()
        took += time.process_time() - began
        if not table.domain.contains(values):
            tell(float(table.validation.min()))
            continue
        point = table.domain.canonical(values)
        tell(float(table.validation[table.row(point)]))
        if (key := values_key(point)) not in seen:
            seen.add(key)
            yield point, took
            took = 0.0


BASELINES: dict[str, Proposer] = {
    "optuna-tpe": optuna_tpe,
    "keras-tuner-random": keras_tuner_random,
}


def run(table: Table, proposer: Proposer, seed: int) -> Run:
    """Runs one search."""
    best, test, validation, took = -np.inf, [], [], []
    chosen = -1
    for number, (values, seconds) in zip(
        range(1, max(MARKS) + 1), proposer(table, seed), strict=False
    ):
        took.append(seconds)
        row = table.row(values)
        if table.validation[row] > best:
            best, chosen = table.validation[row], row
        if number in MARKS:
            test.append(float(table.test[chosen]))
            validation.append(float(best))
    missing = len(MARKS) - len(test)  # an exhausted space stays at its best
    test += [float(table.test[chosen])] * missing
    validation += [float(best)] * missing
    return Run(test, validation, 1000 * statistics.fmean(took))


def all_runs(
    table: Table, strategy: str, seeds: int, results: Results, measure: Measure = run
) -> list[Run]:
    """Returns the runs of a strategy on a table: those that are known, and the rest, made now."""
    proposer = BASELINES[strategy] if strategy in BASELINES else ours(strategy)
    for seed in range(seeds):
        key = (table.name, strategy, seed)
        if key not in results:
            results.add(key, measure(table, proposer, seed))
    return [results[table.name, strategy, seed] for seed in range(seeds)]


def main() -> None:
    """Prints one line for each table and strategy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--strategies", nargs="+", default=DEFAULTS)
    parser.add_argument("--tables", nargs="+", help="names, or beginnings of names; default all")
    parser.add_argument("--out", type=Path, help="a JSONL file: what it holds is not run again")
    asked = parser.parse_args()
    results = Results(asked.out)
    print(f"test score of the best by validation [its validation score] after {MARKS} distinct")
    for name, read in load_tables(asked.folder).items():
        if asked.tables and not any(f"{name}-".startswith(f"{t}-") for t in asked.tables):
            continue
        table = read()
        baseline: list[Run] = []
        for strategy in asked.strategies:
            runs = all_runs(table, strategy, asked.seeds, results)
            if strategy == "random":
                baseline = runs
            worse = [MARKS[mark] for mark in behind(runs, baseline or runs)]
            said = f"  worse than random after {worse}" if worse else ""
            print(f"{name:22} {strategy:18} {summary(runs)}{said}", flush=True)


if __name__ == "__main__":
    main()
