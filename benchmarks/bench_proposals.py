"""What a proposal costs when there are many trials.

Run it with `python benchmarks/bench_proposals.py`. It prints, for each strategy, the median
and the worst CPU milliseconds of a proposal after 1,000 and after 10,000 trials in three spaces:
`plain` has twelve parameters, some of them conditional; `nasbench101` and `darts` are the ready
spaces of these names, whose points have twins. A third of the trials are promotions; those of
`grid` are on its grid. `bohb's model` is the model's part of a proposal of `bohb`, which is asked
only at the beginning of a bracket. It ends with status 1 where a median is above 50 or 100 ms.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from nas_nb import spaces
from nas_nb.record.history import History
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Condition, Parameter, ParameterKind
from nas_nb.strategy.base import proposal_rng
from nas_nb.strategy.bohb import Bohb
from nas_nb.strategy.random_grid import Grid
from nas_nb.strategy.registry import STRATEGIES, make_strategy

LIMITS_MS = {1_000: 50.0, 10_000: 100.0}
NEED_DATA = ("one_shot", "darts")
EPOCHS = 27
MODEL = "bohb's model"


def cell_of_nasbench101() -> Domain:
    """NAS-Bench-101's cells, each once."""
    return spaces.nasbench101_cell().domain.distinct


def cells_of_darts() -> Domain:
    """DARTS's cells, each once."""
    return spaces.darts_cell().domain.distinct


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


SPACES: dict[str, Callable[[], Domain]] = {
    "plain": space,
    "nasbench101": cell_of_nasbench101,
    "darts": cells_of_darts,
}


def milliseconds(name: str, history: History, domain: Domain, proposals: int) -> list[float]:
    """The CPU time of each proposal; the first, which imports and encodes, is left out."""
    if name == MODEL:
        propose = Bohb(rho=0.0, domain=domain).configuration
    else:
        propose = make_strategy(name, domain).propose
    gc.collect()  # or proposals pay for the history, which was built at once
    took = []
    for number in range(proposals + 1):
        began = time.process_time()
        propose(history, proposal_rng(1, len(history) + number))
        took.append(1000 * (time.process_time() - began))
    return took[1:]


def row(name: str, domain: Domain, proposals: int) -> tuple[str, bool]:
    """A strategy's line, and whether it is too slow."""
    cells, slow = [], False
    for trials, limit in LIMITS_MS.items():
        took = milliseconds(name, told(domain, trials, name), domain, proposals)
        median = statistics.median(took)
        slow |= median > limit
        cells.append(f"{median:10.1f} {max(took):8.1f}")
    return f"{name:20} " + " ".join(cells) + "  !" * slow, slow


def main() -> int:
    """Prints a line for each strategy and space; returns 1 if one is too slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    known = [*(name for name in STRATEGIES if name not in NEED_DATA), MODEL]
    parser.add_argument("--strategies", nargs="+", choices=known, default=known)
    parser.add_argument("--spaces", nargs="+", choices=[*SPACES], default=[*SPACES])
    parser.add_argument("--proposals", type=int, default=10)
    asked = parser.parse_args()
    slow = 0
    for name in asked.spaces:
        domain = SPACES[name]()
        heads = " ".join(f"{trials:>10,}    worst" for trials in LIMITS_MS)
        print(f"{name}: ms after".ljust(20), heads)
        for strategy in asked.strategies:
            line, over = row(strategy, domain, asked.proposals)
            slow += over
            print(line, flush=True)
    return int(slow > 0)


if __name__ == "__main__":
    sys.exit(main())
