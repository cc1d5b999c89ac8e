"""The search for branches, on functions that ask for hyperparameters and build nothing."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import keras_tuner as kt
import pytest

from nas_nb.errors import SpaceError
from nas_nb.space.definition import WeightlessBuilder
from nas_nb.space.domain import Domain
from nas_nb.space.exploration import BuildExplorer
from nas_nb.space.hyperparameters import record_build
from nas_nb.space.search_space import describe_domain

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
    assert builds <= 18


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
    assert builds <= 18


def test_scopes_over_a_count_are_opened_by_its_largest_value() -> None:
    def build(hp: kt.HyperParameters) -> None:
        blocks = hp.Int("blocks", 1, 31)
        for number in range(31):
            with hp.conditional_scope("blocks", list(range(number + 1, 32))):
                if number < blocks:
                    hp.Choice(f"units_{number}", [100, 200])

    domain, builds = explore(build)
    assert domain.size == 2**32 - 2
    assert builds <= 17


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
    assert builds <= 6


def test_branch_that_fails_keeps_what_it_asked_for() -> None:
    def build(hp: kt.HyperParameters) -> None:
        if hp.Choice("kind", ["good", "bad"]) == "bad":
            hp.Int("before", 1, 2)
            raise RuntimeError("on purpose")
        hp.Int("after", 1, 2)

    domain, _ = explore(build)
    assert set(domain.names) == {"kind", "before", "after"}


def test_parameter_with_two_ways_in_counts_in_both_and_in_no_other() -> None:
    def build(hp: kt.HyperParameters) -> None:
        left, right = hp.Boolean("left"), hp.Boolean("right")
        if left or right:
            hp.Choice("units", [100, 200])

    assert explore(build)[0].size == 3 * 2 + 1


def test_exploring_twice_finds_the_same() -> None:
    def build(hp: kt.HyperParameters) -> None:
        for number in range(hp.Int("layers", 1, 3)):
            if hp.Boolean(f"wide_{number}"):
                hp.Choice(f"units_{number}", [100, 200])

    assert explore(build) == explore(build)


def range_of_another(hp: Any) -> None:
    hp.Int("second", 8, hp.Int("first", 16, 48, step=16), step=8)


def range_of_two(hp: Any) -> None:
    hp.Int("third", 0, hp.Int("first", 1, 2) + hp.Int("second", 1, 2))


def values_of_another(hp: Any) -> None:
    hp.Choice("units", {"s": [1, 2], "m": [2, 4], "l": [8]}[hp.Choice("size", ["s", "m", "l"])])


def default_of_another(hp: Any) -> None:
    hp.Int("units", 1, 64, default=8 if hp.Boolean("small") else 32)


def step_and_sampling(hp: Any) -> None:
    kind = hp.Choice("kind", ["a", "b", "c"])
    options = {"a": {"sampling": "log"}, "b": {"step": 4}, "c": {}}[kind]
    hp.Int("units", 4, 64, **options)


def another_type(hp: Any) -> None:
    if hp.Boolean("flag"):
        hp.Int("x", 1, 3)
    else:
        hp.Choice("x", ["1", "2"])


def one_branch_of_three(hp: Any) -> None:
    if hp.Choice("kind", ["a", "b", "c"]) == "b":
        hp.Int("x", 1, 3)


def number_in_the_middle(hp: Any) -> None:
    if hp.Int("kernel", 1, 9) == 4:
        hp.Boolean("dilated")


def threshold_of_many(hp: Any) -> None:
    if hp.Int("units", 32, 512) > 100:
        hp.Choice("rate", [0.1, 0.5])


def both_of_two(hp: Any) -> None:
    wide, deep = hp.Choice("wide", ["x", "y", "z"]), hp.Choice("deep", ["x", "y", "z"])
    if wide == "z" and deep == "z":
        hp.Int("x", 1, 5)


def fixed_by_another(hp: Any) -> None:
    hp.Fixed("rate", 0.1 if hp.Boolean("fast") else 0.01)


@pytest.mark.parametrize(
    ("build", "line"),
    [
        (range_of_another, "16 step 8  if first is 16; 8 to 32 step 8  if first is 32; 8 to 48"),
        (
            range_of_two,
            "0 to 2  if first is 1 and second is 1; 0 to 3  if first is 1",
        ),
        (values_of_another, "units  1, 2  if size is s; 2, 4  if size is m; 8  if size is l"),
        (default_of_another, "units  1 to 64  if small is True; 1 to 64  if small is False"),
        (step_and_sampling, "(log)  if kind is a; 4 to 64 step 4  if kind is b; 4 to 64  if kind"),
        (another_type, "x     1 to 3  if flag is True; 1, 2  if flag is False"),
        (one_branch_of_three, "x     1 to 3   if kind is b"),
        (number_in_the_middle, "dilated  True, False  if kernel is 4"),
        (threshold_of_many, "rate   0.1, 0.5   if units is 101 to 512"),
        (both_of_two, "x     1 to 5   if wide is z and deep is z"),
        (fixed_by_another, "rate  0.1  if fast is True; 0.01  if fast is False"),
    ],
)
def test_a_range_that_hangs_on_another_value_follows_it(build: Build, line: str) -> None:
    assert line in describe_domain(explore(build)[0])


def test_a_default_that_hangs_on_another_value_follows_it() -> None:
    domain, _ = explore(default_of_another)
    assert [domain.complete({"small": small})["units"] for small in (True, False)] == [8, 32]


CALLS = itertools.count()


def named_by_a_counter(hp: Any) -> None:
    hp.Int(f"units_{next(CALLS)}", 1, 3)


def ranged_by_a_counter(hp: Any) -> None:
    hp.Int("units", 1, 3 + next(CALLS))


def asked_by_chance(hp: Any) -> None:
    hp.Choice("kind", ["a", "b"])
    if random.random() < 0.5:
        hp.Int("units", 1, 3)


def branch_on_a_float(hp: Any) -> None:
    if hp.Float("x", 0, 1) > 0.5:
        hp.Int("units", 1, 3)


def range_of_a_float(hp: Any) -> None:
    hp.Float("y", 0, hp.Float("x", 0.1, 1))


def range_of_many(hp: Any) -> None:
    hp.Int("y", 8, hp.Int("x", 16, 1024))


def two_types(hp: Any) -> None:
    hp.Boolean("x")
    hp.Choice("x", ["True", "False"])


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (named_by_a_counter, "builds with the same values that differ in 'units_"),
        (ranged_by_a_counter, "differ in 'units'. A build may depend on `hp` alone"),
        (asked_by_chance, "differ in 'units'. A build may depend on `hp` alone"),
        (branch_on_a_float, r"'units', which depends on 'x' \(0.0 to 1.0\): let a choice"),
        (range_of_a_float, "'y', which depends on 'x'"),
        (range_of_many, "'y', whose range is another for each of the 1009 values of 'x'"),
        (two_types, "'x' to have one range .* boolean True, False and choice True, False"),
    ],
)
def test_what_no_space_can_follow_is_refused_in_a_sentence(build: Build, words: str) -> None:
    random.seed(5)
    with pytest.raises(SpaceError, match=words):
        explore(build)


class Walk:
    """Stands for `hp` and notes every way through a build."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers, self.asked, self.open = answers, {}, None

    def ask(self, name: str, values: list[Any]) -> Any:
        if name not in self.asked and name not in self.answers and self.open is None:
            self.open = [{**self.asked, name: value} for value in values]
        return self.asked.setdefault(name, self.answers.get(name, values[0]))

    def Choice(self, name: str, values: list[Any]) -> Any:  # noqa: N802
        return self.ask(name, values)

    def Boolean(self, name: str) -> Any:  # noqa: N802
        return self.ask(name, [True, False])

    def Int(self, name: str, low: int, high: int) -> Any:  # noqa: N802
        return self.ask(name, list(range(low, high + 1)))


