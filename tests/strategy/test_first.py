from __future__ import annotations

import numpy as np

from nas_nb.record.history import History
from nas_nb.record.trial import Value
from nas_nb.space.domain import Domain
from nas_nb.space.encoding import size_of
from nas_nb.space.parameter import Condition, Parameter, ParameterKind
from nas_nb.space.search_space import SearchSpace
from nas_nb.strategy.initial_design import (
    Prior,
    first_candidate,
    likely_candidate,
    near_candidate,
    unlike_candidate,
)
from tests.strategy.worlds import cells, choice, layered, rng, told


def first(domain: Domain, seed: int) -> dict[str, Value]:
    return first_candidate(domain, History(), rng(seed), Prior(domain))


def test_it_is_of_the_upper_half_in_size_and_not_the_largest() -> None:
    domain = cells()
    sizes = np.sort([size_of(domain, point) or 0.0 for point in domain.enumerate()])
    for seed in range(5):
        size = size_of(domain, first(domain, seed)) or 0.0
        assert np.median(sizes) <= size < sizes[-1]


def test_of_ordered_choices_that_nobody_knows_it_takes_the_middle() -> None:
    knobs = [Parameter(name, ParameterKind.INT, low=1, high=9) for name in ("this", "that")]
    domain = Domain((*knobs, Parameter("word", ParameterKind.CHOICE, ("a", "b", "c"))))
    found = [first(domain, seed) for seed in range(5)]
    assert {(values["this"], values["that"]) for values in found} == {(5, 5)}
    assert len({values["word"] for values in found}) > 1


def test_a_layer_that_joins_is_not_judged_by_its_default_width() -> None:
    deep = (Condition("num_layers", (2, 3)),)
    narrow_first = Parameter("units_2", ParameterKind.CHOICE, (1, 2, 4, 8, 16), conditions=deep)
    domain = Domain((Parameter("num_layers", ParameterKind.INT, low=1, high=3), narrow_first))
    assert {first(domain, seed)["num_layers"] for seed in range(5)} == {2}


def test_where_names_tell_more_it_is_what_they_tell() -> None:
    rate = Parameter("learning_rate", ParameterKind.FLOAT, low=1e-5, high=1.0, log=True)
    domain = Domain((rate,))
    rates = [first(domain, seed)["learning_rate"] for seed in range(5)]
    assert all(5e-4 < float(value) < 2e-2 for value in rates)


def test_a_likely_candidate_is_nearer_to_the_belief_than_a_random_one() -> None:
    domain = Domain((Parameter("units", ParameterKind.INT, low=1, high=1000),))
    belief = Prior(domain)

    def mean(belief: Prior) -> float:
        drawn = (likely_candidate(domain, History(), rng(seed), belief) for seed in range(30))
        return float(np.mean([Prior(domain).log_density(values) for values in drawn]))

    unknown = Prior(Domain((Parameter("a", ParameterKind.INT, low=1, high=2),)))
    assert mean(belief) > mean(unknown)


def test_a_near_candidate_has_the_same_choices_and_differs_in_two_at_most() -> None:
    third = (Condition("num_layers", (3,)),)
    layers = Parameter("num_layers", ParameterKind.INT, low=2, high=3)
    widths = [choice(f"units_{n}", 8, 16, 32, 64) for n in (1, 2)]
    domain = Domain((layers, *widths, choice("units_3", 8, 16, 32, 64, when=third)))
    centre = domain.complete({"num_layers": 3})
    for seed in range(20):
        near = near_candidate(domain, History(), rng(seed), Prior(domain), centre)
        assert near is not None
        assert near.keys() == centre.keys()
        assert 1 <= sum(near[name] != centre[name] for name in centre) <= 2


def test_where_nothing_near_is_new_there_is_no_near_candidate() -> None:
    domain = Domain((choice("units", 8, 16),))
    history = told([(point, 0.5) for point in domain.enumerate()])
    assert near_candidate(domain, history, rng(), Prior(domain), {"units": 8}) is None


def test_an_unlike_candidate_has_a_layer_more_of_the_width_that_is_believed_in() -> None:
    domain = layered(3)
    best = first(domain, 0)
    history = told([(best, 0.5)])
    found = unlike_candidate(domain, history, Prior(domain), best)
    assert best == {"num_layers": 2, "units_1": 32, "units_2": 32}
    assert found == {**best, "num_layers": 3, "units_3": 32}


def test_of_an_unlike_candidate_only_what_joins_is_as_it_is_believed_in() -> None:
    domain = Domain((choice("learning_rate", 1e-4, 1e-3, 3e-3), *layered(3).parameters))
    around = {"learning_rate": 1e-4, "num_layers": 2, "units_1": 16, "units_2": 32}
    found = unlike_candidate(domain, told([(around, 0.5)]), Prior(domain), around)
    assert found == {**around, "num_layers": 3, "units_3": 32}


def test_of_equal_unlike_candidates_it_is_the_one_whose_layer_comes_last() -> None:
    flags = [choice(f"use_{side}", "no", "yes") for side in ("first", "second")]
    deep = [(Condition(flag.name, ("yes",)),) for flag in flags]
    domain = Domain((*flags, *(choice(f"kernel_{n}", 3, 5, when=deep[n]) for n in (0, 1))))
    around = {"use_first": "no", "use_second": "no"}
    found = unlike_candidate(domain, told([(around, 0.5)]), Prior(domain), around)
    assert found is not None
    assert (found["use_first"], found["use_second"]) == ("no", "yes")


def test_no_unlike_candidate_is_far_from_the_belief_or_like_what_was_tried() -> None:
    domain = layered(3)
    best = {"num_layers": 2, "units_1": 32, "units_2": 32}
    history = told([(best, 0.5), ({**best, "num_layers": 3, "units_3": 8}, 0.5)])
    assert unlike_candidate(domain, history, Prior(domain), best) is None  # one layer is too few
    flat = Domain((choice("units", 8, 16),))
    assert unlike_candidate(flat, told([({"units": 8}, 0.5)]), Prior(flat), {"units": 8}) is None


def test_where_sizes_are_known_it_has_the_learning_rate_that_is_believed_in() -> None:
    choices = {"layers": ["Dense"], "units": [8, 64], "activations": ["relu", "tanh"]}
    rates = {"learning_rate": [1e-4, 1e-3, 1e-2]}
    domain = SearchSpace.from_dict({**choices, **rates}).domain
    nothing = Prior(Domain((Parameter("a", ParameterKind.INT, low=1, high=2),)))
    for seed in range(5):
        for steps, rate in ((100, 1e-2), (20_000, 1e-3)):
            found = first_candidate(domain, History(), rng(seed), Prior(domain, steps))
            plain = first_candidate(domain, History(), rng(seed), nothing)
            assert found["learning_rate"] == rate
            assert size_of(domain, found) == size_of(domain, plain)


def test_nothing_beside_it_is_believed_in_more() -> None:
    layers = Parameter("num_layers", ParameterKind.INT, low=1, high=9)
    units = Parameter("units", ParameterKind.CHOICE, (8, 16, 32, 64, 128, 256))
    domain = Domain((layers, units, Parameter("lr", ParameterKind.FLOAT, low=1e-6, high=1.0)))
    for seed in range(5):
        found = first(domain, seed)
        assert found["num_layers"] in (4, 5, 6)
        assert found["units"] in (64, 128)
