from __future__ import annotations

import functools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from nas_nb.errors import StrategyError
from nas_nb.strategy.function import FunctionStrategy
from nas_nb.strategy.oracle import StrategyOracle
from nas_nb.strategy.proposal import Substitute
from nas_nb.strategy.strategy import SpaceExhausted
from tests.strategy.worlds import MAXIMISE, chain, rng, run, told, twelve

POINT = {"optimizer": "adam", "units": 8}


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
    assert isinstance(made, Substitute)
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
        ({"units": 8}, "'optimizer' to be adam, sgd, got no value"),
        ({"optimizer": "adam", "units": 9}, "'units' to be 8, 16, 32, got 9"),
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

    with pytest.raises(TypeError, match="change a copy, dict"):
        asked(careless, POINT)


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
