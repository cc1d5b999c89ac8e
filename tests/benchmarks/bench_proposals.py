"""What a proposal costs when there are many trials.

Run it with `python tests/benchmarks/bench_proposals.py`. It prints, for each strategy, the median
CPU milliseconds of a proposal after 1,000 and after 10,000 trials in a space of twelve parameters,
some of them conditional. A third of the trials are promotions; those of `grid` are on its grid. It
ends with status 1 where one takes longer than 50 and 100 ms.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

import numpy as np

from nas_nb.record.history import History
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Condition, Parameter, ParameterKind
from nas_nb.strategy.grid import Grid
from nas_nb.strategy.names import STRATEGIES, make_strategy
from nas_nb.strategy.strategy import generator

LIMITS_MS = {1_000: 50.0, 10_000: 100.0}
NEED_DATA = ("one_shot", "gradient")
EPOCHS = 27


def space() -> Domain:
    """Up to five layers of a kind and a width each, and a learning rate."""
    parameters = [Parameter("depth", ParameterKind.INT, low=1, high=5)]
    for layer in range(1, 6):
        deep = (Condition("depth", tuple(range(layer, 6))),)
        kinds = ("conv", "dense", "separable", "skip")
        kind = Parameter(f"kind_{layer}", ParameterKind.CHOICE, choices=kinds, conditions=deep)
        width = Parameter(
            f"width_{layer}", ParameterKind.INT, low=8, high=256, step=8, conditions=deep
        )
        parameters += [kind, width]
    rate = Parameter("rate", ParameterKind.FLOAT, low=1e-4, high=1e-1, log=True)
    return Domain((*parameters, rate))


def told(domain: Domain, trials: int, origin: str) -> History:
    """A history of so many completed trials, every third of them a promotion."""
    rng = np.random.default_rng(0)
    known = Grid(domain=domain)._grid if origin == "grid" else domain
    history = History()
    about = {"objective": "score", "direction": "max", "seed": 0, "time": 0.0}
    history.apply({"event": "search_opened", **about, "fidelity": {"epochs": EPOCHS}})
    for number in range(trials):
        promoted = number % 3 == 2
        values = history[number - 1].values if promoted else known.sample(rng)
        more = {"fidelity": {"epochs": 3 if promoted else 1}}
        proposed = {"values": dict(values), "origin": origin, **more}
        for event in (
            {"event": "trial_proposed", **proposed, "parent": number - 1 if promoted else None},
            {"event": "trial_started"},
            {"event": "trial_built", "costs": {"params": float(rng.integers(1e6))}},
            {"event": "trial_ended", "status": "completed", "score": float(rng.random())},
        ):
            history.apply({"time": 0.0, "trial": number, **event})
    return history


def milliseconds(name: str, history: History, domain: Domain, proposals: int) -> float:
    """The median CPU time of a proposal; the first, which imports and encodes, is left out."""
    strategy = make_strategy(name, domain)
    took = []
    for number in range(proposals + 1):
        began = time.process_time()
        strategy.propose(history, generator(1, len(history) + number))
        took.append(1000 * (time.process_time() - began))
    return statistics.median(took[1:])


def main() -> int:
    """Prints a line for each strategy; returns 1 if one is too slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strategies", nargs="+", default=[*STRATEGIES])
    parser.add_argument("--proposals", type=int, default=5)
    asked = parser.parse_args()
    domain, slow = space(), 0
    print(f"{'ms a proposal after':20} " + " ".join(f"{trials:>10,}" for trials in LIMITS_MS))
    for name in asked.strategies:
        if name in NEED_DATA:
            continue
        took = [
            milliseconds(name, told(domain, trials, name), domain, asked.proposals)
            for trials in LIMITS_MS
        ]
        over = any(ms > limit for ms, limit in zip(took, LIMITS_MS.values(), strict=True))
        slow += over
        print(f"{name:20} " + " ".join(f"{ms:10.1f}" for ms in took) + "  !" * over, flush=True)
    return int(slow > 0)


if __name__ == "__main__":
    sys.exit(main())
