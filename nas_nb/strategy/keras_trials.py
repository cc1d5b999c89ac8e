"""Our trials as KerasTuner's."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import TYPE_CHECKING

from keras_tuner.src.engine import trial as kt_trial

from nas_nb.record.trial import TrialStatus

if TYPE_CHECKING:
    import keras_tuner as kt

    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial
    from nas_nb.record.values import Value

KT = kt_trial.TrialStatus
OURS = {
    KT.COMPLETED: TrialStatus.COMPLETED,
    KT.FAILED: TrialStatus.FAILED,
    KT.STOPPED: TrialStatus.STOPPED,
}
"""The ends of a trial, in our words."""


def trial_id(number: int) -> str:
    """Returns KerasTuner's name of a trial."""
    return f"{number:06d}"


def running_trial(
    trial: Trial, space: kt.HyperParameters, history: History, from_epoch: int
) -> kt_trial.Trial:
    """Returns KerasTuner's trial of one that begins.

    Args:
        trial: Ours.
        space: A copy of the hyperparameters, for this trial.
        history: Holds its parent.
        from_epoch: Epochs of it that need not be trained again.
    """
    space.values = {**trial.values, **fidelity_values(trial, history, from_epoch)}
    _fill(space)
    return kt_trial.Trial(space, trial_id(trial.number), KT.RUNNING)


def past_trials(trials: Iterable[Trial], space: kt.HyperParameters) -> Iterable[kt_trial.Trial]:
    """Yields KerasTuner's trials of those that are over.

    Args:
        trials: Completed and failed.
        space: The hyperparameters.
    """
    for trial in trials:
        # A shallow copy: a deep one for each of 10,000 trials would take many seconds.
        filled = copy.copy(space)
        filled.values = dict(trial.values)
        _fill(filled)
        done = kt_trial.Trial(filled, trial_id(trial.number))
        completed = trial.status == TrialStatus.COMPLETED
        done.status = KT.COMPLETED if completed else KT.FAILED
        done.score, done.message = trial.score, trial.reason
        yield done


def _fill(hyperparameters: kt.HyperParameters) -> None:
    """Gives what is active, and has no value, its default.

    Such is what a build function asked for the first time after the trial was proposed: the
    journal has no value of it, and the model got, or gets, the default.
    """
    values = hyperparameters.values
    for asked in hyperparameters.space:
        if asked.name not in values and all(c.is_active(values) for c in asked.conditions):
            values[asked.name] = asked.default


def fidelity_values(trial: Trial, history: History, from_epoch: int) -> dict[str, Value]:
    """Returns the trial's epochs and parent as KerasTuner's Hyperband has them among the values.

    A tuner that keeps no states (`from_epoch` is 0) but loads the parent's weights, as
    KerasTuner's Hyperband does, goes on after the epochs that the parent was granted.
    """
    if "epochs" not in trial.fidelity:
        return {}
    told: dict[str, Value] = {
        "tuner/epochs": int(trial.fidelity["epochs"]),
        "tuner/initial_epoch": from_epoch,
    }
    if trial.parent is not None:
        parent = history[trial.parent]
        told["tuner/trial_id"] = trial_id(parent.number)
        if parent.values == trial.values:
            told["tuner/initial_epoch"] = from_epoch or int(parent.fidelity.get("epochs", 0))
    return told
