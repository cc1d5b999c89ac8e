from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nas_nb.errors import StrategyError
from nas_nb.oracles.strategy_oracle import StrategyOracle
from nas_nb.record.history import History
from nas_nb.record.journal import Journal
from nas_nb.strategy.base import Proposal, RandomSubstitute, SpaceExhausted, proposal_rng
from nas_nb.strategy.function import FunctionStrategy
from tests.strategy.worlds import MAXIMISE, chain, rng, run, told, twelve

POINT: dict[str, Any] = {"optimizer": "adam", "units": 8}
COUNT = itertools.count(1)


def asked(function: Any, *tried: dict[str, Any]) -> dict[str, Any]:
    history = told([(values, 1.0) for values in tried])
    return FunctionStrategy(function, domain=twelve()).propose(history, rng())


def test_a_dict_is_a_proposal() -> None:
    assert asked(lambda history, rng: dict(POINT)) == POINT


def test_an_architecture_is_a_proposal() -> None:
    assert asked(lambda history, rng: SimpleNamespace(values=dict(POINT))) == POINT


def test_values_are_put_into_the_spaces_own_spelling() -> None:
    given = {"units": 8.0, "optimizer": "adam", "rate": 0.1}
    assert asked(lambda history, rng: given) == POINT


def test_it_is_known_by_the_functions_name() -> None:
    def mine(history: object, rng: object) -> None: ...

    assert FunctionStrategy(mine).name == "mine"
    assert FunctionStrategy(functools.partial(mine)).name == "partial"
    assert FunctionStrategy(mine).options == {}


def test_a_repeated_proposal_is_asked_for_again_with_the_generator_moved_on() -> None:
    def sample(history: object, rng: Any) -> dict[str, Any]:
        return twelve().sample(rng)

    assert asked(sample, twelve().sample(rng())) != twelve().sample(rng())


def test_a_function_that_only_repeats_itself_is_replaced_by_a_random_draw() -> None:
    calls = []

    def stubborn(history: object, rng: object) -> dict[str, Any]:
        calls.append(1)
        return dict(POINT)

    history = told([(POINT, 1.0)])
    made = FunctionStrategy(stubborn, domain=twelve()).propose(history, rng())
    assert isinstance(made, RandomSubstitute)
    assert made.values != POINT
    assert len(calls) == 20


def test_the_record_says_what_was_repeated() -> None:
    def stubborn(history: object, rng: object) -> dict[str, Any]:
        return dict(POINT)

    seen = StrategyOracle(FunctionStrategy(stubborn, domain=twelve()), MAXIMISE, 2, seed=0)
    run(seen)
    assert [trial.origin for trial in seen.history] == [
        "stubborn",
        "stubborn (repeated trial 0: random instead)",
    ]


def test_an_exhausted_space_ends_a_function_too() -> None:
    with pytest.raises(SpaceExhausted):
        asked(lambda history, rng: dict(POINT), *twelve().enumerate())


@pytest.mark.parametrize(
    ("proposal", "sentence"),
    [
        (None, "does it end with `return`?"),
        ([8, "adam"], "Received: [8, 'adam'] (of type list)"),
        ({"units": 8}, "'optimizer' to be adam, sgd. Received: no value"),
        ({"optimizer": "adam", "units": 9}, "'units' to be 8, 16, 32. Received: 9"),
        ({"optimizer": "adam", "unit": 8}, "Did you mean 'units'?"),
    ],
)
def test_an_illegal_proposal_is_explained(proposal: Any, sentence: str) -> None:
    with pytest.raises(StrategyError) as refused:
        asked(lambda history, rng: proposal)
    assert sentence in str(refused.value)
    assert "'<lambda>'" in str(refused.value)


def test_the_values_of_the_history_can_not_be_changed() -> None:
    def careless(history: Any, rng: object) -> Any:
        values = history.incumbent.values
        values["units"] = 32
        return values

    with pytest.raises(StrategyError, match="change a copy, dict") as refused:
        asked(careless, POINT)
    assert """'careless' tried to change the history (line""" in str(refused.value)
    assert """`values["units"] = 32`)""" in str(refused.value)
    assert isinstance(refused.value.__cause__, TypeError)


def test_the_values_of_the_history_are_not_to_be_handed_back() -> None:
    with pytest.raises(StrategyError, match=r"change a copy, as in `values = dict"):
        asked(lambda history, rng: history.incumbent.values, POINT)


def yielding(history: object, rng: object) -> Iterator[dict[str, Any]]:
    yield dict(POINT)


async def waiting(history: object, rng: object) -> dict[str, Any]:
    return dict(POINT)


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda: POINT, "to take two arguments, propose(history, rng)"),
        (lambda history: POINT, "to take two arguments"),
        (lambda history, rng, more: POINT, "missing a required argument: 'more'"),
        (yielding, "Write `return`, not `yield`"),
        (waiting, "a plain function"),
        (POINT, "Received: {'optimizer': 'adam', 'units': 8} (of type dict)"),
        (None, "Received: None"),
    ],
)
def test_what_can_not_be_asked_is_refused_at_once(function: Any, sentence: str) -> None:
    with pytest.raises(StrategyError) as refused:
        FunctionStrategy(function)
    assert sentence in str(refused.value)


