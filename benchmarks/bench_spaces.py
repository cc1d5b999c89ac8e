"""Times every question of every ready space, none of which may build a model.

    python -m benchmarks.bench_spaces [--samples 20] [--limit 50]

It prints milliseconds of the processor: `size` and `describe` of a new space, so that nothing is
remembered, and the slowest of the samples for the other questions. It ends with status 1 where
one takes longer than the limit.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nas_nb.errors import SpaceError
from nas_nb.space.search_space import Architecture, SearchSpace
from nas_nb.spaces import nasbench101_net
from tests.spaces.test_all import SPACES

PUBLISHED: dict[str, dict[str, Any]] = {
    "nasbench201_cell": {"cells": 5, "width": 16},
    "nasbench101_cell": {"cells": 3, "width": 128},
    "darts_cell": {"layers": 20, "width": 36},
    "macro": {"layers": 4},
    "image": {},
    "text": {},
    "tabular": {},
    "timeseries": {},
}
"""The ready spaces, in the sizes in which they were published."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=20, help="architectures (default: 20)")
    parser.add_argument("--limit", type=float, default=50.0, help="milliseconds (default: 50)")
    options = parser.parse_args(arguments)
    slow = 0
    for name, space in spaces().items():
        taken = times(space, options.samples)
        slow += sum(each > options.limit for each in taken.values())
        print(f"{name:18}", *(f"{question} {ms:.2f}" for question, ms in taken.items()), sep="  ")
    print(f"{slow} questions took longer than {options.limit:g} ms")
    return int(slow > 0)


def spaces() -> dict[str, SearchSpace]:
    """Returns the ready spaces, bound to data, and those of a dictionary and of a function."""
    import nas_nb as nas

    ready = {
        name: getattr(nas.spaces, name)(**options).for_data(SPACES[name].spec)
        for name, options in PUBLISHED.items()
    }
    others = ("dictionary", "build_function", "part_of_cell")
    return ready | {name: SPACES[name].make().for_data(SPACES[name].spec) for name in others}


def times(space: SearchSpace, samples: int) -> dict[str, float]:
    """Returns the milliseconds that each question takes at the most."""
    nasbench101_net.count_distinct.cache_clear()
    rng = np.random.default_rng(0)
    found = {
        "size": took(lambda: space.size),
        "distinct": took(lambda: space.domain.distinct.size),
        "describe": took(space.describe),
        "sample": max(took(lambda: space.sample(rng)) for _ in range(samples)),
    }
    drawn = [space.sample(rng) for _ in range(samples)]
    pairs = list(zip(drawn, reversed(drawn), strict=True))
    questions: dict[str, Callable[[Architecture, Architecture], Any]] = {
        "neighbours": lambda one, _: space.neighbours(one),
        "contains": lambda one, _: space.contains(dict(one.values)),
        "distance": space.distance,
        "encode": lambda one, _: space.encode(one),
        "paths": lambda one, _: space.encode(one, "paths"),
        "key": lambda one, _: space.architecture(one.values).key,
        "text": lambda one, _: one.published_form,
        "costs": lambda one, _: one.costs,
        "diff": lambda one, other: one.diff(other),
        "subspace": lambda one, _: pinned(space, one),
    }
    for question, ask in questions.items():
        try:
            found[question] = max(took(lambda pair=pair, ask=ask: ask(*pair)) for pair in pairs)
        except SpaceError:  # only cells have paths
            continue
    return found


def pinned(space: SearchSpace, one: Architecture) -> int | float:
    """Returns the size of the part of the space where the first free choice is decided."""
    name = next(p.name for p in space.domain.parameters if p.count > 1)
    return space.subspace({name: one[name]}).size


def took(ask: Callable[[], object]) -> float:
    began = time.thread_time()  # what else the machine does is left out
    ask()
    return 1e3 * (time.thread_time() - began)


if __name__ == "__main__":
    sys.exit(main())
