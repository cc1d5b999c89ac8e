"""A first architecture that is good by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from nas_nb.strategy.strategy import sample_new
from nas_nb.strategy.surrogate.features import size_of

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.values import Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.strategy.belief import Belief

_POOL = 32
_QUANTILE = 0.75
_LIKELY = 4
_NEAR = 24
_LOOKS = 3000
_CLOSE = 1.0

Worth = Callable[["Values"], float]


def first_candidate(
    domain: Domain, history: History, rng: np.random.Generator, belief: Belief
) -> dict[str, Value]:
    """Returns an architecture of a size that is likely to be good, and can be paid for.

    Of a random pool it is the one at the upper quartile of the FLOPs (or the weights). On the
    published tables that is better than two of three architectures, and half as dear as the
    largest. Where the space knows no sizes, it is the one nearest to what is believed of its
    choices, and for the rest to their middle. From there it climbs to what is believed in most,
    one choice after another, as far as that leaves the size as it is.

    Args:
        domain: The space.
        history: What was tried.
        rng: The source of chance.
        belief: Of the space, by the names of its choices; it may know nothing.

    Raises:
        SpaceExhausted: No architecture is left that was not tried.
    """
    pool = [sample_new(domain, history, rng) for _ in range(_POOL)]
    sizes = [size_of(domain, values) for values in pool]
    if None not in sizes:
        order = np.argsort(np.array(sizes, dtype=np.float64), kind="stable")
        start = pool[int(order[int(_QUANTILE * _POOL)])]
        best = _climbed(domain, start, belief.log_density) if belief else start
    else:
        start = max(pool, key=belief.first_guess)
        best = _climbed(domain, start, belief.first_guess)
    return start if history.has_tried(best) else best


def _climbed(domain: Domain, start: dict[str, Value], worth: Worth) -> dict[str, Value]:
    """Returns where a climb ends that changes one choice at a time, and no size that is known."""
    size, best, looks = size_of(domain, start), start, 0
    while looks < _LOOKS:
        around = domain.neighbours(best)
        # A layer that joins has its default width: see also what it is worth with another.
        joined = (near for near in around if not near.keys() <= best.keys())
        around += [further for near in joined for further in domain.neighbours(near)]
        looks += len(around)
        same_size = (near for near in around if size_of(domain, near) == size)
        better = max(same_size, key=worth, default=best)
        if worth(better) <= worth(best):
            break
        best = better
    return best


def unlike_candidate(
    domain: Domain, history: History, belief: Belief, around: Values
) -> dict[str, Value] | None:
    """Returns an architecture that makes choices of other names than any so far.

    It is one step from another, and mostly has a layer more or less: that tells of the space what
    another width can't. What joins is as the belief has it. Of all those it is the one that is
    believed in most, if it is believed in nearly as much as the other.

    Args:
        domain: The space.
        history: What was tried.
        belief: Of the space.
        around: The other one.

    Returns:
        None where there is none.
    """
    centre = domain.canonical(around)
    known = {_names(domain, trial.values) for trial in history.trials} | {frozenset(centre)}
    steps = (near for near in domain.neighbours(centre) if frozenset(near) not in known)
    joined = (_joined(domain, near, centre, belief.log_density) for near in steps)
    unlike = [values for values in joined if frozenset(values) not in known]
    # Of equals it is the last one: a layer nearer to the output is mostly cheaper.
    best = max(reversed(unlike), key=lambda one: round(belief.log_density(one), 9), default=None)
    if best is None or belief.log_density(best) < belief.log_density(centre) - _CLOSE:
        return None
    return best


def _names(domain: Domain, values: Values) -> frozenset[str]:
    return frozenset(domain.canonical(values) if domain.contains(values) else values)


def _joined(
    domain: Domain, near: dict[str, Value], centre: Values, worth: Worth
) -> dict[str, Value]:
    """Returns a neighbour of the centre, where only what joined is changed to be worth most."""
    while True:
        around = domain.neighbours(near)
        free = (v for v in around if all(v.get(n) == near.get(n) for n in centre))
        better = max(free, key=worth, default=near)
        if worth(better) <= worth(near):
            return near
        near = better


def likely_candidate(
    domain: Domain, history: History, rng: np.random.Generator, belief: Belief
) -> dict[str, Value]:
    """Returns a new architecture by chance; of some of them the one that is believed in most.

    Args:
        domain: The space.
        history: What was tried.
        rng: The source of chance.
        belief: Of the space; without any, the first of all draws is as good.

    Raises:
        SpaceExhausted: No architecture is left that was not tried.
    """
    if not belief:
        return sample_new(domain, history, rng)
    draws = [sample_new(domain, history, rng) for _ in range(_LIKELY)]
    return max(draws, key=belief.log_density)


def near_candidate(
    domain: Domain, history: History, rng: np.random.Generator, belief: Belief, around: Values
) -> dict[str, Value] | None:
    """Returns a new architecture near another; of some of them the one that is believed in most.

    It makes the same choices, and at most two of them otherwise: where layers have choices of
    their own it has as many as the other, and can mostly be trained by what was compiled for it.

    Args:
        domain: The space.
        history: What was tried.
        rng: The source of chance.
        belief: Of the space.
        around: The other one.

    Returns:
        None where no draw is new.
    """
    mutants = (domain.mutate(domain.mutate(around, rng), rng) for _ in range(_NEAR))
    alike = (values for values in mutants if values.keys() == around.keys())
    draws = [values for values in alike if not history.has_tried(values)]
    return max(draws[:_LIKELY], key=belief.log_density, default=None)
