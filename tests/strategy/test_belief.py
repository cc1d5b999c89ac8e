from __future__ import annotations

import math

import numpy as np
import pytest

from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Condition, Parameter, ParameterKind
from nas_nb.strategy.initial_design import Prior, likely_rate


def choice(name: str, *values: object, **more: object) -> Parameter:
    return Parameter(name, ParameterKind.CHOICE, values, **more)  # type: ignore[arg-type]


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
    second, units = choice("second", False, True), choice("units_2", 8, 64, 128, conditions=deep)
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
        small = choice(name, 1, 2, 3, 4, conditions=left)
        large = choice(name, 30, 60, 90, 120, conditions=right)
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
    widths = choice("units_1", 8, 16, 32), choice("units_2", 8, 16, 32, 64, conditions=deep)
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
    percent = choice("dropout", 10, 20, 30, conditions=(Condition("second", (True,)),))
    second = choice("second", False, True)
    best = density({"second": True, "dropout": 10}, second, percent)
    assert best == pytest.approx(math.log(3))


def test_blocks_of_dense_convolutions_are_no_dense_layers() -> None:
    domain = Domain((choice("initial_filters", 8, 16), choice("dense_blocks", 2, 3, 4)))
    assert max(domain.enumerate(), key=Prior(domain).log_density)["dense_blocks"] == 3
