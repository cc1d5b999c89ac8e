from __future__ import annotations

import numpy as np

from nas_nb.record.history import History
from nas_nb.strategy.first import first_candidate
from nas_nb.strategy.surrogate.features import size_of
from tests.strategy.worlds import cells, chain, rng


def test_it_is_of_the_upper_half_in_size_and_not_the_largest() -> None:
    domain = cells()
    sizes = np.sort([size_of(domain, point) or 0.0 for point in domain.enumerate()])
    for seed in range(5):
        first = size_of(domain, first_candidate(domain, History(), rng(seed))) or 0.0
        assert np.median(sizes) <= first < sizes[-1]


def test_where_sizes_are_unknown_it_is_in_the_middle_of_the_choices() -> None:
    depths = [first_candidate(chain(), History(), rng(seed))["depth"] for seed in range(10)]
    assert depths.count(2) > 5
