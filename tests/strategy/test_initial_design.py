from __future__ import annotations

import math

import numpy as np
import pytest

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
    likely_rate,
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


def density(values: dict[str, object], *parameters: Parameter) -> float:
    return Prior(Domain(parameters)).log_density(values)  # type: ignore[arg-type]


def test_of_learning_rates_the_middle_ones_are_believed_in() -> None:
    rate = Parameter("learning_rate", ParameterKind.FLOAT, low=1e-5, high=1.0, log=True)
    low, good, high = (density({"learning_rate": value}, rate) for value in (1e-5, 3e-3, 1.0))
    assert good > max(low, high)


def test_the_longer_a_training_the_lower_is_the_likely_learning_rate() -> None:
    rates = [likely_rate(steps) for steps in (1, 200, 2_000, 20_000, 10**9)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == 1e-2
    assert rates[-1] == 3e-4
    assert 5e-4 < likely_rate(20_000) < 2e-3  # Keras's own
    assert likely_rate(None) == 3e-3


def test_what_is_believed_of_a_learning_rate_follows_the_steps() -> None:
    domain = Domain((choice("learning_rate", 3e-4, 1e-3, 3e-3, 1e-2),))
    for steps, best in ((100, 1e-2), (100_000, 3e-4)):
        assert max(domain.enumerate(), key=Prior(domain, steps).log_density) == {
            "learning_rate": best
        }


def test_a_short_training_is_believed_to_do_best_without_dropout() -> None:
    domain = Domain((choice("dropout", 0.0, 0.1, 0.2),))
    for steps, best in ((200, 0.0), (100_000, 0.1), (None, 0.1)):
        assert max(domain.enumerate(), key=Prior(domain, steps).log_density) == {"dropout": best}


def test_neither_few_nor_many_layers_are_believed_in_most() -> None:
    for name in ("num_layers", "depth", "convolutions", "conv_blocks"):
        layers = Parameter(name, ParameterKind.INT, low=1, high=5)
        ranked = sorted(Domain((layers,)).enumerate(), key=Prior(Domain((layers,))).log_density)
        assert [point[name] for point in ranked[2:]] in ([2, 4, 3], [4, 2, 3])


def test_wide_layers_are_believed_in_more_than_narrow_ones() -> None:
    units = choice("units_2", 128, 16, 64, 32, 8)
    ranked = sorted(units.choices, key=lambda value: density({"units_2": value}, units))
    assert ranked[-1] == 64
    assert ranked[0] == 8


def test_sizes_of_an_interval_are_placed_on_its_own_scale() -> None:
    filters = Parameter("filters", ParameterKind.INT, low=1, high=1024, log=True)
    assert density({"filters": 181}, filters) > density({"filters": 768}, filters)


def test_little_dropout_and_adam_are_believed_in() -> None:
    dropout, optimizer = choice("dropout", 0.0, 0.2, 0.8), choice("optimizer", "sgd", "adam")
    assert density({"dropout": 0.2}, dropout) > density({"dropout": 0.8}, dropout)
    assert density({"optimizer": "adam"}, optimizer) > density({"optimizer": "sgd"}, optimizer)


def test_a_layer_that_is_not_there_is_neither_good_nor_bad() -> None:
    deep = (Condition("second", (True,)),)
    second, units = choice("second", False, True), choice("units_2", 8, 64, 128, when=deep)
    absent = density({"second": False}, second, units)
    assert absent == 0.0
    worst, *_, best = sorted(
        density({"second": True, "units_2": u}, second, units) for u in (8, 64)
    )
    assert worst < absent < best


def test_of_names_it_does_not_know_and_of_words_for_sizes_it_believes_nothing() -> None:
    names = choice("operation", "conv", "pool"), choice("units", "few", "many")
    assert not Prior(Domain(names))
    assert density({"operation": "conv", "units": "few"}, *names) == 0.0


def test_a_learning_rate_of_nothing_is_hopeless_and_still_a_number() -> None:
    rate = choice("lr", 0.0, 0.001)
    assert math.isfinite(density({"lr": 0.0}, rate))
    assert density({"lr": 0.0}, rate) < density({"lr": 0.001}, rate) - 10


def test_branches_that_share_a_name_are_each_judged_by_their_own_range() -> None:
    left, right = ((Condition("branch", (side,)),) for side in ("left", "right"))
    branch = choice("branch", "left", "right")
    for name in ("units", "kernel"):  # one that it knows, and one that it doesn't
        small = choice(name, 1, 2, 3, 4, when=left)
        large = choice(name, 30, 60, 90, 120, when=right)
        domain = Domain((branch, small, large))
        belief = Prior(domain)
        best = max(domain.enumerate(), key=belief.first_guess)
        assert best[name] in (2, 3, 90)
        assert belief.first_guess({"branch": "left", name: 3}) == pytest.approx(
            belief.first_guess({"branch": "right", name: 90})
        )


def test_a_number_that_goes_far_counts_units_and_not_layers() -> None:
    units = Parameter("dense", ParameterKind.INT, low=32, high=512, step=32)
    assert not Prior(Domain((units,)))
    assert Prior(Domain((Parameter("dense", ParameterKind.INT, low=0, high=3),)))


def test_the_shorter_a_training_the_wider_are_the_layers_believed_in() -> None:
    domain = Domain((choice("filters_0", 8, 16, 32, 64),))
    for steps, best in ((100, 64), (100_000, 32), (None, 32)):
        assert max(domain.enumerate(), key=Prior(domain, steps).log_density) == {"filters_0": best}


def test_after_convolutions_no_dense_layers_are_believed_in() -> None:
    dense, blocks = (Parameter(n, ParameterKind.INT, low=0, high=2) for n in ("dense", "blocks"))
    for others, best in (((choice("filters", 8, 16),), 0), ((choice("units", 8, 16),), 1)):
        domain = Domain((dense, blocks, *others))
        found = max(domain.enumerate(), key=Prior(domain).log_density)
        assert (found["dense"], found["blocks"]) == (best, 1)


def test_draws_by_chance_have_a_mean_density_of_one() -> None:
    deep = (Condition("num_layers", (2,)),)
    layers = Parameter("num_layers", ParameterKind.INT, low=1, high=2)
    widths = choice("units_1", 8, 16, 32), choice("units_2", 8, 16, 32, 64, when=deep)
    belief = Prior(Domain((layers, *widths)))
    drawn = [belief.domain.sample(np.random.default_rng(seed)) for seed in range(4000)]
    mean = np.mean([math.exp(belief.log_density(values)) for values in drawn])
    assert mean == pytest.approx(1.0, abs=0.05)


def test_of_a_long_list_the_values_are_told_apart() -> None:
    many = choice("filters_0", *range(8, 328, 8))
    assert density({"filters_0": 248}, many) > max(
        density({"filters_0": size}, many) for size in (8, 320)
    )


def test_a_choice_that_is_all_wrong_is_still_better_made_than_none() -> None:
    percent = choice("dropout", 10, 20, 30, when=(Condition("second", (True,)),))
    second = choice("second", False, True)
    best = density({"second": True, "dropout": 10}, second, percent)
    assert best == pytest.approx(math.log(3))


def test_blocks_of_dense_convolutions_are_no_dense_layers() -> None:
    domain = Domain((choice("initial_filters", 8, 16), choice("dense_blocks", 2, 3, 4)))
    assert max(domain.enumerate(), key=Prior(domain).log_density)["dense_blocks"] == 3
