"""The quickstart's search against random search, over many seeds.

    python -m benchmarks.bench_quickstart [--seeds 20] [--trials 20] [--strategies evolution random]

Every architecture of the quickstart's space is trained once, as its search would train it; then
each strategy searches that table with each seed. Prints the median of what they found, and how
many architectures of the space are better. The table takes some minutes, and is kept in `--table`.
With `--trained` each search trains its own candidates, as the notebook does, which also takes some
minutes: then scores differ by the seeds of the trainings, too.
"""

from __future__ import annotations

import argparse
import statistics
from bisect import bisect_left

import keras_tuner as kt

import nas_nb as nas
from nas_nb.record.trial import values_key
from nas_nb.search.search import Search
from nas_nb.space.hyperparameters import to_hyperparameters

CHOICES = {
    "layers": ["Conv2D", "Dense"],
    "units": [16, 64],
    "activations": ["relu", "tanh"],
    "depth": [1, 2],
    "learning_rate": [0.0003, 0.001, 0.003, 0.01],
}
EPOCHS = 5


def trained_table(space: nas.SearchSpace, folder: str) -> dict[str, float]:
    """The validation loss of every architecture, by the key of its values."""
    search = searched(space, "grid", 0, space.size, folder)
    return {trial.key: float(trial.score) for trial in search.history.completed}


def searched(space: nas.SearchSpace, strategy: str, seed: int, trials: int, folder: str) -> Search:
    """The quickstart's search with a strategy and a seed, run to its end."""
    search = Search(
        space,
        nas.load("digits"),
        strategy=strategy,
        objective="val_loss",
        epochs=EPOCHS,
        max_trials=trials,
        directory=folder,
        seed=seed,
    )
    if len(search.history.completed) < trials:
        search.run()
    return search


def best_found(
    strategy: str, seed: int, trials: int, domain: object, table: dict[str, float]
) -> float:
    """The lowest loss that a strategy meets in so many trials."""
    oracle = nas.oracle(
        strategy,
        kt.Objective("val_loss", "min"),
        max_trials=trials,
        hyperparameters=to_hyperparameters(domain),
        seed=seed,
    )
    while (trial := oracle.create_trial("bench")).status == "RUNNING":
        values = oracle.history[int(trial.trial_id)].values
        oracle.update_trial(trial.trial_id, {"val_loss": table[values_key(values)]})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return float(oracle.history.incumbent.score)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--table", default="nas_nb_runs/bench_quickstart")
    parser.add_argument("--strategies", nargs="+", default=["evolution", "random"])
    parser.add_argument("--trained", action="store_true")
    given = parser.parse_args()
    space = nas.SearchSpace.from_dict(CHOICES)
    table = trained_table(space.for_data(nas.load("digits").spec), f"{given.table}/grid")
    losses = sorted(table.values())
    print(f"{len(losses)} architectures: best {losses[0]:.4f}")

    def best(name: str, seed: int) -> float:
        if not given.trained:
            return best_found(name, seed, given.trials, space.domain, table)
        search = searched(space, name, seed, given.trials, f"{given.table}/{name}-{seed}")
        return float(search.best.score)

    found = {name: [best(name, seed) for seed in range(given.seeds)] for name in given.strategies}
    for name, scores in found.items():
        print(f"{name}:", *(f"{score:.4f}" for score in scores))
        middle = statistics.median(scores)
        print(
            f"{name}: median val_loss {middle:.4f} after {given.trials} trials, "
            f"{bisect_left(losses, middle)} architectures are better"
        )
    first, *others = found.values()
    for name, scores in zip(given.strategies[1:], others, strict=True):
        wins = sum(mine < theirs for mine, theirs in zip(first, scores, strict=True))
        print(f"{given.strategies[0]} beats {name} with {wins} of {given.seeds} seeds")


if __name__ == "__main__":
    main()
