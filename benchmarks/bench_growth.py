"""What grows with the number of trials: the cost of one more, and the memory.

    python -m benchmarks.bench_growth                   # both, some minutes
    python -m benchmarks.bench_growth --trials 1000     # without the 10,000
    python -m benchmarks.bench_growth --memory shared   # the memory of one kind of model

A trial's cost is that of its proposal, of three epochs and an end written into a journal on disk,
and of what a panel reads after it; nothing is trained. KerasTuner's oracle does the same in its own
files. Promised: flat within 2x, and at most 5 ms. The memory is the resident memory of a process
over 300 trials of small models; promised: within 10 % after the first 30.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nas_nb.record.journal import Journal
from nas_nb.space.domain import Domain
from nas_nb.space.hyperparameters import to_hyperparameters
from nas_nb.space.parameter import Condition, Parameter, ParameterKind

MARKS = (100, 1_000, 10_000)
WINDOW = 30
EPOCHS = 3
LIMIT_MS, LIMIT_RATIO = 5.0, 2.0
MEMORY_TRIALS, SETTLED, LIMIT_GROWTH = 300, 30, 1.10


def space() -> Domain:
    """Up to three layers of a width each, and a learning rate."""
    parameters = [Parameter("depth", ParameterKind.INT, low=1, high=3)]
    for layer in range(1, 4):
        deep = (Condition("depth", tuple(range(layer, 4))),)
        parameters.append(
            Parameter(f"units_{layer}", ParameterKind.INT, low=1, high=512, conditions=deep)
        )
    rate = Parameter("rate", ParameterKind.FLOAT, low=1e-4, high=1e-1, log=True)
    return Domain((*parameters, rate))


def events(domain: Domain, trials: int) -> Iterator[dict[str, Any]]:
    """What a search has written after so many trials."""
    rng = np.random.default_rng(0)
    about = {"objective": "val_accuracy", "direction": "max", "seed": 0, "journal": 1}
    yield {"event": "search_opened", **about, "fidelity": {"epochs": EPOCHS}}
    for number in range(trials):
        score = float(rng.random())
        proposed = {"values": domain.sample(rng), "origin": "random"}
        yield {"event": "trial_proposed", "trial": number, **proposed}
        yield {"event": "trial_started", "trial": number, "attempt": 1, "epochs": EPOCHS}
        costs = {"params": int(rng.integers(1e6)), "macs": int(rng.integers(1e6))}
        yield {"event": "trial_built", "trial": number, "costs": costs}
        for epoch in range(1, EPOCHS + 1):
            logs = {"val_accuracy": score * epoch / EPOCHS}
            yield {"event": "epoch_ended", "trial": number, "epoch": epoch, "logs": logs}
        yield {"event": "trial_ended", "trial": number, "status": "completed", "score": score}


def our_ms(strategy: str, mark: int, folder: Path) -> list[float]:
    """Returns the CPU milliseconds of each trial after `mark` of them."""
    from nas_nb.oracles.strategy_oracle import StrategyOracle

    domain = space()
    file = folder / f"{strategy}-{mark}.jsonl"
    lines = (json.dumps({**event, "time": 0.0}) + "\n" for event in events(domain, mark))
    file.write_text("".join(lines))
    with Journal.open(file) as journal:
        oracle = StrategyOracle(
            strategy, hyperparameters=to_hyperparameters(domain), journal=journal
        )
        try:
            return trials_ms(oracle, lambda: journal.history.incumbent)
        finally:
            oracle.close()


def trials_ms(oracle: Any, read: Callable[[], object]) -> list[float]:
    """Runs some trials of an oracle that train nothing; the first, which warms up, is left out."""
    rng, took = np.random.default_rng(1), []
    for _ in range(WINDOW + 1):
        score = float(rng.random())
        began = time.process_time()
        trial = oracle.create_trial("bench")
        for epoch in range(EPOCHS):
            oracle.update_trial(trial.trial_id, {"val_accuracy": score}, step=epoch)
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
        read()
        took.append(1e3 * (time.process_time() - began))
    return took[1:]


def kerastuner_ms(marks: list[int], folder: Path) -> dict[int, list[float]]:
    """Returns what a trial of KerasTuner's random search costs after each mark."""
    import keras_tuner as kt

    objective = kt.Objective("val_accuracy", "max")
    hp = to_hyperparameters(space())
    oracle = kt.oracles.RandomSearchOracle(objective, 10**6, seed=1, hyperparameters=hp)
    oracle._set_project_dir(str(folder), "stock")
    oracle.verbose = 0
    took: dict[int, list[float]] = {}
    while len(took) < len(marks):
        each = trials_ms(oracle, lambda: oracle.get_best_trials(1))
        for mark in marks:
            if len(oracle.trials) >= mark:
                took.setdefault(mark, each)
    return took


