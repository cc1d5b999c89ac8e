from __future__ import annotations

import gc

import keras_tuner as kt
import pytest

from nas_nb.record.history import History, fold
from nas_nb.record.trial import Trial, TrialStatus
from nas_nb.strategy.successive_halving import (
    Bracket,
    BracketRun,
    hyperband_brackets,
    replay_brackets,
)


@pytest.mark.parametrize(
    ("max_epochs", "factor"),
    [(1, 3), (3, 3), (10, 3), (27, 3), (81, 3), (100, 4), (243, 3), (7, 2)],
)
def test_the_brackets_are_keras_tuners(max_epochs: int, factor: int) -> None:
    theirs = kt.oracles.HyperbandOracle(
        kt.Objective("score", "max"), max_epochs=max_epochs, factor=factor
    )
    expected = tuple(
        Bracket(
            tuple(theirs._get_size(s, i) for i in range(theirs._get_num_rounds(s))),
            tuple(theirs._get_epochs(s, i) for i in range(theirs._get_num_rounds(s))),
        )
        for s in reversed(range(theirs._get_num_brackets()))
    )
    assert hyperband_brackets(max_epochs, factor) == expected


def test_the_papers_table_for_81_epochs_has_these_rounds() -> None:
    first = hyperband_brackets(81, 3)[0]
    assert first == Bracket((81, 27, 9, 3, 1), (1, 3, 9, 27, 81))


def trial(number: int, score: float | None, parent: int | None = None) -> Trial:
    status = TrialStatus.COMPLETED if score is not None else TrialStatus.FAILED
    return Trial(number, {"units": number}, "test", status, score=score, parent=parent)


def test_the_best_of_a_round_that_is_over_are_promoted_once() -> None:
    race = BracketRun(Bracket((4, 2, 1), (1, 3, 9)))
    race.rounds[0] = [trial(0, 0.1), trial(1, 0.9), trial(2, None), trial(3, 0.5)]
    assert [(t.number, epochs) for t, epochs in race.promotions("max")] == [(1, 3), (3, 3)]
    assert [t.number for t, _ in race.promotions("min")] == [0, 3]
    race.rounds[1] = [trial(4, 0.95, parent=1), trial(5, 0.97, parent=3)]
    assert [(t.number, epochs) for t, epochs in race.promotions("max")] == [(5, 9)]


def test_nobody_is_promoted_while_one_of_the_round_runs() -> None:
    race = BracketRun(Bracket((2, 1), (1, 3)))
    race.rounds[0] = [trial(0, 0.1), Trial(1, {"units": 1}, "test", TrialStatus.RUNNING)]
    assert not list(race.promotions("max"))


def proposed(parents: list[int | None]) -> History:
    """A history of so many trials of "test", each with its parent."""
    events = [
        {"event": "trial_proposed", "time": 0.0, "trial": number, "values": {"units": number}}
        | {"origin": "test", "parent": parent}
        for number, parent in enumerate(parents)
    ]
    opened = {"event": "search_opened", "objective": "score", "direction": "max", "seed": 0}
    return fold([opened | {"time": 0.0}, *events])


def test_a_trial_stands_one_round_above_its_parent_and_new_ones_fill_the_latest_bracket() -> None:
    history = proposed([None, None, None, 0, None, 2, 3, 6])
    brackets = iter([Bracket((2, 1, 1), (1, 3, 9)), Bracket((9, 3), (3, 9))])
    races = replay_brackets(history, "test", brackets)
    assert [[[t.number for t in place] for place in race.rounds] for race in races] == [
        [[0, 1], [3], [6]],
        [[2, 4, 7], [5]],  # nothing is above the highest round: 7 counts as new
    ]


def test_replaying_thousands_of_trials_does_not_set_off_the_garbage_collector() -> None:
    history = proposed([None] * 3000)
    bracket = Bracket((len(history.trials), 1), (1, 3))
    collected: list[str] = []

    def note(phase: str, info: dict[str, int]) -> None:
        collected.append(phase)

    gc.collect()
    gc.callbacks.append(note)
    try:
        races = replay_brackets(history, "test", iter([bracket]))
    finally:
        gc.callbacks.remove(note)
    assert len(races[0].rounds[0]) == 3000
    assert not collected
