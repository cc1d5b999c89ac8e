"""New architectures near a known one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas_nb.errors import SpaceError
from nas_nb.strategy.strategy import sample_new

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.record.values import Value, Values
    from nas_nb.space.domain import Domain

_MUTATIONS = 64


def new_mutant(
    domain: Domain, parent: Values, history: History, rng: np.random.Generator
) -> dict[str, Value]:
    """Returns a mutant of `parent` that was never tried.

    The first half of the attempts is one change away; the second walks on from mutant to mutant,
    away from the parent; when that fails too, it is a random architecture.

    Raises:
        SpaceExhausted: No architecture is left that was not tried.
    """
    try:
        child = dict(parent)
        for mutation in range(_MUTATIONS):
            child = domain.mutate(parent if mutation < _MUTATIONS // 2 else child, rng)
            if not history.has_tried(child):
                return child
    except SpaceError:  # there is nothing to change
        return sample_new(domain, history, rng)
    return sample_new(domain, history, rng)
