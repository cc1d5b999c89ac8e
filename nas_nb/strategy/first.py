"""A first architecture that is good by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nas_nb.strategy.belief import Belief
from nas_nb.strategy.strategy import sample_new
from nas_nb.strategy.surrogate.encoding import Encoding
from nas_nb.strategy.surrogate.features import size_of

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.values import Value, Values
    from nas_nb.space.domain import Domain

_POOL = 32
_QUANTILE = 0.75
_LIKELY = 4


def first_candidate(domain: Domain, history: History, rng: np.random.Generator) -> dict[str, Value]:
    """Returns an architecture of a size that is likely to be good, and can be paid for.

    Of a random pool it is the one at the upper quartile of the FLOPs (or the weights). On the
    published tables that is better than two of three architectures, and half as dear as the
    largest. Where the space knows no sizes, it is the one nearest to what is believed of its
    choices by their names (`Belief`), and for the rest to their middle.

    Args:
        domain: The space.
        history: What was tried.
        rng: The source of chance.

    Raises:
        SpaceExhausted: No architecture is left that was not tried.
    """
    pool = [sample_new(domain, history, rng) for _ in range(_POOL)]
    sizes = [size_of(domain, values) for values in pool]
    if None not in sizes:
        order = np.argsort(np.array(sizes, dtype=np.float64), kind="stable")
        return pool[int(order[int(_QUANTILE * _POOL)])]
    rows = Encoding(domain).rows(pool)
    away = ((rows - rows.mean(0)) ** 2).sum(1)
    belief = Belief(domain)
    believed = np.array([belief.log_density(values) for values in pool])
    return pool[int((away - believed).argmin())]


def likely_candidate(
    domain: Domain,
    history: History,
    rng: np.random.Generator,
    belief: Belief,
    around: Values | None = None,
) -> dict[str, Value]:
    """Returns a new architecture by chance; of some of them the one that is believed in most.

    Args:
        domain: The space.
        history: What was tried.
        rng: The source of chance.
        belief: Of the space; without any, the first of all draws is as good.
        around: With a belief, draws are mutants of this one, two steps away, where any is new; by
            default they are from everywhere.

    Raises:
        SpaceExhausted: No architecture is left that was not tried.
    """
    if not belief:
        return sample_new(domain, history, rng)
    draws: list[dict[str, Value]] = []
    if around is not None:
        mutants = (domain.mutate(domain.mutate(around, rng), rng) for _ in range(2 * _LIKELY))
        draws = [values for values in mutants if not history.has_tried(values)]
    draws = draws or [sample_new(domain, history, rng) for _ in range(_LIKELY)]
    return max(draws, key=belief.log_density)
