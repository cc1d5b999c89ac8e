from __future__ import annotations

from typing import Any

import pytest

from nas_nb.errors import StrategyError
from nas_nb.record.journal import Journal
from nas_nb.record.trial import values_key
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Condition, Parameter, ParameterKind
from nas_nb.strategy.base import SpaceExhausted, proposal_rng, sample_new
from nas_nb.strategy.evolution import Evolution
from nas_nb.strategy.random_grid import RandomSearch
from tests.strategy.worlds import chain, choice, mixed, rng, told, twelve


def test_the_last_architecture_of_a_space_is_found_without_a_lucky_draw() -> None:
    everything = list(twelve().enumerate())
    for missing in everything:
        history = told([(values, 1.0) for values in everything if values != missing])
        assert sample_new(twelve(), history, rng(), tries=0) == missing


def test_a_corner_that_is_hardly_ever_drawn_is_found() -> None:
    door = choice("door", *range(1000))
    behind = choice("behind", *range(50), when=(Condition("door", (7,)),))
    domain = Domain((door, behind))
    others = [values for values in domain.enumerate() if values["door"] != 7]
    values = sample_new(domain, told([(other, 0.0) for other in others]), rng(), tries=10)
    assert values["door"] == 7


def test_the_rest_of_a_space_is_drawn_evenly() -> None:
    drawn = {values_key(sample_new(chain(), told([]), rng(seed), tries=0)) for seed in range(300)}
    assert len(drawn) > 150


def test_an_exhausted_space_says_how_many_architectures_it_had() -> None:
    history = told([(values, None) for values in twelve().enumerate()])
    with pytest.raises(SpaceExhausted, match="All 12 architectures"):
        sample_new(twelve(), history, rng())


def test_an_infinite_space_with_a_closed_part_gives_up_after_its_draws() -> None:
    rare = Parameter(
        "rate", ParameterKind.FLOAT, low=0.0, high=1.0, conditions=(Condition("door", (0,)),)
    )
    domain = Domain((choice("door", *range(1000)), rare))
    history = told([({"door": door}, 0.0) for door in range(1, 1000)])
    with pytest.raises(SpaceExhausted, match="5 draws"):
        sample_new(domain, history, rng(), tries=5)
    assert sample_new(domain, history, rng(), tries=20_000)["door"] == 0


def test_a_corner_of_an_infinite_space_is_found_where_one_of_150_draws_meets_it() -> None:
    rare = Parameter(
        "rate", ParameterKind.FLOAT, low=0.0, high=1.0, conditions=(Condition("door", (0,)),)
    )
    domain = Domain((choice("door", *range(150)), rare))
    history = told([({"door": door}, 0.0) for door in range(1, 150)])
    assert all(sample_new(domain, history, rng(seed))["door"] == 0 for seed in range(30))


def test_a_strategy_without_a_space_says_how_to_bind_it() -> None:
    with pytest.raises(StrategyError, match="over"):
        RandomSearch().propose(told([]), rng())


def test_binding_makes_a_copy_and_keeps_the_options() -> None:
    free = Evolution(population=7, sample=3)
    bound = free.over(mixed())
    assert bound.domain == mixed()
    assert bound.options == {"population": 7, "sample": 3, "inherit_weights": False} == free.options
    assert free.domain is None


def test_the_generator_depends_on_seed_and_number_alone() -> None:
    draws = {(s, n): proposal_rng(s, n).integers(2**60) for s in range(5) for n in range(5)}
    assert len(set(draws.values())) == 25
    assert proposal_rng(0, 3).integers(2**60) == draws[0, 3]


@pytest.mark.parametrize(
    ("budget", "design"),
    [
        ({}, 20),
        ({"max_trials": None}, 20),
        ({"max_trials": 30}, 10),
        ({"max_epochs": 90}, 6),
        ({"max_time_s": 45.0}, 3),
        ({"max_trials": 30, "max_epochs": 90, "max_time_s": 1000.0}, 6),
        ({"max_trials": 2}, 1),
    ],
)
def test_the_initial_design_goes_by_whatever_limit_is_known(
    budget: dict[str, Any], design: int
) -> None:
    journal = Journal.in_memory()
    about = {"objective": "x", "direction": "max", "seed": 0, "fidelity": {"epochs": 5}}
    journal.append("search_opened", budget=budget, **about)
    for number in range(2):
        journal.append("trial_proposed", trial=number, values={"n": number}, origin="x")
        journal.append("trial_started", trial=number)
        journal.append("trial_ended", trial=number, status="completed", score=1.0, duration_s=5.0)
    assert Evolution(domain=mixed()).initial_design(journal.history) == design


def test_a_budget_that_was_steered_counts() -> None:
    journal = Journal.in_memory()
    about = {"objective": "x", "direction": "max", "seed": 0}
    journal.append("search_opened", budget={"max_trials": 30}, **about)
    journal.append("steered", action="budget", detail={"max_trials": 15})
    assert journal.history.budget == {"max_trials": 15}
    assert Evolution(domain=mixed()).initial_design(journal.history) == 5
    journal.append("steered", action="budget", detail={"max_trials": None, "max_epochs": 7})
    assert journal.history.budget == {"max_epochs": 7}
