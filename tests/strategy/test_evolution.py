from __future__ import annotations

from typing import Any

import pytest

from nas_nb.errors import StrategyError
from nas_nb.record.trial import Values
from nas_nb.strategy.base import Proposal
from nas_nb.strategy.evolution import Evolution
from tests.strategy.worlds import chain, mixed, rng, told, twelve

SHAPE = {"depth": 2, "layer_1": "Conv2D", "units_1": 32, "layer_2": "Dense", "units_2": 64}
LINE: list[dict[str, Any]] = [
    {"depth": 1, "layer_1": kind, "units_1": units}
    for kind in ("Conv2D", "Dense")
    for units in (32, 64, 128)
]


def parents(child: Values, candidates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of which the child is a mutant with one change of width or kind."""
    return [
        one
        for one in candidates
        if one.keys() == child.keys() and sum(one[k] != child[k] for k in one) == 1
    ]


def evolve(history: Any, seed: int, **options: int) -> dict[str, Any]:
    return Evolution(domain=chain(), **options).propose(history, rng(seed))


def test_a_young_search_is_random_until_the_population_is_full() -> None:
    history = told([(SHAPE, 1.0)])
    depths = {evolve(history, seed, population=2, sample=2)["depth"] for seed in range(20)}
    assert depths == {1, 2, 3}


def test_the_best_of_the_whole_population_is_the_parent() -> None:
    history = told([*((values, 0.1) for values in LINE), (SHAPE, 0.9)])
    children = [evolve(history, seed, population=7, sample=7) for seed in range(40)]
    changed_width = [c for c in children if c.keys() == SHAPE.keys() and parents(c, [SHAPE])]
    assert len(changed_width) >= 20


def test_minimising_turns_the_choice_round() -> None:
    trials = [*((values, 0.9) for values in LINE), (SHAPE, 0.1)]
    kept = [
        sum(
            parents(evolve(told(trials, direction), seed, population=7, sample=7), [SHAPE]) != []
            for seed in range(40)
        )
        for direction in ("min", "max")
    ]
    assert kept[0] >= 20 > kept[1]


def test_the_oldest_dies_even_if_it_is_the_best() -> None:
    young = [(values, 0.1) for values in LINE]
    with_old = evolve(told([(SHAPE, 0.9), *young]), 1, population=6, sample=6)
    without = evolve(told([({**SHAPE, "units_2": 128}, 0.0), *young]), 1, population=6, sample=6)
    assert with_old == without


def test_a_failed_trial_neither_fills_the_population_nor_has_children() -> None:
    history = told([(SHAPE, None), (LINE[0], 0.5), (LINE[1], None)])
    depths = {evolve(history, seed, population=2, sample=1)["depth"] for seed in range(20)}
    assert depths == {1, 2, 3}


def test_when_every_mutant_is_known_it_walks_further() -> None:
    trials = [(SHAPE, 1.0), *((near, 0.0) for near in chain().neighbours(SHAPE))]
    history = told([*trials, (LINE[0], 0.0), (SHAPE, 1.0)])
    child = evolve(history, 0, population=2, sample=2)
    assert not history.has_tried(child)


def test_when_even_walking_finds_nothing_the_last_points_are_drawn() -> None:
    everything = list(twelve().enumerate())
    history = told([(values, 1.0) for values in everything[:-1]])
    strategy = Evolution(domain=twelve(), population=2, sample=1)
    assert strategy.propose(history, rng()) == everything[-1]


def test_trials_of_another_space_are_no_parents() -> None:
    history = told([(SHAPE, 1.0), (LINE[0], 1.0)])
    child = Evolution(domain=mixed(), population=2, sample=2).propose(history, rng())
    assert mixed().contains(child)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"population": 1}, "`population` to be a whole number, 2 or more. Received: population=1"),
        ({"population": 2.5}, "Received: population=2.5"),
        (
            {"population": 5},
            "sample=10, population=5. Set both, for example population=5, sample=2",
        ),
        ({"population": 5, "sample": 6}, "`sample` to be at most `population`"),
        ({"sample": 0}, "Received: sample=0"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(StrategyError) as refused:
        Evolution(**options)
    assert sentence in str(refused.value)


def test_a_child_that_inherits_names_the_parent_that_it_is_a_mutant_of() -> None:
    history = told([*((values, 0.1) for values in LINE), (SHAPE, 0.9)])
    for seed in range(10):
        made = Evolution(7, 2, inherit_weights=True, domain=chain()).propose(history, rng(seed))
        plain = Evolution(7, 2, domain=chain()).propose(history, rng(seed))
        assert isinstance(made, Proposal)
        assert made.values == plain
        assert made.parent is not None
        assert history[made.parent].values in [*LINE, SHAPE]
        assert made.fidelity == {}
