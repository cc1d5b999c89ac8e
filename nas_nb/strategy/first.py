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
        around = _around(domain, best)
        looks += len(around)
        same_size = (near for near in around if size_of(domain, near) == size)
        better = max(same_size, key=worth, default=best)
        if worth(better) <= worth(best):
            break
        best = better
    return best


def _around(domain: Domain, values: Values) -> list[dict[str, Value]]:
    """Lists the neighbours; a layer that joins has its default width, and then any other too."""
    around = domain.neighbours(values)
    joined = (near for near in around if not near.keys() <= values.keys())
    return around + [further for near in joined for further in domain.neighbours(near)]


def unlike_candidate(
    domain: Domain, history: History, belief: Belief, around: Values
) -> dict[str, Value] | None:
    """Returns an architecture one step from another that is made of choices as none was so far.

    Mostly it has a layer more or less: that tells of the space what another width can't. Of all
    those it is the one that is believed in most, and nearly as much as in the other.

    Args:
        domain: The space.
        history: What was tried.
        belief: Of the space.
        around: The other one.

    Returns:
        None where there is none.
    """
    known = {frozenset(trial.values) for trial in history.trials}
    unlike = (values for values in _around(domain, around) if frozenset(values) not in known)
    best = max(unlike, key=belief.log_density, default=around)
    close = belief.log_density(best) >= belief.log_density(around) - _CLOSE
    return dict(best) if close and best is not around else None


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
