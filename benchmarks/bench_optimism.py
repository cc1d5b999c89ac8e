"""How much better a winner looks on the validation part than on the test part, over splits.

Random architectures are trained on splits of the digits that differ by their seed. After 5, 10, 20,
... trainings the best validation accuracy, and what `nas_nb.explain.confidence` believes it to be,
are compared with that model's test accuracy. The more trainings, the luckier the winner.

    python -m benchmarks.bench_optimism --splits 4 --trainings 40

With a table of known scores nothing is trained: searches see one training of each architecture, and
the truth of a trial is the mean of the others, its test accuracy that of all.

    python -m benchmarks.bench_optimism --table digits --runs 60
"""

from __future__ import annotations

import argparse
import dataclasses
import time

import numpy as np

import nas_nb as nas
from nas_nb.course.benchmark import Benchmark
from nas_nb.data.dataset import Data
from nas_nb.evaluate.global_state import seeded, trial_seed
from nas_nb.evaluate.trainer import train
from nas_nb.explain.confidence import believed_best, shrunk
from nas_nb.record.trial_facts import share_error

EPOCHS, BATCH = 5, 32
SPACE = {
    "layers": ["Dense"],
    "units": [16, 32, 64, 128],
    "activations": ["relu", "tanh"],
    "depth": [1, 2, 3],
    "dropout": [0.0, 0.2],
}


class Untiring:
    """A control that never ends a training."""

    def checkpoint(self) -> bool:
        return False


def measured(data: Data, split: int, trainings: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns validation accuracies of the last epoch, and test accuracies, of random nets."""
    space = nas.SearchSpace.from_dict(SPACE).for_data(data.spec)
    rng = np.random.default_rng(split)
    found = []
    for number in range(trainings):
        seed, logs = trial_seed(split, number), []
        with seeded(seed):
            model = space.build_values(space.domain.sample(rng))
        train(
            model,
            data,
            epochs=EPOCHS,
            batch_size=BATCH,
            seed=seed,
            on_epoch=lambda epoch, told, seconds, logs=logs: logs.append(told["val_accuracy"]),
            control=Untiring(),
        )
        test = model.evaluate(data.x_test, data.y_test, verbose=0, return_dict=True)
        found.append((logs[-1], test["accuracy"]))
    validation, test_scores = np.array(found).T
    return validation, test_scores


def on_a_table(name: str, runs: int, trials: int) -> None:
    """Prints how far scores are above the truth, and the truths of what is reported as best."""
    whole = nas.benchmark(name)
    table, rows = whole.table, whole.table.about["rows"]["val"]
    known, tests = table.scores[: whole.seeds, :, -1], np.nanmean(table.test, axis=0)
    parts = ("scores", "test", "seconds")
    print("| strategy | score | believed | truth: best score | believed best | gain | test, gain |")
    print("|---|---|---|---|---|---|---|")
    for strategy in ("random", "evolution", "predictor"):
        found = []
        for run in range(runs):
            own = [run % whole.seeds]
            alone = {part: getattr(table, part)[own] for part in parts}
            bench = Benchmark(dataclasses.replace(table, losses=None, **alone))
            history = bench.search(strategy, trials, run, curves=False)
            best = history.incumbent
            error = share_error(best.score, rows)
            other = believed_best(history, bench.space, error)
            scores = np.array([trial.score for trial in history.completed])
            first, second = table.number(best.values), table.number(other.values)
            truth = np.delete(known, own, axis=0).mean(0)
            over = best.score - truth[first], shrunk(best.score, scores, error) - truth[first]
            gain = truth[second] - truth[first], tests[second] - tests[first]
            found.append((*over, truth[first], truth[second], *gain))
        means = np.mean(found, axis=0)
        errors = np.std(found, axis=0) / np.sqrt(runs)
        off = np.sqrt(np.mean(np.square(found), axis=0))
        cells = [f"{means[at]:+.4f} (off by {off[at]:.4f})" for at in (0, 1)]
        cells += [f"{means[at]:.4f}" for at in (2, 3)]
        cells += [f"{means[at]:+.4f} ± {errors[at]:.4f}" for at in (4, 5)]
        print(f"| `{strategy}` | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=4)
    parser.add_argument("--trainings", type=int, default=40)
    parser.add_argument("--table", help="the name of a benchmark: nothing is trained")
    parser.add_argument("--runs", type=int, default=60)
    asked = parser.parse_args()
    if asked.table:
        on_a_table(asked.table, asked.runs, trials=60)
        return
    whole, began = nas.load("digits"), time.monotonic()
    x = np.concatenate([whole.part(part)[0] for part in ("train", "val", "test")])
    y = np.concatenate([whole.part(part)[1] for part in ("train", "val", "test")])
    sizes = [n for n in (5, 10, 20, 40, 80, 160) if n <= asked.trainings]
    rows: dict[int, list[tuple[float, float]]] = {size: [] for size in sizes}
    for split in range(asked.splits):
        data = Data.from_arrays(x, y, validation=0.1, test=0.4, seed=split, name="digits")
        validation, test = measured(data, split, asked.trainings)
        for size in sizes:
            scores = validation[:size]
            winner = int(scores.argmax())
            error = share_error(float(scores[winner]), len(data.x_val))
            believed = shrunk(float(scores[winner]), scores, error)
            rows[size].append((scores[winner] - test[winner], believed - test[winner]))
    print("| trainings | best validation accuracy, over its test accuracy | believed, over it |")
    print("|---|---|---|")
    for size, pairs in rows.items():
        raw, corrected = np.mean(pairs, axis=0)
        print(f"| {size} | {raw:+.4f} | {corrected:+.4f} |")
    print(f"{asked.splits} splits, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
