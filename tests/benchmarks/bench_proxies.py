"""What the zero-cost proxies are worth on the digits, and what they cost.

Run it with `python -m tests.benchmarks.bench_proxies` (about two minutes). It draws architectures
from a dictionary space, scores each untrained with every proxy, trains each for a few epochs, and
prints the rank correlation of proxy and score: Spearman's rho and Kendall's tau over all candidates
for which the proxy is defined, and over those that have a convolution. `params` and `flops` are
the baselines to beat. Expected: under 50 ms a candidate for each.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from dataclasses import dataclass, field

from scipy.stats import kendalltau, spearmanr

import nas_nb
from nas_nb.data import Data
from nas_nb.errors import MeasureError
from nas_nb.evaluate.proxies import PROXIES
from nas_nb.evaluate.seeds import seeded, trial_seed
from tests.benchmarks.digits_space import BATCH_SIZE, best_accuracy, draw, has_convolution

REPEATS = 5
"""Timed runs of a proxy on each candidate, of which the median counts."""


@dataclass
class Candidate:
    """One architecture, its scores untrained, and its score trained."""

    convolutional: bool
    proxies: dict[str, float] = field(default_factory=dict)
    ms: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Milliseconds of each proxy, by the wall and of all processors."""
    accuracy: float = math.nan


def measure(architecture: nas_nb.Architecture, data: Data, epochs: int, seed: int) -> Candidate:
    """Builds a candidate, scores it with every proxy, and trains it."""
    with seeded(seed):
        model = architecture.build()
    x, y = data.x_train[:BATCH_SIZE], data.y_train[:BATCH_SIZE]
    found = Candidate(has_convolution(architecture))
    for name, proxy in PROXIES.items():
        taken = []
        try:
            for _ in range(REPEATS):
                began, spent = time.perf_counter(), time.process_time()
                found.proxies[name] = proxy(model, x, y)
                wall, cpu = time.perf_counter() - began, time.process_time() - spent
                taken.append((wall * 1e3, cpu * 1e3))
        except MeasureError:
            continue
        wall, cpu = (statistics.median(each) for each in zip(*taken, strict=True))
        found.ms[name] = wall, cpu
    found.accuracy = best_accuracy(model, data, epochs, seed)
    return found


def correlations(candidates: list[Candidate], name: str) -> tuple[int, float, float]:
    """Returns for how many candidates the proxy is defined, Spearman's rho and Kendall's tau."""
    defined = [one for one in candidates if name in one.proxies]
    if len(defined) < 3:
        return len(defined), math.nan, math.nan
    scores = [one.proxies[name] for one in defined]
    accuracies = [one.accuracy for one in defined]
    rho, tau = spearmanr(scores, accuracies)[0], kendalltau(scores, accuracies)[0]
    return len(defined), float(rho), float(tau)


def report(candidates: list[Candidate]) -> None:
    """Prints a line a proxy."""
    convolutional = [one for one in candidates if one.convolutional]
    print(f"{'':10} {'all':^22} {'with a convolution':^23} {'ms':>8} {'CPU ms':>8} {'CPU ms':>6}")
    print(
        f"{'proxy':10} {'n':>4} {'rho':>8} {'tau':>8} {'n':>5} {'rho':>8} {'tau':>8} "
        f"{'median':>8} {'median':>8} {'most':>6}"
    )
    for name in PROXIES:
        n, rho, tau = correlations(candidates, name)
        conv_n, conv_rho, conv_tau = correlations(convolutional, name)
        measured = [one.ms[name] for one in candidates if name in one.ms]
        wall, cpu = zip(*measured, strict=True) if measured else ([math.nan], [math.nan])
        print(
            f"{name:10} {n:4d} {rho:8.2f} {tau:8.2f} {conv_n:5d} {conv_rho:8.2f} {conv_tau:8.2f}"
            f" {statistics.median(wall):8.1f} {statistics.median(cpu):8.1f} {max(cpu):6.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=36)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    data = nas_nb.load("digits")
    began = time.perf_counter()
    candidates = [
        measure(architecture, data, options.epochs, trial_seed(options.seed, number))
        for number, architecture in enumerate(draw(options.candidates, data, options.seed))
    ]
    accuracies = [one.accuracy for one in candidates]
    print(
        f"{len(candidates)} candidates of the digits, {options.epochs} epochs each, seed "
        f"{options.seed}: validation accuracy {min(accuracies):.3f} to {max(accuracies):.3f}, "
        f"{time.perf_counter() - began:.0f} s"
    )
    report(candidates)


if __name__ == "__main__":
    main()
