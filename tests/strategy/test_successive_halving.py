from __future__ import annotations

import gc
from typing import Any

import keras_tuner as kt
import pytest

from nas_nb.errors import StrategyError
from nas_nb.oracles.strategy_oracle import StrategyOracle
from nas_nb.record.history import History, fold
from nas_nb.record.trial import Trial, TrialStatus, values_key
from nas_nb.space.hyperparameters import to_hyperparameters
from nas_nb.strategy.successive_halving import (
    PROPOSERS,
    Asha,
    Bracket,
    BracketRun,
    Hyperband,
    SuccessiveHalving,
    hyperband_brackets,
    replay_brackets,
)
from tests.strategy.worlds import MAXIMISE, answer, early, mixed, quality, train, twelve


def test_nine_begin_three_go_on_and_one_is_trained_in_full_then_nine_others_begin() -> None:
    seen = StrategyOracle(SuccessiveHalving(domain=mixed()), MAXIMISE, seed=0, epochs=9)
    epochs = [epochs for _, epochs in train(seen, trials=26)]
    assert epochs == ([1] * 9 + [3] * 3 + [9]) * 2


@pytest.mark.parametrize(
    ("budget", "epochs"),
    [(15, [1] * 5 + [3] * 2 + [9]), (6, [1] * 2 + [3, 9]), (27, [1] * 9 + [3] * 3 + [9])],
)
def test_a_small_budget_makes_the_bracket_smaller(budget: int, epochs: list[int]) -> None:
    bound = SuccessiveHalving(domain=mixed())
    seen = StrategyOracle(bound, MAXIMISE, budget, seed=0, epochs=9)
    assert [epochs for _, epochs in train(seen, trials=len(epochs))] == epochs


def test_n_and_the_rungs_are_options() -> None:
    bound = SuccessiveHalving(n=4, factor=2, min_epochs=2, max_epochs=8, domain=mixed())
    seen = StrategyOracle(bound, MAXIMISE, seed=0)
    assert [epochs for _, epochs in train(seen, trials=7)] == [2, 2, 2, 2, 4, 4, 8]


def test_an_exhausted_space_still_promotes_the_last_round() -> None:
    bound = SuccessiveHalving(n=20, max_epochs=9, domain=twelve())
    seen = StrategyOracle(bound, MAXIMISE, seed=0)
    assert [epochs for _, epochs in train(seen)] == [1] * 12 + [3] * 6 + [9] * 2
    assert seen.reason is not None
    assert "All 12 architectures" in seen.reason


def test_a_rung_above_the_top_is_refused() -> None:
    with pytest.raises(StrategyError, match=r"`max_epochs`.*10 or more"):
        SuccessiveHalving(min_epochs=10, max_epochs=9)


def test_the_best_third_climbs_as_soon_as_it_is_one() -> None:
    seen = StrategyOracle(Asha(domain=mixed()), MAXIMISE, 5, seed=0, epochs=9)
    handed_out = train(seen)
    assert [epochs for _, epochs in handed_out][:4] == [1, 1, 1, 3]
    best = max(handed_out[:3], key=lambda one: early(*one))
    assert handed_out[3][0] == best[0]
    assert seen.history[3].parent == handed_out.index(best)


@pytest.mark.parametrize("proposer", list(PROPOSERS))
def test_most_stay_on_the_lowest_rung_and_the_top_is_reached(proposer: str) -> None:
    bound = Asha(proposer=proposer, domain=mixed())
    seen = StrategyOracle(bound, MAXIMISE, 60, seed=0, epochs=9)
    epochs = [epochs for _, epochs in train(seen)]
    assert epochs.count(1) > epochs.count(3) > epochs.count(9) > 0
    # One of three climbs, and what is better than all before it: of that a model proposes more.
    assert epochs.count(3) + epochs.count(9) <= 60 * (0.5 if proposer == "predictor" else 0.45)


