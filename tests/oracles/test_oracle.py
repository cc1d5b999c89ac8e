from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from keras_tuner.src.engine import oracle as kt_oracle

from nas_nb.errors import SpaceError, StrategyError
from nas_nb.oracles.strategy_oracle import StrategyOracle, oracle
from nas_nb.record.journal import Journal
from nas_nb.record.trial import Outcome, TrialStatus
from nas_nb.space.hyperparameters import to_hyperparameters
from nas_nb.strategy.evolution import Evolution
from nas_nb.strategy.random_grid import RandomSearch
from tests.strategy.worlds import (
    MAXIMISE,
    MINIMISE,
    Recorder,
    answer,
    chain,
    quality,
    run,
    twelve,
)


def random_oracle(**options: Any) -> StrategyOracle:
    return StrategyOracle(RandomSearch(domain=chain()), MAXIMISE, **{"seed": 0, **options})


def broken(history: Any, rng: Any) -> dict[str, Any]:
    if len(history) < 2:
        return chain().sample(rng)
    raise ZeroDivisionError("no third idea")


def test_a_strategy_that_fails_ends_the_search_and_is_kept_as_the_error() -> None:
    seen = random_oracle()
    seen.strategy = broken
    with pytest.raises(ZeroDivisionError):
        run(seen)
    assert isinstance(seen.error, ZeroDivisionError)
    assert seen.reason == "'broken' made no proposal: no third idea"
    assert len(seen.history) == 2


def test_no_lock_stays_held_after_a_strategy_failed() -> None:
    seen = random_oracle()
    seen.strategy = broken
    with pytest.raises(ZeroDivisionError):
        run(seen)
    assert seen not in kt_oracle.LOCKS
    seen.strategy = RandomSearch()
    answers: list[Any] = []
    other = threading.Thread(target=lambda: answers.append(seen.create_trial("other")), daemon=True)
    other.start()
    other.join(timeout=30)
    assert [trial.status for trial in answers] == ["RUNNING"]


def test_no_lock_stays_held_after_an_interrupt() -> None:
    def interrupted(history: Any, rng: Any) -> None:
        raise KeyboardInterrupt

    seen = random_oracle()
    seen.strategy = interrupted
    with pytest.raises(KeyboardInterrupt):
        seen.create_trial("loop")
    seen.strategy = RandomSearch()
    other = threading.Thread(target=run, args=(seen, quality), daemon=True)
    seen.max_trials = 3
    other.start()
    other.join(timeout=30)
    assert len(seen.history.completed) == 3


def test_trials_are_named_by_their_number() -> None:
    seen = random_oracle(max_trials=3)
    run(seen)
    assert list(seen.trials) == ["000000", "000001", "000002"] == seen.end_order
    assert seen.reason == "all 3 trials are done"


def test_zero_is_a_seed() -> None:
    assert random_oracle(seed=0).seed == 0
    assert run(random_oracle(max_trials=5)) == run(random_oracle(max_trials=5))
    assert random_oracle(seed=None).seed != random_oracle(seed=None).seed


def test_the_best_trials_are_keras_tuners_best_trials() -> None:
    for objective in (MAXIMISE, MINIMISE):
        seen = StrategyOracle(RandomSearch(domain=chain()), objective, 10, seed=1)
        run(seen)
        assert seen.history.incumbent is not None
        assert seen.get_best_trials()[0].score == seen.history.incumbent.score


def test_of_equally_good_trials_the_smaller_model_comes_first() -> None:
    seen = random_oracle(max_trials=3)
    for params in (30, 20, 40):
        trial = seen.create_trial("loop")
        seen.journal.append("trial_built", trial=int(trial.trial_id), costs={"params": params})
        answer(seen, trial, 0.5)
    assert [trial.trial_id for trial in seen.get_best_trials(2)] == ["000001", "000000"]


def test_a_trial_without_a_finite_score_has_failed_with_a_reason() -> None:
    seen = random_oracle(max_trials=3)
    for score in (float("nan"), float("inf")):
        answer(seen, seen.create_trial("loop"), score)
    unscored = seen.create_trial("loop")
    unscored.status = "COMPLETED"
    seen.end_trial(unscored)
    assert [trial.reason for trial in seen.history.trials] == [
        "quality is nan, not a finite number.",
        "quality is inf, not a finite number.",
        "It ended without a value of quality.",
    ]
    assert {trial.status for trial in seen.trials.values()} == {"FAILED"}


def test_many_failures_in_a_row_raise_nothing() -> None:
    seen = random_oracle(max_trials=20)
    run(seen, lambda values: RuntimeError("no"))
    assert [trial.reason for trial in seen.history.trials] == ["RuntimeError: no"] * 20


def test_a_trial_that_nobody_gave_a_status_counts_as_completed() -> None:
    seen = random_oracle()
    trial = seen.create_trial("loop")
    seen.update_trial(trial.trial_id, {"quality": 0.25})
    seen.end_trial(trial)
    assert seen.history[0].score == 0.25


def test_a_missing_objective_is_said_and_leaves_no_lock() -> None:
    seen = random_oracle()
    trial = seen.create_trial("loop")
    with pytest.raises(ValueError, match="Objective value missing"):
        seen.update_trial(trial.trial_id, {"loss": 0.5})
    answer(seen, trial, 1.0)
    assert seen.history.completed


