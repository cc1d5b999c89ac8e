"""How good the strategies with fidelities are on NAS-Bench-201, for the same training in all.

Run it with `python benchmarks/bench_fidelities.py FOLDER`, where FOLDER holds
`nas201.csv.gz`. A full training is the benchmark's of 200 epochs and costs 1; the cheap one is its
separate 12-epoch training and costs 12/200, and a full one after it still costs 1, since the
12-epoch schedule can't be continued. It prints the test score of the fully trained architecture
that is best by validation (before there is one, of the best after 12 epochs) when 5, 10, 25 and
50 full trainings' worth are spent, as mean ± standard error over the seeds.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from results import Results, Run, summary
from tables import Table, load_tables

from nas_nb.record.history import History
from nas_nb.strategy.base import Proposal, SpaceExhausted, Strategy, proposal_rng
from nas_nb.strategy.registry import make_strategy

UNITS = (5, 10, 25, 50)
FULL, EARLY = 200, 12

# One cheap rung is all that the table has: the next one up is the top.
RUNGS: dict[str, Any] = {"min_epochs": EARLY, "factor": 16}
CONTENDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "random": ("random", {}),
    "predictor": ("predictor", {}),
    "successive_halving": ("successive_halving", RUNGS),
    "hyperband": ("hyperband", {"factor": 16}),
    "bohb": ("bohb", {"factor": 16}),
    "asha": ("asha", RUNGS),
    "asha-evolution": ("asha", {**RUNGS, "proposer": "evolution"}),
    "asha-predictor": ("asha", {**RUNGS, "proposer": "predictor"}),
    "predictor-rungs": ("predictor", RUNGS),
}


def run(table: Table, strategy: Strategy, seed: int) -> Run:
    """Runs one search until the last unit is spent."""
    history = opened(seed)
    spent, took, best, chosen = 0.0, 0.0, (False, -np.inf), 0
    test: list[float] = []
    validation: list[float] = []
    while len(test) < len(UNITS):
        began = time.process_time()
        try:
            made = strategy.propose(history, proposal_rng(seed, len(history)))
        except SpaceExhausted:
            break
        took += time.process_time() - began
        proposal = made if isinstance(made, Proposal) else Proposal(made)
        full, score = measured(table, proposal)
        spent += 1.0 if full else EARLY / FULL
        while len(test) < len(UNITS) and spent > UNITS[len(test)] + 1e-9:
            test.append(float(table.test[chosen]))
            validation.append(float(table.validation[chosen]))
        if (full, score) > best:
            best, chosen = (full, score), table.row(proposal.values)
        _record(history, table, proposal, score, strategy.name)
    missing = len(UNITS) - len(test)
    test += [float(table.test[chosen])] * missing
    validation += [float(table.validation[chosen])] * missing
    return Run(test, validation, 1000 * took / max(len(history), 1))


def opened(seed: int) -> History:
    """A history whose full trainings are the benchmark's."""
    history = History()
    about = {"objective": "score", "direction": "max", "seed": seed}
    history.apply({"event": "search_opened", **about, "fidelity": {"epochs": FULL}})
    return history


def measured(table: Table, proposal: Proposal) -> tuple[bool, float]:
    """Whether it is a full training, and its validation score."""
    assert table.early is not None
    full = proposal.fidelity.get("epochs", FULL) >= FULL
    return full, float((table.validation if full else table.early)[table.row(proposal.values)])


def _record(history: History, table: Table, proposal: Proposal, score: float, origin: str) -> None:
    number, row = len(history), table.row(proposal.values)
    proposed = {"values": proposal.values, "origin": origin, "fidelity": proposal.fidelity}
    costs = {name: float(column[row]) for name, column in table.costs.items()}
    for event in (
        {"event": "trial_proposed", **proposed, "parent": proposal.parent},
        {"event": "trial_started"},
        {"event": "trial_built", "costs": costs, "note": None},
        {"event": "trial_ended", "status": "completed", "score": score, "reason": None},
    ):
        history.apply({"trial": number, **event})


def main() -> None:
    """Prints one line for each table and strategy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--strategies", nargs="+", default=tuple(CONTENDERS))
    parser.add_argument("--tables", nargs="+", help="of nas201-c10, nas201-c100, nas201-in16")
    parser.add_argument("--out", type=Path, help="a JSONL file: what it holds is not run again")
    asked = parser.parse_args()
    results = Results(asked.out)
    print(f"test score of the best by validation [its validation score] after {UNITS} trainings")
    for name, read in load_tables(asked.folder).items():
        if not name.startswith("nas201") or (asked.tables and name not in asked.tables):
            continue
        table = read()
        for contender in asked.strategies:
            strategy, options = CONTENDERS[contender]
            bound = make_strategy(strategy, table.domain, **options)
            for seed in range(asked.seeds):
                if (name, contender, seed) not in results:
                    results.add((name, contender, seed), run(table, bound, seed))
            runs = [results[name, contender, seed] for seed in range(asked.seeds)]
            print(f"{name:12} {contender:18} {summary(runs)}", flush=True)


if __name__ == "__main__":
    main()
