"""The search for branches, on functions that ask for hyperparameters and build nothing."""

from __future__ import annotations

from collections.abc import Callable

import keras_tuner as kt

from nas_nb.space.domain import Domain
from nas_nb.space.hypermodel import BuildExplorer, record_build
from nas_nb.space.symbolic import WeightlessBuilder

Build = Callable[[kt.HyperParameters], object]


def explore(build: Build) -> tuple[Domain, int]:
    """The domain that is found, and after how many builds."""
    builder = WeightlessBuilder()
    survey = BuildExplorer(lambda values: record_build(build, values, builder))
    try:
        return survey.explore(), len(survey.traces)
    finally:
        builder.close()  # it freezes what the collector knows until then


def conditions(domain: Domain) -> dict[str, dict[str, tuple]]:
    return {p.name: {c.parent: c.values for c in p.conditions} for p in domain.parameters}


def test_flat_space_takes_a_build_for_each_option() -> None:
    def build(hp: kt.HyperParameters) -> None:
        hp.Choice("kind", ["a", "b", "c"])
        hp.Boolean("flag")
        hp.Int("units", 32, 512)
        hp.Fixed("seed", 3)

    domain, builds = explore(build)
    assert conditions(domain) == {"kind": {}, "flag": {}, "units": {}, "seed": {}}
    assert builds == 3


def test_thirty_scopes_are_opened_together() -> None:
    def build(hp: kt.HyperParameters) -> None:
        for number in range(10):
            kind = hp.Choice(f"kind_{number}", ["x", "y", "z"])
            for option in "xyz":
                with hp.conditional_scope(f"kind_{number}", [option]):
                    if kind == option:
                        hp.Int(f"{option}_{number}", 100, 110)

    domain, builds = explore(build)
    assert domain.size == (3 * 11) ** 10
    assert builds <= 6


def test_scopes_over_a_count_are_opened_by_its_largest_value() -> None:
    def build(hp: kt.HyperParameters) -> None:
        blocks = hp.Int("blocks", 1, 31)
        for number in range(31):
            with hp.conditional_scope("blocks", list(range(number + 1, 32))):
                if number < blocks:
                    hp.Choice(f"units_{number}", [100, 200])

    domain, builds = explore(build)
    assert domain.size == 2**32 - 2
    assert builds == 2


def test_scope_inside_a_scope_is_found() -> None:
    def build(hp: kt.HyperParameters) -> None:
        model = hp.Choice("model", ["mlp", "cnn"])
        with hp.conditional_scope("model", ["cnn"]):
            if model == "cnn":
                pool = hp.Choice("pool", ["none", "max"])
                with hp.conditional_scope("pool", ["max"]):
                    if pool == "max":
                        hp.Int("size", 2, 3)

    domain, _ = explore(build)
    assert conditions(domain)["size"] == {"model": ("cnn",), "pool": ("max",)}
    assert domain.size == 1 + 1 + 2


def test_choice_inside_an_if_gets_the_condition() -> None:
    def build(hp: kt.HyperParameters) -> None:
        if hp.Boolean("dropout"):
            hp.Float("rate", 0.1, 0.5)
        hp.Choice("activation", ["relu", "tanh", "gelu"])

    domain, _ = explore(build)
    assert conditions(domain) == {"dropout": {}, "rate": {"dropout": (True,)}, "activation": {}}


def test_loop_over_a_count_gives_each_round_its_condition() -> None:
    def build(hp: kt.HyperParameters) -> None:
        for number in range(hp.Int("layers", 1, 3)):
            hp.Int(f"units_{number}", 100, 500)

    domain, _ = explore(build)
    assert conditions(domain)["units_0"] == {}
    assert conditions(domain)["units_1"] == {"layers": (2, 3)}
    assert conditions(domain)["units_2"] == {"layers": (3,)}
    assert domain.size == 401 + 401**2 + 401**3


def test_if_inside_a_loop_inside_an_if_gets_all_conditions() -> None:
    def build(hp: kt.HyperParameters) -> None:
        if hp.Boolean("conv"):
            for number in range(hp.Int("blocks", 1, 2)):
                if hp.Choice(f"norm_{number}", ["none", "batch", "layer"]) == "batch":
                    hp.Float(f"momentum_{number}", 0.8, 0.99)
        hp.Choice("optimizer", ["adam", "sgd"])

    found = conditions(explore(build)[0])
    assert found["blocks"] == {"conv": (True,)}
    assert found["norm_0"] == {"conv": (True,)}
    assert found["norm_1"] == {"conv": (True,), "blocks": (2,)}
    assert found["momentum_0"] == {"conv": (True,), "norm_0": ("batch",)}
    assert found["momentum_1"] == {"conv": (True,), "blocks": (2,), "norm_1": ("batch",)}
    assert found["optimizer"] == {}


def test_parameters_keep_the_order_of_the_calls() -> None:
    def build(hp: kt.HyperParameters) -> None:
        for number in range(hp.Int("layers", 1, 3)):
            hp.Choice(f"units_{number}", [100, 200])
        hp.Choice("optimizer", ["adam", "sgd"])

    names = explore(build)[0].names
    assert names == ("layers", "units_0", "units_1", "units_2", "optimizer")


def test_name_in_two_scopes_is_one_slot_of_two_parameters() -> None:
    def build(hp: kt.HyperParameters) -> None:
        model = hp.Choice("model", ["mlp", "cnn"])
        with hp.conditional_scope("model", ["mlp"]):
            if model == "mlp":
                hp.Choice("units", [100, 200, 300])
        with hp.conditional_scope("model", ["cnn"]):
            if model == "cnn":
                hp.Choice("units", [70, 80])

    domain, _ = explore(build)
    assert domain.names == ("model", "units")
    assert domain.size == 5


def test_scope_that_cannot_open_ends_the_search_all_the_same() -> None:
    def build(hp: kt.HyperParameters) -> None:
        hp.Choice("a", ["x", "y"])
        with hp.conditional_scope("a", ["z"]):
            hp.Int("b", 1, 2)

    domain, builds = explore(build)
    assert conditions(domain) == {"a": {}, "b": {"a": ("z",)}}
    assert builds <= 4


def test_branch_that_fails_keeps_what_it_asked_for() -> None:
    def build(hp: kt.HyperParameters) -> None:
        if hp.Choice("kind", ["good", "bad"]) == "bad":
            hp.Int("before", 1, 2)
            raise RuntimeError("on purpose")
        hp.Int("after", 1, 2)

    domain, _ = explore(build)
    assert set(domain.names) == {"kind", "before", "after"}


def test_parameter_with_two_ways_in_stays_unconditional() -> None:
    def build(hp: kt.HyperParameters) -> None:
        left, right = hp.Boolean("left"), hp.Boolean("right")
        if left or right:
            hp.Choice("units", [100, 200])

    domain, _ = explore(build)
    assert conditions(domain)["units"] == {}


def test_exploring_twice_finds_the_same() -> None:
    def build(hp: kt.HyperParameters) -> None:
        for number in range(hp.Int("layers", 1, 3)):
            if hp.Boolean(f"wide_{number}"):
                hp.Choice(f"units_{number}", [100, 200])

    assert explore(build) == explore(build)
