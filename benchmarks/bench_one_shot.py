"""What a supernet's scores are worth on the digits, and what they cost.

Run it with `python -m benchmarks.bench_one_shot` (about four minutes). It draws architectures
from a dictionary space, trains each by itself, trains a supernet, and prints the rank correlation
of the two scores (Kendall's tau) over all candidates and over those that have a convolution, after
some and after all epochs of the supernet, with the processor seconds of both sides. The baselines
are the parameters and the multiply-adds of a candidate, which cost nothing, and the candidates
trained by themselves with another seed: no score can be expected to agree with the first more than
that.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from scipy.stats import kendalltau

import nas_nb
from benchmarks.digits_space import BATCH_SIZE, SPACE, best_accuracy, draw, has_convolution
from nas_nb.data.dataset import Data
from nas_nb.evaluate.costs import costs
from nas_nb.evaluate.global_state import seeded, trial_seed
from nas_nb.supernet.supernet import Supernet

Candidates = list[nas_nb.Architecture]


class Meter:
    """Adds up processor seconds."""

    def __init__(self) -> None:
        self.cpu_s = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        began = time.process_time()
        try:
            yield
        finally:
            self.cpu_s += time.process_time() - began


def alone(candidates: Candidates, data: Data, epochs: int, seed: int) -> list[float]:
    """Trains each candidate by itself; returns their best validation accuracies."""
    scores = []
    for number, architecture in enumerate(candidates):
        with seeded(trial_seed(seed, number)):
            model = architecture.build()
        scores.append(best_accuracy(model, data, epochs, trial_seed(seed, number)))
    return scores


def tau(scores: Sequence[float], trained: Sequence[float], which: Sequence[bool]) -> float:
    """Returns Kendall's tau over some of the candidates."""
    kept = [place for place, chosen in enumerate(which) if chosen]
    if len(kept) < 3:
        return math.nan
    return float(kendalltau([scores[i] for i in kept], [trained[i] for i in kept])[0])


class Report:
    """Prints a line a score: its correlation with that of the candidates trained by themselves.

    Args:
        trained: Their scores.
        convolves: Which of them have a convolution.
    """

    def __init__(self, trained: Sequence[float], convolves: Sequence[bool]) -> None:
        self.trained = trained
        self.parts = ([True] * len(trained), convolves)
        print(f"{'score':34} {'tau: all':>8} {'convolutional':>14} {'CPU s':>10}")

    def line(self, name: str, scores: Sequence[float], cpu_s: float) -> None:
        """Prints one line."""
        every, convolutional = (tau(scores, self.trained, part) for part in self.parts)
        print(f"{name:34} {every:8.2f} {convolutional:14.2f} {cpu_s:10.1f}", flush=True)


def stand_alone(candidates: Candidates, data: Data, options: argparse.Namespace) -> Report:
    """Trains each candidate by itself, twice, and prints what the second time and costs tell."""
    convolves = [has_convolution(one) for one in candidates]
    meter, again = Meter(), Meter()
    with meter.running():
        trained = alone(candidates, data, options.epochs, options.seed)
    print(
        f"{len(candidates)} candidates of the digits, {sum(convolves)} with a convolution, "
        f"{options.epochs} epochs each, seed {options.seed}: validation accuracy "
        f"{min(trained):.3f} to {max(trained):.3f}"
    )
    report = Report(trained, convolves)
    report.line("trained by itself", trained, meter.cpu_s)
    with again.running():
        others = alone(candidates, data, options.epochs, options.seed + 1)
    report.line("trained by itself, another seed", others, again.cpu_s)
    measured = [costs(one.build()) for one in candidates]
    for cost in ("params", "macs"):
        report.line(cost, [each[cost] for each in measured], 0.0)
    return report


def shared(candidates: Candidates, data: Data, report: Report, options: argparse.Namespace) -> None:
    """Trains a supernet, and prints what its scores tell on the way."""
    meter = Meter()
    with meter.running():
        supernet = Supernet(candidates[0].space, data, seed=options.seed)
    for epochs in sorted(options.supernet_epochs):
        left = epochs - supernet.epochs
        with meter.running():
            supernet.train(epochs=left, batch_size=BATCH_SIZE, fair=options.fair)
            rated = [supernet.evaluate(one) for one in candidates]
        for measure, sign in (("val_accuracy", 1.0), ("val_loss", -1.0)):
            scores = [sign * each[measure] for each in rated]
            report.line(f"supernet, {epochs} epochs, {measure}", scores, meter.cpu_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=8, help="of each candidate by itself")
    parser.add_argument("--supernet-epochs", type=int, nargs="+", default=[20, 60, 150])
    parser.add_argument("--fair", action="store_true", help="sample the paths fairly")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    data = nas_nb.load("digits")
    space = nas_nb.SearchSpace.from_dict(SPACE).for_data(data.spec)
    candidates = draw(options.candidates, space, options.seed)
    report = stand_alone(candidates, data, options)
    shared(candidates, data, report, options)


if __name__ == "__main__":
    main()
