"""What the zero-cost proxies are worth on spaces of ours, and what they cost.

Run it with `python -m benchmarks.bench_proxies` (about four minutes). From each space it
draws architectures, scores each untrained with every proxy, trains each for a few epochs, and
prints for each proxy Kendall's tau of score and best validation accuracy, that of `params` on the
candidates for which the proxy is defined, and what the proxy took by the clock: the median over
candidates and the worst, each the median of some calls; and the same by processor time. `params`
and `macs` are the baselines to beat. Expected: under 50 ms a candidate for each.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import nas_nb
from benchmarks.digits_space import BATCH_SIZE, SPACE, best_accuracy, draw
from nas_nb.data.dataset import Data
from nas_nb.errors import MeasureError
from nas_nb.evaluate.fidelity import nested_order
from nas_nb.evaluate.global_state import seeded, trial_seed
from nas_nb.explain.proxy_ranking import PROXIES, ProxyScore, chance_tau, rank_proxies

DENSE = {
    "layers": ["Dense"],
    "units": [4, 8, 16, 32, 64, 128],
    "activations": ["relu", "leaky_relu", "tanh"],
    "depth": [1, 2, 3],
}
SPACES: dict[str, Any] = {
    "dense": lambda: nas_nb.SearchSpace.from_dict(DENSE),
    "mixed": lambda: nas_nb.SearchSpace.from_dict(SPACE),
    "image": lambda: nas_nb.spaces.image(stages=(1, 2), blocks=(1,), widths=(4, 8, 16)),
    "cell": lambda: nas_nb.spaces.nasbench201_cell(stages=1),
}
"""Dense nets; dense layers, with convolutions before or not; three families; NAS-Bench-201."""
REPEATS = 5
"""Timed runs of a proxy on each candidate, of which the median counts."""


@dataclass
class Candidate:
    """One architecture, its scores untrained, and its score trained."""

    accuracy: float
    proxies: dict[str, ProxyScore] = field(default_factory=dict)
    cpu_ms: dict[str, float] = field(default_factory=dict)


def measure(architecture: nas_nb.Architecture, data: Data, epochs: int, seed: int) -> Candidate:
    """Builds a candidate, scores it with every proxy, and trains it."""
    with seeded(seed):
        model = architecture.build()
    rows = np.sort(nested_order(data, 0)[:BATCH_SIZE])
    x, y = data.x_train[rows], data.y_train[rows]
    found = Candidate(0.0)
    for name, proxy in PROXIES.items():
        taken, value = [], 0.0
        try:
            for _ in range(REPEATS):
                began, spent = time.perf_counter(), time.process_time()
                value = proxy(model, x, y)
                wall, cpu = time.perf_counter() - began, time.process_time() - spent
                taken.append((wall * 1e3, cpu * 1e3))
        except MeasureError:
            continue
        wall, cpu = (statistics.median(each) for each in zip(*taken, strict=True))
        found.proxies[name], found.cpu_ms[name] = ProxyScore(value, wall), cpu
    found.accuracy = best_accuracy(model, data, epochs, seed)
    return found


def report(candidates: list[Candidate]) -> None:
    """Prints a line a proxy."""
    accuracies = [one.accuracy for one in candidates]
    print(
        f"{'proxy':10} {'n':>4} {'tau':>6} {'params':>7} {'ms':>7} {'worst':>7} {'CPU ms':>7} "
        f"{'worst':>7}"
    )
    for rank in rank_proxies([one.proxies for one in candidates], accuracies):
        cpu = [one.cpu_ms[rank.name] for one in candidates if rank.name in one.cpu_ms] or [np.nan]
        print(
            f"{rank.name:10} {rank.candidates:4d} {rank.tau:6.2f} {rank.params_tau:7.2f} "
            f"{rank.ms:7.1f} {rank.ms_most:7.1f} {statistics.median(cpu):7.1f} {max(cpu):7.1f}"
            f"{'  better than params' if rank.beats_params else ''}"
        )


def run(name: str, data: Data, options: argparse.Namespace) -> None:
    """Measures candidates of a space, and prints what came of it."""
    began, seed = time.perf_counter(), options.seed
    space = SPACES[name]().for_data(data.spec)
    candidates = [
        measure(architecture, data, options.epochs, trial_seed(seed, number))
        for number, architecture in enumerate(draw(options.candidates, space, seed))
    ]
    accuracies = [one.accuracy for one in candidates]
    print(
        f"\n{name}: {len(candidates)} candidates on the digits, {options.epochs} epochs each, seed "
        f"{seed}: validation accuracy {min(accuracies):.3f} to {max(accuracies):.3f}, "
        f"by chance tau up to ±{chance_tau(len(candidates)):.2f}, "
        f"{time.perf_counter() - began:.0f} s"
    )
    report(candidates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spaces", nargs="*", default=[*SPACES], help=f"of {', '.join(SPACES)}")
    parser.add_argument("--candidates", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    data = nas_nb.load("digits")
    for name in options.spaces:
        run(name, data, options)


if __name__ == "__main__":
    main()
