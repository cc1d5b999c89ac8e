"""How good the strategies are where the choices are ranges of numbers.

Run it with `python benchmarks/bench_ranges.py`. Two functions from the literature stand in
for a score, larger being better: Branin's of 2 numbers (three maxima of -0.398) and Hartmann's of
6 (3.322, and other hills). It prints the best after 30 and after 100 trials, as mean ± standard
error over the seeds.

Source: Dixon & Szego, The Global Optimization Problem, 1978, as in Picheny, Wagner & Ginsbourger,
A Benchmark of Kriging-Based Infill Criteria for Noisy Optimization, 2013, Appendix.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from results import mean_and_error

from nas_nb.record.history import History
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.strategy.base import proposal_rng
from nas_nb.strategy.registry import make_strategy

MARKS = (30, 100)
DEFAULTS = ("predictor", "bayesian", "tpe", "cma_es", "evolution", "local_search", "random")

HEIGHTS = np.array([1.0, 1.2, 3.0, 3.2])
WIDTHS = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
PLACES = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def branin(x: np.ndarray) -> float:
    """Minus Branin's function, of two numbers from 0 to 1."""
    a, b = 15 * x[0] - 5, 15 * x[1]
    bend = b - 5.1 / (4 * math.pi**2) * a**2 + 5 / math.pi * a - 6
    return -float(bend**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(a) + 10)


def hartmann(x: np.ndarray) -> float:
    """Minus Hartmann's function, of six numbers from 0 to 1."""
    return float(HEIGHTS @ np.exp(-(WIDTHS * (x - PLACES) ** 2).sum(1)))


FUNCTIONS: dict[str, tuple[int, Callable[[np.ndarray], float]]] = {
    "branin": (2, branin),
    "hartmann": (6, hartmann),
}


def best(name: str, function: Callable[[np.ndarray], float], domain: Domain, seed: int) -> Any:
    """The best score after so many trials as the marks say."""
    history = History()
    about = {"objective": "score", "direction": "max", "seed": seed}
    history.apply({"event": "search_opened", **about})
    strategy = make_strategy(name, domain)
    for number in range(max(MARKS)):
        values: Any = strategy.propose(history, proposal_rng(seed, number))
        score = function(np.array(list(values.values())))
        for event in (
            {"event": "trial_proposed", "values": values, "origin": name},
            {"event": "trial_started"},
            {"event": "trial_ended", "status": "completed", "score": score},
        ):
            history.apply({"trial": number, **event})
    return np.maximum.accumulate([trial.score for trial in history.completed])[np.array(MARKS) - 1]


def main() -> None:
    """Prints one line for each function and strategy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--strategies", nargs="+", default=DEFAULTS)
    asked = parser.parse_args()
    print(f"best after {MARKS} trials, {asked.seeds} seeds")
    for label, (count, function) in FUNCTIONS.items():
        numbers = (Parameter(f"x{n}", ParameterKind.FLOAT, low=0.0, high=1.0) for n in range(count))
        domain = Domain(tuple(numbers))
        for name in asked.strategies:
            runs = [best(name, function, domain, seed) for seed in range(asked.seeds)]
            cells = [mean_and_error([run[mark] for run in runs]) for mark in range(len(MARKS))]
            print(f"{label:10} {name:12} {'  '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