def test_a_functions_own_error_is_left_as_it_is() -> None:
    def broken(history: object, rng: object) -> float:
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        FunctionStrategy(broken, domain=chain()).propose(told([]), rng())


def sample(history: object, rng: Any) -> dict[str, Any]:
    return twelve().sample(rng)


def own_generator() -> Any:
    mine = np.random.default_rng(0)  # with a seed: of twelve points two draws may be one
    return lambda history, rng: twelve().sample(mine)


def counter() -> Any:
    points = itertools.cycle(twelve().enumerate())
    return lambda history, rng: next(points)


def iterator() -> Any:
    points = iter([dict(POINT)])
    return lambda history, rng: next(points)


@pytest.mark.parametrize(
    ("function", "received"),
    [
        (own_generator(), ", then "),
        (counter(), "Received: units=8, then units=16"),
        (iterator(), "then StopIteration()"),
        (lambda history, rng: Proposal(POINT, {"epochs": next(COUNT)}), "fidelity epochs=1, then"),
    ],
)
def test_a_function_that_answers_differently_when_it_is_asked_again_is_refused(
    function: Any, received: str
) -> None:
    with pytest.raises(StrategyError) as refused:
        asked(function)
    for sentence in (received, "Draw from `rng` alone", "`len(history)` counts"):
        assert sentence in str(refused.value)


def driven(function: Any, trials: int) -> list[int]:
    """Returns with how many trials in the history a function was asked."""
    calls: list[int] = []

    def counted(history: History, rng: Any) -> Any:
        calls.append(len(history))
        return function(history, rng)

    run(StrategyOracle(FunctionStrategy(counted, domain=chain()), MAXIMISE, trials, seed=0))
    return calls


def test_it_is_asked_twice_at_a_few_proposals_that_the_history_decides() -> None:
    in_order = list(chain().enumerate())
    assert driven(lambda h, rng: in_order[len(h)], 8) == [0, 0, 1, 1, 2, 3, 4, 5, 5, 6, 7]


def test_it_is_asked_twice_where_it_takes_over_from_another_strategy() -> None:
    points = itertools.cycle(twelve().enumerate())
    tried = [next(points) for _ in range(3)]
    with pytest.raises(StrategyError, match="asked twice"):
        asked(lambda history, rng: next(points), *tried)


def test_to_be_asked_twice_changes_no_proposal() -> None:
    seen = StrategyOracle(FunctionStrategy(sample, domain=twelve()), MAXIMISE, 7, seed=3)
    run(seen)
    expected: list[dict[str, Any]] = []
    for number in range(7):
        draws, point = proposal_rng(3, number), None
        while point is None or point in expected:
            point = twelve().sample(draws)
        expected.append(point)
    assert [trial.values for trial in seen.history] == expected


def test_somebody_who_steers_between_the_questions_is_no_memory() -> None:
    journal = Journal.in_memory()
    points = list(twelve().enumerate())

    def steered(history: History, rng: object) -> dict[str, Any]:
        journal.append("steered", action="pause")
        return points[len(history.steering)]

    seen = StrategyOracle(FunctionStrategy(steered, domain=twelve()), MAXIMISE, 1, journal=journal)
    run(seen)
    assert [trial.values for trial in journal.history] == [points[1]]


def test_a_proposal_repeats_no_fidelity_of_its_architecture() -> None:
    proposals = [
        Proposal(POINT, {"epochs": 1}),
        Proposal(POINT, {"epochs": 3}, 0),
        Proposal(POINT, {"epochs": 3}),
        Proposal(POINT, {"epochs": 3}, 1),
        Proposal(POINT, {"epochs": 9}),  # which is what the search grants: a repeat of none yet
        Proposal(POINT),
    ]

    def scripted(history: History, rng: object) -> Proposal:
        return proposals[len(history)]

    made = FunctionStrategy(scripted, domain=twelve())
    seen = StrategyOracle(made, MAXIMISE, 6, seed=0, epochs=9)
    run(seen)
    origins = [trial.origin for trial in seen.history]
    mine, instead = "scripted", "scripted (repeated trial {}: random instead)"
    assert origins == [mine, mine, *[instead.format(1)] * 2, mine, instead.format(4)]
    assert [trial.fidelity.get("epochs") for trial in seen.history] == [1, 3, 3, 3, 9, None]
    assert len({trial.key for trial in seen.history}) == 4


def test_weights_of_another_architecture_make_a_proposal_new_once() -> None:
    other = {"optimizer": "adam", "units": 16}
    history = told([(POINT, 1.0), (other, 2.0)])
    made = FunctionStrategy(lambda h, rng: Proposal(POINT, {}, 1), domain=twelve())
    answer = made.propose(history, rng())
    assert isinstance(answer, Proposal)
    assert (answer.values, answer.parent) == (POINT, 1)
    child = {"event": "trial_proposed", "trial": 2, "values": POINT, "origin": "test", "parent": 1}
    history.apply({**child, "time": 0.0})
    assert isinstance(made.propose(history, rng()), RandomSubstitute)
