from __future__ import annotations

import pytest

from nas_nb.evaluate.global_state import trial_seed
from nas_nb.oracles.trial_recorder import TrialRecorder
from nas_nb.record.trial import Outcome, TrialStatus
from nas_nb.strategy.base import Proposal
from nas_nb.strategy.evolution import Evolution
from tests.strategy.worlds import Recorder, chain, twelve

POINT = {"optimizer": "adam", "units": 8}


@pytest.fixture
def attempts() -> TrialRecorder:
    made = TrialRecorder(Recorder(), seed=4, epochs=3)
    made.open(Evolution(domain=twelve()), "quality", "max", 10)
    made.propose(0, Proposal(POINT), "evolution")
    return made


def test_the_journal_is_opened_once_with_all_that_defines_the_search(
    attempts: TrialRecorder,
) -> None:
    attempts.open(Evolution(domain=chain()), "quality", "max", None)
    (opened,) = attempts.history.opened
    assert opened["objective"] == "quality"
    assert opened["direction"] == "max"
    assert opened["seed"] == 4
    assert opened["strategy"] == "evolution"
    assert opened["options"] == {"population": 20, "sample": 10, "inherit_weights": False}
    assert opened["space"] == twelve().to_json()
    assert opened["budget"] == {"max_trials": 10}


def test_each_attempt_is_numbered_seeded_and_granted_its_epochs(attempts: TrialRecorder) -> None:
    assert [attempts.start(0).attempt for _ in range(2)] == [1, 2]
    trial = attempts.history[0]
    assert (trial.seed, trial.epochs_granted) == (trial_seed(4, 0), 3)


def test_what_is_unfinished_and_not_taken_waits(attempts: TrialRecorder) -> None:
    attempts.propose(1, Proposal({**POINT, "units": 16}), "user")
    assert attempts.waiting(()) == 0
    assert attempts.waiting({0}) == 1
    assert attempts.waiting({0, 1}) is None
    attempts.start(0)
    attempts.end(0, Outcome(TrialStatus.COMPLETED, score=1.0))
    assert attempts.waiting(()) == 1


@pytest.mark.parametrize("steps", [(0, 1, 2), (1, 2, 3), (10, 20, 30)])
def test_every_new_step_is_an_epoch(attempts: TrialRecorder, steps: tuple[int, ...]) -> None:
    attempts.start(0)
    for step in steps:
        for _ in range(2):
            attempts.measure(0, {"quality": step}, step)
    assert attempts.history[0].curve == tuple({"quality": float(step)} for step in steps)


def test_epochs_that_the_tuner_wrote_are_not_written_again(attempts: TrialRecorder) -> None:
    attempts.start(0)
    for epoch in (1, 2):
        attempts.journal.append("epoch_ended", trial=0, epoch=epoch, logs={"quality": 0.5})
    attempts.measure(0, {"quality": 0.5}, step=2)
    assert attempts.history[0].epochs == 2


def test_a_second_attempt_counts_its_epochs_anew(attempts: TrialRecorder) -> None:
    for _ in range(2):
        attempts.start(0)
        attempts.measure(0, {"quality": 0.5}, step=0)
    assert attempts.history[0].epochs == 1


def test_an_end_that_the_tuner_wrote_is_not_written_again(attempts: TrialRecorder) -> None:
    attempts.start(0)
    attempts.journal.append("trial_ended", trial=0, status="failed", reason="too large")
    attempts.end(0, Outcome(TrialStatus.COMPLETED, score=1.0))
    assert attempts.history[0].reason == "too large"


def test_an_end_carries_score_duration_and_checkpoint(attempts: TrialRecorder) -> None:
    attempts.start(0)
    attempts.end(0, Outcome(TrialStatus.COMPLETED, score=0.5, checkpoint="a.weights.h5"))
    trial = attempts.history[0]
    assert (trial.status, trial.score, trial.checkpoint) == ("completed", 0.5, "a.weights.h5")
    assert trial.duration_s >= 0
