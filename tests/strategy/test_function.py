from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
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
from tests.record.logbook import end, everything, opened, start
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


@pytest.mark.parametrize(
    "form", [lambda one: one, lambda one: one.values, lambda o: dict(o.values)]
)
def test_a_trial_handed_back_in_any_form_is_a_repeat(form: Any) -> None:
    answer = asked(lambda history, rng: form(history.incumbent), POINT)
    assert isinstance(answer, RandomSubstitute)
    assert answer.repeated == 0


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


@pytest.mark.parametrize("parent", [2, -1, True, 1.0, "0"])
def test_an_unknown_parent_is_refused_before_it_is_written(parent: Any) -> None:
    def promote(history: History, rng: Any) -> Any:
        if len(history) < 2:
            return twelve().sample(rng)
        return Proposal(twelve().sample(rng), {"epochs": 3}, parent)

    seen = StrategyOracle(FunctionStrategy(promote, domain=twelve()), MAXIMISE, 3, seed=0)
    with pytest.raises(StrategyError, match=f"0 to 1, or None. Received: parent={parent!r}"):
        run(seen)
    assert len(seen.history) == 2


def test_numbers_of_numpy_are_numbers() -> None:
    proposal = Proposal(POINT, {"epochs": np.int64(3)}, np.int64(0))  # type: ignore[arg-type]
    made = asked(lambda history, rng: proposal, POINT)
    assert (type(made.fidelity["epochs"]), type(made.parent)) == (int, int)


def set_score(history: History) -> None:
    history[0].score = 9.0  # type: ignore[misc, union-attr]


@pytest.mark.parametrize(
    "change",
    [
        lambda history: history[0].fidelity.update(epochs=1),
        lambda history: history[0].costs.setdefault("params", 1.0),
        lambda history: history[0].curve[0].clear(),
        lambda history: history.opened[-1].update(direction="min"),
        lambda history: history.opened[-1]["fidelity"].update(epochs=1),
        lambda history: history.opened[-1]["space"]["parameters"].append(1),
        set_score,
        lambda history: setattr(history, "objective", "loss"),
    ],
)
def test_nothing_that_the_history_holds_can_be_changed(change: Any) -> None:
    journal = opened(fidelity={"epochs": 3}, space={"parameters": [1]})
    number = start(journal, **POINT)
    journal.append("trial_built", trial=number, costs={"params": 3})
    journal.append("epoch_ended", trial=number, epoch=1, logs={"val_accuracy": 0.5})
    end(journal, number, score=0.5)
    before = everything(journal.history)

    def cheat(history: History, rng: Any) -> dict[str, Any]:
        change(history)
        return twelve().sample(rng)

    with pytest.raises(StrategyError, match="'cheat' tried to change the history"):
        FunctionStrategy(cheat, domain=twelve()).propose(journal.history, rng())
    assert everything(journal.history) == before


def test_a_function_that_writes_an_event_of_its_own_is_refused() -> None:
    def writing(history: History, rng: Any) -> dict[str, Any]:
        event = {"event": "trial_proposed", "time": 0.0, "trial": len(history), "origin": "mine"}
        history.apply({**event, "values": dict(POINT)})
        return twelve().sample(rng)

    with pytest.raises(StrategyError, match="'writing' wrote an event into the history"):
        asked(writing)


def test_a_frozen_thing_of_the_users_own_is_no_change_of_the_history() -> None:
    def careless(history: object, rng: Any) -> Any:
        Proposal(POINT).parent = 3  # type: ignore[misc]

    with pytest.raises(FrozenInstanceError):
        asked(careless)


@pytest.mark.parametrize(
    "first",
    [
        lambda history: history.incumbent.values,
        lambda history: history.completed[-1],
        lambda history: max(trial.score for trial in history.completed),
    ],
)
def test_a_function_that_takes_the_history_for_full_is_told_that_it_is_empty_at_first(
    first: Any,
) -> None:
    seen = StrategyOracle(FunctionStrategy(lambda h, rng: first(h), domain=twelve()), MAXIMISE, 1)
    with pytest.raises((AttributeError, IndexError, ValueError)) as raised:
        run(seen)
    assert "The history is empty at first" in raised.value.__notes__[0]
    assert "The history is empty at first" in (seen.reason or "")
