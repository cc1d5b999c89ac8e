from __future__ import annotations

import numpy as np

from nas_nb.record.history import History
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.strategy.belief import Belief
from nas_nb.strategy.first import first_candidate, likely_candidate
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


def test_where_names_tell_more_it_is_what_they_tell() -> None:
    rate = Parameter("learning_rate", ParameterKind.FLOAT, low=1e-5, high=1.0, log=True)
    domain = Domain((rate,))
    rates = [first_candidate(domain, History(), rng(seed))["learning_rate"] for seed in range(5)]
    assert all(5e-4 < float(value) < 2e-2 for value in rates)


def test_a_likely_candidate_is_nearer_to_the_belief_than_a_random_one() -> None:
    domain = Domain((Parameter("units", ParameterKind.INT, low=1, high=1000),))
    belief = Belief(domain)

    def mean(belief: Belief) -> float:
        drawn = (likely_candidate(domain, History(), rng(seed), belief) for seed in range(30))
        return float(np.mean([Belief(domain).log_density(values) for values in drawn]))

    unknown = Belief(Domain((Parameter("a", ParameterKind.INT, low=1, high=2),)))
    assert mean(belief) > mean(unknown)


def test_around_one_a_likely_candidate_differs_from_it_in_two_choices_at_most() -> None:
    names = ("units_1", "units_2", "units_3", "units_4")
    domain = Domain(tuple(Parameter(n, ParameterKind.CHOICE, (8, 16, 32, 64)) for n in names))
    centre = dict.fromkeys(names, 32)
    for seed in range(5):
        near = likely_candidate(domain, History(), rng(seed), Belief(domain), centre)
        assert sum(near[name] != 32 for name in names) <= 2
