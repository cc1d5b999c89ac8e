"""Tuners with KerasTuner's interface: `Tuner`, the four drop-ins, `StrategyTuner`."""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import keras_tuner as kt
from keras_tuner import SklearnTuner
from keras_tuner.engine.tuner import maybe_distribute
from keras_tuner.errors import FailedTrialError, FatalTypeError

from nas_nb.errors import SearchError, StrategyError, check_type
from nas_nb.evaluate.backend import listed_variables
from nas_nb.evaluate.fit import fit_noted
from nas_nb.evaluate.training_state import weights_file
from nas_nb.oracles.strategy_oracle import oracle
from nas_nb.private_imports import maybe_compute_model_size, tuner_utils
from nas_nb.record.files import write_whole
from nas_nb.search.budget import LIMITS
from nas_nb.search.objective import warn_of_training_rows
from nas_nb.space.definition import fresh_names, restart_names
from nas_nb.space.search_space import has_own_fit
from nas_nb.strategy.registry import named_options

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from nas_nb.strategy.registry import StrategyLike

__all__ = [
    "BayesianOptimization",
    "GridSearch",
    "Hyperband",
    "RandomSearch",
    "SklearnTuner",
    "Tuner",
]

SAVED_EVERY_S = 1.0


class Tuner(kt.Tuner):  # type: ignore[misc]
    """A `kt.Tuner` that trains by compiled epochs, and keeps KerasTuner's files at less cost.

    It takes what `kt.Tuner` takes and proposes what `kt.Tuner` proposes. It differs in three ways:
    a trial's model is trained by compiled epochs where it can be (see `evaluate.fit`); the best
    epoch's weights are written once, at the end of a training; `oracle.json`, which holds all
    trials' hashes, is written at most once a second, and whole or not at all. Where a trial took a
    slower path, its `message` says why, and `results_summary` shows it.

    And it trains for the epochs that an oracle asks for: the value "tuner/epochs" of a trial comes
    before the `epochs` of `search`, and a trial that goes on with another begins with its best
    weights, at "tuner/initial_epoch". So `nas_nb.oracle("hyperband")` and the like can drive it.
    """

    def __init__(
        self, oracle: kt.Oracle, hypermodel: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        if hypermodel is None and type(self).run_trial in _NEED_HYPERMODEL:
            raise SearchError(
                "Expected a hypermodel: a function of hp that returns a compiled model, or a "
                "HyperModel. Received `hypermodel=None`. We only allow not specifying `hypermodel` "
                "if a subclass has a `run_trial` of its own."
            )
        self._saved_at = -SAVED_EVERY_S
        self._searching = self._ending = self._warned = False
        try:
            super().__init__(oracle, hypermodel, *args, **kwargs)
        except ValueError as error:
            if where := _belongs(kwargs):
                raise SearchError(f"{error} {where}") from error
            raise
        # KerasTuner's oracle calls its own `save` at each step of a trial: here it is the tuner
        # that decides when, since only it knows when the search ends. A worker's is the chief's.
        if not self._is_worker():
            self.oracle.save = self._save_oracle

    def save(self) -> None:
        """Writes the state at once. What a search itself asks for is written once a second."""
        self._save(at_once=not self._ending)

    def _save_oracle(self) -> None:
        self._save(at_once=not self._searching)

    def _save(self, at_once: bool) -> None:
        if at_once or time.monotonic() - self._saved_at >= SAVED_EVERY_S:
            self._save_now()

    def on_trial_end(self, trial: Any) -> None:
        """Ends the trial in the oracle, as `kt.Tuner` does."""
        self._ending = True
        try:
            super().on_trial_end(trial)
        finally:
            self._ending = False

    def search(self, *args: Any, **kwargs: Any) -> None:
        """Searches as `kt.Tuner.search` does, and writes the last state however that ends.

        Args:
            *args: What `run_trial` is given.
            **kwargs: What `run_trial` is given.
        """
        usual = type(self).run_trial in _NEED_HYPERMODEL and not has_own_fit(self.hypermodel)
        if usual and (
            where := _belongs(set(kwargs) - {*inspect.signature(keras.Model.fit).parameters})
        ):
            raise SearchError(f"Expected arguments of Keras's `fit`. {where}")
        self._searching = True
        try:
            super().search(*args, **kwargs)
        finally:
            self._searching = False
            self._save_now()

    def _save_now(self) -> None:
        if not self._is_worker():
            _write_json(Path(self.project_dir) / "oracle.json", self.oracle.get_state())
        _write_json(Path(self._get_tuner_fname()), self.get_state())
        self._saved_at = time.monotonic()

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """Builds and trains one candidate, `executions_per_trial` times.

        Args:
            trial: KerasTuner's trial.
            *args: What `search` was given.
            **kwargs: What `search` was given.

        Returns:
            The results of the trainings, as `kt.Tuner.run_trial`.
        """
        path = self._get_checkpoint_fname(trial.trial_id)
        best = SaveBestEpoch(self.oracle.objective, path, warns=not self._warned)
        given = kwargs.pop("callbacks", None) or []
        told = trial.hyperparameters.values
        if "tuner/epochs" in told:
            kwargs["epochs"] = told["tuner/epochs"]
            kwargs["initial_epoch"] = told["tuner/initial_epoch"]
        results = []
        for execution in range(self.executions_per_trial):
            callbacks = self._deepcopy_callbacks(given)
            self._configure_tensorboard_dir(callbacks, trial, execution)
            callbacks = [*callbacks, self._reporter(trial), best]
            results.append(self._build_and_fit_model(trial, *args, callbacks=callbacks, **kwargs))
            best.write()  # a loop of the user's own may never end a training
            self._warned = self._warned or not best.warns
        return results

    # KerasTuner clears the session before each build, so that automatic names begin anew. That
    # resets Keras for all threads, the user's dtype policy included. Here nothing but the names
    # begins anew, and the user's own go on after these three.

    def _populate_initial_space(self) -> None:
        with fresh_names():
            super()._populate_initial_space()

    def _try_run_and_update_trial(self, trial: Any, *args: Any, **kwargs: Any) -> None:
        with fresh_names():
            super()._try_run_and_update_trial(trial, *args, **kwargs)

    def load_model(self, trial: Any) -> keras.Model:
        """Returns a trial's model with the weights of its best epoch."""
        with fresh_names():
            return super().load_model(trial)

    def _build_and_fit_model(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        hp = trial.hyperparameters
        model = self._try_build(hp)
        if has_own_fit(self.hypermodel):
            results = self.hypermodel.fit(hp, model, *args, **kwargs)
            note: str | None = f"trained by {type(self.hypermodel).__name__}.fit"
        else:
            results, note = fit_noted(model, *args, **kwargs)
        trial.message = note or trial.message
        built = Path(self._get_build_config_fname(trial.trial_id))
        _write_json(built, model.get_build_config())
        objective = self.oracle.objective
        tuner_utils.validate_trial_results(results, objective, "HyperModel.fit()")
        return results

    def _build_hypermodel(self, hp: kt.HyperParameters) -> keras.Model:
        model = super()._build_hypermodel(hp)
        with maybe_distribute(self.distribution_strategy):
            # Hyperband loads a checkpoint next. Without variables to load it into, Keras would
            # drop the optimizer's state, and each rung would begin with empty moments.
            optimizer = getattr(model, "optimizer", None)
            if isinstance(optimizer, keras.optimizers.Optimizer) and model.built:
                optimizer.build(model.trainable_variables)
            # KerasTuner's Hyperband loads them itself.
            if hp.values.get("tuner/initial_epoch") and not isinstance(self, kt.Hyperband):
                model.load_weights(self._get_checkpoint_fname(hp.values["tuner/trial_id"]))
        return model

    def _try_build(self, hp: kt.HyperParameters) -> keras.Model:
        restart_names()
        model = self._build_hypermodel(hp)
        if not isinstance(model, keras.Model):
            raise FatalTypeError(
                "Expected the model-building function, or HyperModel.build() to return a valid "
                f"Keras Model instance. Received: {model} of type {type(model)}."
            )
        size = maybe_compute_model_size(model)
        if self.max_model_size and size > self.max_model_size:
            raise FailedTrialError(
                f"Oversized model: {size} parameters, over max_model_size={self.max_model_size}."
            )
        return model

    def _reporter(self, trial: Any) -> keras.callbacks.Callback:
        hooks = ("on_batch_begin", "on_batch_end")
        if any(getattr(type(self), name) is not getattr(kt.Tuner, name) for name in hooks):
            return tuner_utils.TunerCallback(self, trial)
        return TunerCallback(self, trial)


# What KerasTuner's own classes and ours do with a trial, which begins with a model to build.
_NEED_HYPERMODEL = (Tuner.run_trial, kt.Hyperband.run_trial)


_OF_SEARCH = ("workers", *(limit.name for limit in LIMITS))


def _belongs(given: Iterable[str]) -> str:
    """Returns which of the arguments are `nas.Search`'s, or the tuner's own `search`'s, or ''."""
    fits = inspect.signature(keras.Model.fit).parameters
    places = {
        "nas.Search, which takes the same function: nas.Search(build, data, {}=...)": _OF_SEARCH,
        "the tuner's `search`: tuner.search(x, y, {}=...)": [
            name for name in fits if name != "self"
        ],
    }
    return " ".join(
        f"Received: {', '.join(named)}, of {place.format(named[0])}."
        for place, known in places.items()
        if (named := [name for name in given if name in known])
    )


class TunerCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells a tuner about epochs, and spares a training the calls at every batch."""

    def __init__(self, tuner: kt.Tuner, trial: Any) -> None:
        super().__init__()
        hooks = ("on_epoch_begin", "on_epoch_end")
        self.reads_model = any(
            getattr(type(tuner), name) is not getattr(kt.Tuner, name) for name in hooks
        )
        self.tuner = tuner
        self.trial = trial

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Calls the tuner's hook."""
        self.tuner.on_epoch_begin(self.trial, self.model, epoch, logs=logs)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Calls the tuner's hook."""
        self.tuner.on_epoch_end(self.trial, self.model, epoch, logs=logs)


class SaveBestEpoch(tuner_utils.SaveBestEpoch):  # type: ignore[misc]
    """Keeps the best epoch's weights of all executions, and writes them when a training ends."""

    reads_metrics = False

    def __init__(self, objective: kt.Objective, path: str, *, warns: bool = False) -> None:
        super().__init__(objective, path)
        self.warns = warns
        self.value: float | None = None
        self.best: list[npt.NDArray[np.generic]] | None = None

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Copies the variables, the optimizer's among them, if no epoch was better."""
        if self.warns and self.params:  # which Keras's `fit` sets, and a loop of one's own does not
            self.warns = False
            warn_of_training_rows(self.objective, logs or ())
        if self.objective.has_value(logs):
            value = self.objective.get_value(logs)
            if self.value is not None and not self.objective.better_than(value, self.value):
                return
            self.value = value
        self.best = [variable.numpy() for variable in listed_variables(self.model)]

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        """Writes the file."""
        self.write()

    def write(self) -> None:
        """Writes the file if there is a better epoch, and leaves the model as it is."""
        if self.best is None:
            return
        last = [variable.numpy() for variable in listed_variables(self.model)]
        _assign(self.model, self.best)
        try:
            self._save_model()
        finally:
            _assign(self.model, last)
        self.best = None

    def _save_model(self) -> None:
        strategy = getattr(self.model, "distribute_strategy", None)
        if type(strategy).__name__.startswith("MultiWorker"):
            super()._save_model()  # where only the chief's file counts
        else:
            write_whole(Path(self.filepath), [weights_file(self.model).getbuffer()], sync=False)


def _write_json(file: Path, content: Any) -> None:
    write_whole(file, [json.dumps(content).encode()], sync=False)


def _assign(model: keras.Model, values: list[Any]) -> None:
    for variable, value in zip(listed_variables(model), values, strict=True):
        variable.assign(value)


# They take KerasTuner's arguments, propose what KerasTuner proposes for the same seed, and write
# KerasTuner's files. See the KerasTuner documentation for the arguments.


class RandomSearch(kt.RandomSearch, Tuner):  # type: ignore[misc]
    """`keras_tuner.RandomSearch` with trials that cost little more than their arithmetic."""


class GridSearch(kt.GridSearch, Tuner):  # type: ignore[misc]
    """`keras_tuner.GridSearch` with trials that cost little more than their arithmetic."""


class BayesianOptimization(kt.BayesianOptimization, Tuner):  # type: ignore[misc]
    """`keras_tuner.BayesianOptimization` with trials that cost little more than arithmetic."""


class Hyperband(kt.Hyperband, Tuner):  # type: ignore[misc]
    """`keras_tuner.Hyperband` with cheap trials, and with the optimizer's state between rungs."""


class StrategyTuner(Tuner):
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
        strategy_options: Options of the strategy.
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
        strategy_options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        _refuse_retries(max_retries_per_trial)
        check_type(
            "hyperparameters",
            hyperparameters,
            (kt.HyperParameters, type(None)),
            "a KerasTuner HyperParameters",
        )
        for name, new in (("tune", tune_new_entries), ("allow", allow_new_entries)):
            _check_known(f"{name}_new_entries", new, hyperparameters)
        options = named_options(strategy_options)
        made = oracle(strategy, objective, max_trials, hyperparameters, seed, **options)
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
    check_type(f"{name}", new, bool, "True or False")
    if not new and (hyperparameters is None or not hyperparameters.space):
        raise StrategyError(
            f"Expected `hyperparameters` with {name}=False: they are then the whole space. "
            f"Received: hyperparameters={hyperparameters!r}."
        )