def every_way(build: Build) -> set[frozenset]:
    ways, waiting = set(), [{}]
    while waiting:
        walk = Walk(waiting.pop())
        build(walk)
        if walk.open is None:
            ways.add(frozenset(walk.asked.items()))
        waiting += walk.open or []
    return ways


def drawn_build(seed: int) -> Build:
    """A build function whose ifs, loops and ranges hang on what it asked for before."""

    def build(hp: Any) -> None:
        known: list[tuple[str, int]] = [("first", hp.Int("first", 1, 3))]
        for step in range(6):
            dice = random.Random(seed * 100 + step)
            name, pick = f"p{step}", dice.random()
            asked = [value for _, value in known if dice.random() < 0.6]
            if asked and pick < 0.4 and min(asked) < 2:
                continue
            if pick < 0.6:
                known.append((name, 1 + int(hp.Boolean(name))))
            elif pick < 0.8:
                known.append((name, hp.Int(name, 1, known[dice.randrange(len(known))][1] + 1)))
            else:
                for number in range(known[dice.randrange(len(known))][1]):
                    hp.Boolean(f"{name}_{number}")

    return build


@pytest.mark.parametrize("seed", range(25))
def test_a_drawn_build_has_the_points_of_all_ways_through_it_and_no_others(seed: int) -> None:
    build = drawn_build(seed)
    found = {frozenset(point.items()) for point in explore(build)[0].enumerate()}
    assert found == every_way(build)
