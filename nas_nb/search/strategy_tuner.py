"""Every strategy as a drop-in for KerasTuner's `RandomSearch`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nas_nb.errors import StrategyError
from nas_nb.search.fast_tuner import FastTuner
from nas_nb.strategy.oracle import oracle

if TYPE_CHECKING:
    import keras_tuner as kt

    from nas_nb.strategy.names import StrategyLike


class StrategyTuner(FastTuner):
    """`keras_tuner.RandomSearch` with a strategy of your choice, and cheap trials.

    Its arguments are those of `keras_tuner.RandomSearch`, in their order, and two more. It can be
    resumed as `nas_nb.oracle` says, whose journal lies in the project folder. Strategies with
    fidelities say how long a trial is trained, before the `epochs` of `search`; a trial that is
    promoted goes on from its weights.

    Args:
        hypermodel: A `build(hp)` function or a `kt.HyperModel`.
        objective: A metric's name or a `kt.Objective`; by default the number a trial returns.
        max_trials: Trials at most, those of every rung counted.
        seed: 0 or more; None for a random one.
        hyperparameters: Hyperparameters that are known in advance.
        tune_new_entries: Whether to vary what `hyperparameters` doesn't hold.
        allow_new_entries: Whether `build` may ask for what `hyperparameters` doesn't hold.
        max_retries_per_trial: 0: with its seed a trial would fail again.
        max_consecutive_failed_trials: So many failures in a row end the search with an error.
        strategy: A name of `STRATEGIES`, a `Strategy` or a function `propose(history, rng)`.
        options: Options of the strategy.
        **kwargs: As for `kt.Tuner`: `directory`, `project_name`, `overwrite`,
            `executions_per_trial`, ...

    Raises:
        StrategyError: An argument or option makes no sense.

    Example:
        ```python
        tuner = nas.StrategyTuner(build, "val_accuracy", max_trials=60, strategy="evolution")
        tuner.search(x, y, epochs=5, validation_data=(x_val, y_val))
        ```
    """

    def __init__(
        self,
        hypermodel: Any = None,
        objective: str | kt.Objective | None = None,
        max_trials: int | None = 10,
        seed: int | None = None,
        hyperparameters: kt.HyperParameters | None = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int = 3,
        *,
        strategy: StrategyLike = "auto",
        options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        _refuse_retries(max_retries_per_trial)
        for name, new in (("tune", tune_new_entries), ("allow", allow_new_entries)):
            _check_known(f"{name}_new_entries", new, hyperparameters)
        made = oracle(strategy, objective, max_trials, hyperparameters, seed, **(options or {}))
        made.tune_new_entries, made.allow_new_entries = tune_new_entries, allow_new_entries
        made.max_consecutive_failed_trials = max_consecutive_failed_trials
        self._failed_in_a_row = 0
        super().__init__(made, hypermodel, **kwargs)

    def on_trial_end(self, trial: Any) -> None:
        """Writes the trial's end down, and ends a search in which nothing works.

        Raises:
            RuntimeError: `max_consecutive_failed_trials` failed one after the other.
        """
        super().on_trial_end(trial)
        ended = self.oracle.trials[trial.trial_id]
        self._failed_in_a_row = self._failed_in_a_row + 1 if ended.status == "FAILED" else 0
        if self._failed_in_a_row == self.oracle.max_consecutive_failed_trials:
            raise RuntimeError(
                f"Expected fewer than {self._failed_in_a_row} failed trials in a row "
                f"(max_consecutive_failed_trials). The last one:\n{ended.message}"
            )


def _refuse_retries(retries: int) -> None:
    if retries != 0:
        raise StrategyError(
            f"Expected max_retries_per_trial=0. Received: {retries}. A failed trial is a result "
            "that the strategy learns from; it is not tried again."
        )


def _check_known(name: str, new: bool, hyperparameters: kt.HyperParameters | None) -> None:
    if not new and (hyperparameters is None or not hyperparameters.space):
        raise StrategyError(
            f"Expected `hyperparameters` with {name}=False: they are then the whole space. "
            f"Received: hyperparameters={hyperparameters!r}."
        )