def test_the_best_step_is_the_score_and_each_step_is_an_epoch() -> None:
    seen = random_oracle()
    trial = seen.create_trial("loop")
    for step, score in enumerate((0.2, 0.7, 0.5)):
        seen.update_trial(trial.trial_id, {"quality": score}, step=step)
    trial.status = "COMPLETED"
    seen.end_trial(trial)
    assert seen.history[0].score == 0.7
    assert [logs["quality"] for logs in seen.history[0].curve] == [0.2, 0.7, 0.5]


def test_what_was_cut_off_is_handed_out_first() -> None:
    seen = random_oracle()
    cut_off = seen.create_trial("loop")
    again = seen.create_trial("loop")
    assert again.trial_id == cut_off.trial_id
    assert again.hyperparameters.values == cut_off.hyperparameters.values
    assert seen.history[0].attempt == 2
    again.status = "STOPPED"
    seen.end_trial(again)
    assert seen.history[0].status == TrialStatus.STOPPED
    assert seen.create_trial("loop").trial_id == cut_off.trial_id


def test_two_workers_never_get_the_same_trial() -> None:
    seen = random_oracle()
    one, two = seen.create_trial("one"), seen.create_trial("two")
    assert one.trial_id != two.trial_id
    answer(seen, two, 1.0)
    answer(seen, one, 2.0)
    assert [trial.number for trial in seen.history.completed] == [1, 0]
    assert not seen.ongoing_trials


def test_a_hand_made_candidate_is_one_more_trial() -> None:
    seen = random_oracle(max_trials=3)
    answer(seen, seen.create_trial("loop"), 1.0)
    mine = {"depth": 1, "layer_1": "Dense", "units_1": 128}
    seen.journal.append("trial_proposed", trial=1, values=mine, origin="user")
    assert run(seen)[0] == mine
    assert [trial.origin for trial in seen.history.trials] == ["random", "user", "random"]


def test_the_strategy_may_be_changed_half_way() -> None:
    seen = random_oracle(max_trials=6)
    for _ in range(4):
        answer(seen, seen.create_trial("loop"), 1.0)
    seen.strategy = Evolution(population=2, sample=1)
    run(seen)
    assert [trial.origin for trial in seen.history.trials] == ["random"] * 4 + ["evolution"] * 2


def test_a_journal_on_disk_brings_back_objective_seed_and_trials(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal.open(path) as journal:
        run(StrategyOracle(RandomSearch(domain=twelve()), MINIMISE, 5, seed=9, journal=journal))
    with Journal.open(path) as journal:
        seen = StrategyOracle(RandomSearch(domain=twelve()), journal=journal)
        assert (seen.objective, seen.seed, len(seen.trials)) == (MINIMISE, 9, 5)
        assert seen.get_best_trials()[0].score == min(t.score for t in seen.trials.values())
        assert len(run(seen)) == 7
        seen.close()
        assert seen.remaining_trials() is None
        journal.append("steered", action="stop", detail={})


def test_its_own_journal_is_closed_with_it() -> None:
    seen = random_oracle(max_trials=1)
    run(seen)
    seen.close()
    seen.close()
    with pytest.raises(ValueError, match="close"):
        seen.journal.append("steered", action="stop", detail={})


def test_granted_epochs_and_checkpoints_are_written_down() -> None:
    seen = random_oracle(epochs=7)
    trial = seen.create_trial("loop")
    seen.end_trial(trial, Outcome(TrialStatus.COMPLETED, 1.0, checkpoint="best.weights.h5"))
    assert seen.history[0].epochs_granted == 7
    assert seen.history[0].checkpoint == "best.weights.h5"


def test_parameters_that_appear_while_it_runs_are_searched_too() -> None:
    seen = StrategyOracle("random", MAXIMISE, 40, to_hyperparameters(twelve()), seed=0)
    for _ in range(3):
        trial = seen.create_trial("loop")
        trial.hyperparameters.Choice("late", ["a", "b", "c"])
        answer(seen, trial, 1.0)
    late = {values.get("late") for values in run(seen)}
    assert late == {"a", "b", "c"}


def test_a_space_that_is_empty_after_a_trial_is_an_error_to_raise_in_the_open() -> None:
    seen = oracle("random", MAXIMISE)
    answer(seen, seen.create_trial("loop"), 1.0)  # it might have asked for something
    with pytest.raises(SpaceError, match="at least one parameter"):
        seen.create_trial("loop")


def test_each_trial_adds_four_events_to_the_journal() -> None:
    journal = Recorder()
    seen = StrategyOracle(RandomSearch(domain=chain()), MAXIMISE, seed=0, journal=journal)
    counts = []
    for _ in range(30):
        before = len(journal.events)
        answer(seen, seen.create_trial("loop"), 1.0)
        counts.append(len(journal.events) - before)
    assert set(counts[1:]) == {4}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("hyperband", {}),
        ("successive_halving", {}),
        ("asha", {}),
        ("bohb", {}),
        ("predictor", {"min_epochs": 1}),
    ],
)
def test_epochs_that_nobody_would_tell_are_asked_for_at_construction(
    name: str, options: dict[str, Any]
) -> None:
    with pytest.raises(StrategyError, match=f"Strategy '{name}' expected the option max_epochs"):
        oracle(name, MAXIMISE, **options)
    assert oracle(name, MAXIMISE, max_epochs=3, **options).reason is None


def test_it_says_what_auto_chose_once_the_space_is_known() -> None:
    seen = oracle("auto", MAXIMISE, max_trials=3, seed=0)
    assert seen.strategy_reason is None
    known = oracle("auto", MAXIMISE, hyperparameters=to_hyperparameters(twelve()), seed=0)
    assert known.strategy_reason == "grid, because the space has only 12 architectures."
    assert random_oracle().strategy_reason is None