def test_what_reaches_the_top_is_better_than_what_stays() -> None:
    seen = StrategyOracle(Asha(domain=mixed()), MAXIMISE, 60, seed=0, epochs=9)
    reached: dict[int, list[float]] = {1: [], 3: [], 9: []}
    for values, epochs in train(seen):
        reached[epochs].append(quality(values))
    assert min(reached[9]) > sorted(reached[1])[len(reached[1]) // 2]


def test_s_leaves_the_lowest_rungs_out() -> None:
    seen = StrategyOracle(Asha(s=1, domain=mixed()), MAXIMISE, 10, seed=0, epochs=9)
    assert {epochs for _, epochs in train(seen)} == {3, 9}


def test_an_unknown_proposer_is_refused_with_the_nearest() -> None:
    with pytest.raises(StrategyError, match="Did you mean 'evolution'"):
        Asha(proposer="evolutoin")


def epochs_of_keras_tuner(max_epochs: int, factor: int) -> list[int]:
    """The epochs of the trials that KerasTuner's own oracle hands out, in order."""

    class Quiet(kt.oracles.HyperbandOracle):  # type: ignore[misc]
        def save(self) -> None:
            """Writes nothing."""

        def _save_trial(self, trial: Any) -> None:
            """Writes nothing."""

    theirs = Quiet(
        MAXIMISE, max_epochs=max_epochs, factor=factor, hyperparameters=to_hyperparameters(mixed())
    )
    theirs.verbose = 0
    epochs = []
    while (trial := theirs.create_trial("loop")).status == "RUNNING":
        values = {n: v for n, v in trial.hyperparameters.values.items() if "tuner/" not in n}
        epochs.append(trial.hyperparameters.values["tuner/epochs"])
        answer(theirs, trial, early(values, epochs[-1]))
    return epochs


@pytest.mark.parametrize(("max_epochs", "factor"), [(9, 3), (10, 3), (8, 2)])
def test_it_runs_the_rounds_that_keras_tuner_runs(max_epochs: int, factor: int) -> None:
    once = Hyperband(
        factor=factor, max_epochs=max_epochs, hyperband_iterations=1, domain=mixed().distinct
    )
    seen = StrategyOracle(once, MAXIMISE, seed=0)
    ours = [epochs for _, epochs in train(seen)]
    assert ours == epochs_of_keras_tuner(max_epochs, factor)
    assert seen.reason is not None
    assert "All the brackets that 'hyperband' was asked for are done" in seen.reason


def test_it_begins_again_when_all_brackets_are_done() -> None:
    seen = StrategyOracle(Hyperband(domain=mixed()), MAXIMISE, seed=0, epochs=3)
    epochs = [epochs for _, epochs in train(seen, trials=12)]
    assert epochs == [1, 1, 1, 3, 3, 3] * 2


def test_what_is_promoted_is_the_best_of_its_round() -> None:
    seen = StrategyOracle(Hyperband(domain=mixed()), MAXIMISE, seed=0, epochs=9)
    tried = train(seen, trials=12)
    first = {values_key(values): early(values, epochs) for values, epochs in tried[:9]}
    promoted = tried[9:]
    best = sorted(first, key=lambda key: -first[key])[:3]
    assert [values_key(values) for values, _ in promoted] == best
    assert [epochs for _, epochs in promoted] == [3, 3, 3]


def test_a_search_that_does_not_say_its_epochs_is_refused() -> None:
    seen = StrategyOracle(Hyperband(domain=mixed()), MAXIMISE, seed=0)
    with pytest.raises(StrategyError, match="'hyperband' expected to know the epochs"):
        seen.create_trial("loop")


@pytest.mark.parametrize("options", [{"factor": 1}, {"max_epochs": 0}, {"hyperband_iterations": 0}])
def test_options_out_of_range_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(StrategyError, match=f"`{next(iter(options))}`"):
        Hyperband(**options)


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
