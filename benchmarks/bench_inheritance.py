"""What inherited weights are worth to evolution, by epochs of training.

Run it with `python -m benchmarks.bench_inheritance` (about five minutes). The threshold was written
down before the first run: inheriting has to reach the accuracy that evolution without it has after
its whole budget (the median over the seeds) within three quarters of the epochs, in the median over
the seeds, on both data sets. Otherwise it is not worth its code.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile

import nas_nb as nas
from benchmarks.accuracy_data import DATASETS
from nas_nb.data.dataset import Data
from nas_nb.search.search import Search

SPACE = {
    "layers": ["Conv2D", "Dense"],
    "units": [8, 16, 32],
    "activations": ["relu", "tanh"],
    "depth": [1, 2, 3],
}
TRIALS, EPOCHS = 24, 3
THRESHOLD = 0.75


def best_so_far(data: Data, seed: int, *, inherit: bool) -> list[float]:
    """Returns the best validation accuracy after each epoch of one search."""
    options = {"population": 6, "sample": 3, "inherit_weights": inherit}
    with tempfile.TemporaryDirectory() as folder:
        search = Search(
            nas.SearchSpace.from_dict(SPACE),
            data,
            strategy="evolution",
            strategy_options=options,
            max_trials=TRIALS,
            epochs=EPOCHS,
            seed=seed,
            directory=folder,
        ).run()
    best, seen = 0.0, []
    for trial in search.history:
        for logs in trial.curve:
            best = max(best, logs["val_accuracy"])
            seen.append(best)
    return seen


def epochs_to(goal: float, seen: list[float]) -> float:
    """Returns after how many epochs a search was as good as the goal; infinity for never."""
    return next((epoch for epoch, best in enumerate(seen, 1) if best >= goal), float("inf"))


def main() -> None:
    """Prints, for each data set, the epochs to the goal with and without inheriting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    seeds = parser.parse_args().seeds
    total = TRIALS * EPOCHS
    for name in ("digits", "patches"):
        data = DATASETS[name]()
        plain, inheriting = (
            [best_so_far(data, seed, inherit=inherit) for seed in range(seeds)]
            for inherit in (False, True)
        )
        goal = statistics.median(seen[-1] for seen in plain)
        needed = statistics.median(epochs_to(goal, seen) for seen in inheriting)
        final = statistics.median(seen[-1] for seen in inheriting)
        print(
            f"{name}: {goal:.4f} after {total} epochs; inheriting reaches it after {needed:g} "
            f"(at most {THRESHOLD * total:g} asked) and ends at {final:.4f}"
        )


if __name__ == "__main__":
    main()
