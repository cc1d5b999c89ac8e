from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from nas_nb.errors import StrategyError
from nas_nb.oracles.strategy_oracle import StrategyOracle
from nas_nb.record.history import History
from nas_nb.strategy.base import Proposal
from nas_nb.strategy.function import FunctionStrategy
from tests.record.logbook import end, everything, opened, start
from tests.strategy.test_function import POINT, asked
from tests.strategy.worlds import MAXIMISE, rng, run, twelve


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