def growth(strategies: list[str], most: int) -> None:
    """Prints the milliseconds of a trial at the marks."""
    marks = [mark for mark in MARKS if mark <= most]
    print(f"{'CPU ms a trial after':22}" + "".join(f"{mark:>22,}" for mark in marks))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = {s: {mark: our_ms(s, mark, folder) for mark in marks} for s in strategies}
        theirs = kerastuner_ms([mark for mark in marks if mark <= 1_000], folder)
    for strategy, row in rows.items():
        medians = [statistics.median(row[mark]) for mark in marks]
        kept = max(medians) <= LIMIT_MS and max(medians) <= LIMIT_RATIO * medians[0]
        print(
            f"{'nas_nb ' + strategy:22}" + cells(row) + ("" if kept else "  over what is promised")
        )
    print(f"{'KerasTuner random':22}" + cells(theirs))


def cells(row: dict[int, list[float]]) -> str:
    """Returns medians with quartiles."""
    text = ""
    for took in row.values():
        low, median, high = statistics.quantiles(took, n=4)
        text += f"{f'{median:.2f} ({low:.2f}-{high:.2f})':>22}"
    return text


def model(kind: str, units: int) -> Any:
    """A small model, of a topology that is shared or with a layer that nothing can share."""
    import keras
    from keras import layers

    hidden: list[Any] = [layers.Flatten(), layers.Dense(units, "relu")]
    if kind == "fallback":
        hidden.append(layers.Lambda(lambda x: x * 1.0))
    built = keras.Sequential([keras.Input((8, 8, 1)), *hidden, layers.Dense(10, "softmax")])
    built.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return built


def memory(kind: str, trials: int) -> None:
    """Prints the resident memory of this process while a search runs."""
    import psutil

    import nas_nb as nas
    from nas_nb.search.search import Search

    process = psutil.Process()
    seen: dict[int, float] = {}  # by trial, since a function may be asked twice

    def propose(history: Any, rng: Any) -> dict[str, int]:
        seen[len(history)] = process.memory_info().rss / 1e6
        return {"units": 4 + len(history)}

    space = nas.SearchSpace(lambda hp: model(kind, hp.Int("units", 4, 10_000)))
    with tempfile.TemporaryDirectory() as folder:
        data = nas.load("digits", limit=300)
        limits = {"max_trials": trials, "epochs": 1}
        Search(space, data, strategy=propose, directory=Path(folder) / "search", **limits).run()
    # What a proposal sees is the memory after as many trials as were proposed before.
    settled = seen[min(SETTLED, len(seen) - 1)]
    marks = ", ".join(f"{n}: {seen[n]:.0f} MB" for n in range(0, len(seen), max(1, trials // 10)))
    last = len(seen) - 1
    verdict = f"{seen[last] / settled:.3f} of trial {SETTLED}; promised at most {LIMIT_GROWTH}"
    print(f"memory, {kind}: {marks}, {last}: {seen[last]:.0f} MB = {verdict}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strategies", nargs="+", default=["auto", "random"])
    parser.add_argument("--trials", type=int, default=MARKS[-1], help="the highest mark")
    parser.add_argument("--memory-trials", type=int, default=MEMORY_TRIALS)
    parser.add_argument("--memory", choices=("shared", "fallback", "none"), help="that alone")
    given = parser.parse_args()
    if given.memory in ("shared", "fallback"):
        memory(given.memory, given.memory_trials)
        return
    growth(given.strategies, given.trials)
    for kind in ("shared", "fallback") if given.memory is None else ():
        again = [sys.executable, "-m", "benchmarks.bench_growth", "--memory", kind]
        subprocess.run([*again, "--memory-trials", str(given.memory_trials)], check=True)


if __name__ == "__main__":
    main()
