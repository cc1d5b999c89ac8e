"""The one adapter: any strategy as a KerasTuner oracle whose only memory is the journal."""

from __future__ import annotations

import copy
import math
import random
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import keras_tuner as kt
from keras_tuner.src.engine import oracle as kt_oracle
from keras_tuner.src.engine import trial as kt_trial

from nas_nb.errors import StrategyError
from nas_nb.record.journal import Journal
from nas_nb.record.trial import TrialStatus
from nas_nb.space.hyperparameters import from_hyperparameters, to_hyperparameters
from nas_nb.strategy.attempts import Attempts
from nas_nb.strategy.failure import one_line
from nas_nb.strategy.names import StrategyLike, make_strategy
from nas_nb.strategy.proposal import Proposal
from nas_nb.strategy.strategy import SpaceExhausted, Strategy, generator, whole_number

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial

_KT = kt_trial.TrialStatus
_OURS = {
    _KT.COMPLETED: TrialStatus.COMPLETED,
    _KT.FAILED: TrialStatus.FAILED,
    _KT.STOPPED: TrialStatus.STOPPED,
}


class StrategyOracle(kt.Oracle):  # type: ignore[misc]
    """Lets a strategy propose to any `kt.Tuner`, or to a plain create, update, end loop.

    Trials that the journal holds unfinished are handed out first, so that a search goes on where
    it was cut off. Nothing else is kept: KerasTuner's own files are not written.

    KerasTuner's lock stays held when a method under it raises, so this class has its own. A
    strategy that fails ends the search: `create_trial` raises what it raised, and `error` keeps the
    exception for the tuner to raise.

    Args:
        strategy: A name of `STRATEGIES`, a `Strategy` or a function `propose(history, rng)`.
        objective: A metric's name or a `kt.Objective`; by default that of the journal, or
            KerasTuner's own default (the single number that a trial returns, minimised).
        max_trials: Trials to propose at most, those in the journal included; None for no limit.
        hyperparameters: The space; by default the strategy's, or what the tuner finds out.
        seed: 0 or more; by default that of the journal, or a random one.
        journal: Where everything is written down; by default one in memory.
        epochs: Epochs that each trial is granted, for the journal only.

    Attributes:
        error: What the strategy raised, or None.
        reason: Why no trial was handed out any more, in a sentence, or None.
        checkpoints: File of the weights of a trial, by its id: a tuner fills it before `end_trial`.
        durations_s: Seconds of a trial without pauses, likewise; else the clock's.
        from_epoch: Tells how many epochs of a trial need not be trained again, since a state of
            its own or of its parent was kept; a tuner that keeps states sets it.

    Raises:
        StrategyError: An argument makes no sense, or there are several objectives.
    """

    def __init__(
        self,
        strategy: StrategyLike,
        objective: str | kt.Objective | None = None,
        max_trials: int | None = None,
        hyperparameters: kt.HyperParameters | None = None,
        seed: int | None = None,
        journal: Journal | None = None,
        *,
        epochs: int | None = None,
    ) -> None:
        made = make_strategy(strategy)
        if max_trials is not None:
            whole_number(made.name, "max_trials", max_trials, 1)
        self._owns_journal = journal is None
        journal = Journal.in_memory() if journal is None else journal
        if hyperparameters is None and made.domain is not None:
            hyperparameters = to_hyperparameters(made.domain)
        super().__init__(_objective(objective, journal.history), max_trials, hyperparameters)
        self.seed = _seed(made, seed, journal.history)  # KerasTuner takes 0 for "none given"
        self.verbose = 0
        self.error: Exception | None = None
        self.reason: str | None = None
        self.checkpoints: dict[str, str | None] = {}
        self.durations_s: dict[str, float] = {}
        self.from_epoch: Callable[[Trial], int] = _from_the_start
        self._attempts = Attempts(journal, self.seed, epochs)
        self._proposal: Proposal | None = None
        self._guard = threading.RLock()
        self._strategy: Strategy = made
        self._parameters: int = len(self.hyperparameters.space)
        self._restore()

    @property
    def journal(self) -> Journal:
        """Where everything is written down."""
        return self._attempts.journal

    @property
    def history(self) -> History:
        """What happened so far."""
        return self.journal.history

    @property
    def strategy(self) -> Strategy:
        """The strategy, bound to the space as it is known by now. It may be changed half-way."""
        known = len(self.hyperparameters.space)
        if self._strategy.domain is None or known != self._parameters:
            self._strategy = self._strategy.over(from_hyperparameters(self.hyperparameters))
            self._parameters = known
        return self._strategy

    @strategy.setter
    def strategy(self, strategy: StrategyLike) -> None:
        domain = self.strategy.domain
        self._strategy = make_strategy(strategy, domain)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Asks the strategy for the values of one trial.

        Args:
            trial_id: The trial's number, as text.

        Returns:
            KerasTuner's answer: a "status" and the "values". `STOPPED` when the space is used up,
            or when the strategy failed: then `error` is set. It raises nothing.
        """
        try:
            strategy, objective = self.strategy, self.objective
            self._attempts.open(strategy, objective.name, objective.direction, self.max_trials)
            rng = generator(self.seed, int(trial_id))
            made = strategy.propose(self.history, rng)
            self._proposal = made if isinstance(made, Proposal) else Proposal(made)
            return {"status": _KT.RUNNING, "values": self._proposal.values}
        except SpaceExhausted as exhausted:
            self.reason = str(exhausted)
        except Exception as error:  # noqa: BLE001 - kept in `error`, for the tuner to raise
            self.error = error
            self.reason = f"'{self._strategy.name}' made no proposal: {error}"
        return {"status": _KT.STOPPED, "values": None}

    def create_trial(self, tuner_id: str) -> kt_trial.Trial:
        """Hands out the next trial: one that was cut off, or else a new one.

        Args:
            tuner_id: Who asks. What it was working on counts as cut off.

        Returns:
            KerasTuner's trial. Its status is `STOPPED` when there is nothing left to do: `reason`
            says why.

        Raises:
            Exception: What the strategy raised; no lock is left held.
        """
        with self._guard:
            self.ongoing_trials.pop(tuner_id, None)
            self.error = None
            number = self._waiting()
            if number is None:
                number = self._propose()
            if self.error is not None:
                raise self.error
            if number is None:
                return kt_trial.Trial(self.get_space(), status=_KT.STOPPED)
            trial = self._start(number)
            self.ongoing_trials[tuner_id] = trial
            return trial

    def update_trial(
        self, trial_id: str, metrics: Mapping[str, float], step: float = 0
    ) -> kt_trial.Trial:
        """Takes what a trial measured.

        It is written down as one more epoch, unless the tuner writes the epochs itself.

        Args:
            trial_id: Which trial.
            metrics: Names and numbers; the objective has to be among them.
            step: Which epoch. Numbers for a step that is known already are averaged with it.

        Raises:
            ValueError: The objective is missing.
        """
        self._check_objective_found(metrics)
        with self._guard:
            trial = self.trials[trial_id]
            for name, value in metrics.items():
                if not trial.metrics.exists(name):
                    known = self.objective.direction if name == self.objective.name else None
                    trial.metrics.register(name, direction=known)
                trial.metrics.update(name, value, step=step)
            self._attempts.measure(int(trial_id), metrics, step)
            return trial

    def end_trial(self, trial: kt_trial.Trial) -> None:
        """Scores a trial and writes down how it ended.

        A trial that completed without a finite score has failed.

        Args:
            trial: With its `status`: `COMPLETED`, `INVALID` or `FAILED` (the same here: there are
                no retries), or `STOPPED` (to be taken up again). `RUNNING` counts as completed.
        """
        with self._guard:
            mine = self.trials[trial.trial_id]
            mine.hyperparameters, mine.message = trial.hyperparameters, trial.message
            mine.status = trial.status
            self.update_space(mine.hyperparameters)
            if mine.status in (_KT.COMPLETED, _KT.RUNNING):
                self._score(mine)
            elif mine.status == _KT.INVALID:
                mine.status = _KT.FAILED
            if mine.status != _KT.STOPPED:
                self.end_order.append(mine.trial_id)
            completed = mine.status == _KT.COMPLETED
            self._attempts.end(
                int(mine.trial_id),
                _OURS[mine.status],
                score=float(mine.score) if completed else None,
                reason=None if completed else one_line(mine.message),
                checkpoint=self.checkpoints.pop(mine.trial_id, None),
                duration_s=self.durations_s.pop(mine.trial_id, None),
            )
            for tuner_id in [who for who, one in self.ongoing_trials.items() if one is mine]:
                del self.ongoing_trials[tuner_id]

    def save(self) -> None:
        """Does nothing: the journal is the record."""

    def reload(self) -> None:
        """Takes nothing from KerasTuner's files: the journal is the record.

        Raises:
            StrategyError: The space is unknown, since a tuner that reloads doesn't look for it.
        """
        if not self.hyperparameters.space:
            raise StrategyError(
                "Expected an oracle that knows the space, to go on with an earlier project. "
                "Received: neither `hyperparameters` nor a strategy with a domain. Pass "
                "`hyperparameters`, or start anew with overwrite=True or another project_name."
            )

    def close(self) -> None:
        """Lets KerasTuner forget this oracle, which its module would keep alive for ever."""
        kt_oracle.LOCKS.pop(self, None)
        kt_oracle.THREADS.pop(self, None)
        if self._owns_journal:
            self.journal.close()

    def _save_trial(self, trial: kt_trial.Trial) -> None:
        """Does nothing: the journal is the record."""

    def _restore(self) -> None:
        """Shows KerasTuner the trials that the journal holds."""
        for trial in self.history.finished:
            done = kt_trial.Trial(self._past(trial), _trial_id(trial.number))
            completed = trial.status == TrialStatus.COMPLETED
            done.status = _KT.COMPLETED if completed else _KT.FAILED
            done.score, done.message = trial.score, trial.reason
            self.trials[done.trial_id] = done
            self.start_order.append(done.trial_id)
            self.end_order.append(done.trial_id)

    def _past(self, trial: Trial) -> kt.HyperParameters:
        # A shallow copy: a deep one for each of 10,000 trials would take many seconds.
        filled = copy.copy(self.hyperparameters)
        filled.values = dict(trial.values)
        return filled

    def _waiting(self) -> int | None:
        """The first trial that waits for another attempt and is nobody's work."""
        return self._attempts.waiting({int(t.trial_id) for t in self.ongoing_trials.values()})

    def _propose(self) -> int | None:
        """Adds a new trial to the journal and returns its number, or None if there is none."""
        number = len(self.history)
        if self.max_trials is not None and number >= self.max_trials:
            self.reason = f"all {self.max_trials} trials are done"
            return None
        answer = self.populate_space(_trial_id(number))
        if answer["status"] == _KT.STOPPED:
            return None
        assert self._proposal is not None
        self._attempts.propose(number, self._proposal, self._strategy.name)
        return number

    def _start(self, number: int) -> kt_trial.Trial:
        """Begins an attempt, and returns KerasTuner's trial."""
        space = self.get_space()
        trial = self._attempts.start(number, self.from_epoch(self.history[number]))
        space.values = {**trial.values, **_fidelity(trial)}
        started = kt_trial.Trial(space, _trial_id(number), _KT.RUNNING)
        if started.trial_id not in self.trials:
            self.start_order.append(started.trial_id)
        self.trials[started.trial_id] = started
        return started

    def _score(self, trial: kt_trial.Trial) -> None:
        """Scores a trial, or fails it if it has no finite score."""
        name = self.objective.name
        trial.status = _KT.FAILED
        if not trial.metrics.exists(name):
            trial.message = f"It ended without a value of {name}."
            return
        self.score_trial(trial)
        if math.isfinite(trial.score):
            trial.status = _KT.COMPLETED
        else:
            trial.message = f"{name} is {trial.score}, not a finite number."


def oracle(
    strategy: StrategyLike,
    objective: str | kt.Objective | None = None,
    max_trials: int | None = None,
    hyperparameters: kt.HyperParameters | None = None,
    seed: int | None = None,
    **options: Any,
) -> StrategyOracle:
    """Returns a strategy as a KerasTuner oracle, for a `kt.Tuner` or a loop of your own.

    Args:
        strategy: A name of `STRATEGIES`, a `Strategy` or a function `propose(history, rng)`.
        objective: A metric's name or a `kt.Objective`; by default the number a trial returns.
        max_trials: Trials to propose at most; None for no limit but the space.
        hyperparameters: The space, if the tuner doesn't find it out.
        seed: 0 or more; None for a random one.
        **options: Options of the strategy.

    Raises:
        StrategyError: An argument or option makes no sense.

    Example:
        ```python
        evolution = nas.oracle("evolution", "val_accuracy", max_trials=60, seed=0, population=10)
        tuner = kt.Tuner(evolution, build, directory="runs")
        tuner.search(x, y, validation_data=(x_val, y_val))
        ```
    """
    made = make_strategy(strategy, **options)
    return StrategyOracle(made, objective, max_trials, hyperparameters, seed)


def _trial_id(number: int) -> str:
    return f"{number:06d}"


def _from_the_start(trial: Trial) -> int:
    return 0


def _fidelity(trial: Trial) -> dict[str, float | str]:
    """The trial's epochs and parent as KerasTuner's Hyperband writes them among the values."""
    if "epochs" not in trial.fidelity:
        return {}
    told: dict[str, float | str] = {
        "tuner/epochs": trial.fidelity["epochs"],
        "tuner/initial_epoch": trial.epochs,
    }
    if trial.parent is not None:
        told["tuner/trial_id"] = _trial_id(trial.parent)
    return told


def _objective(objective: Any, history: History) -> Any:
    """The objective as KerasTuner takes it: one, and by default that of the journal."""
    if isinstance(objective, list) or hasattr(objective, "objectives"):
        raise StrategyError(
            "Expected one objective, a metric's name or a kt.Objective. Received: several "
            f"({objective}). Choose the one to compare trials by."
        )
    if objective is None and history.opened:
        return kt.Objective(history.objective, history.direction)
    return objective


def _seed(strategy: Strategy, seed: int | None, history: History) -> int:
    """The seed that was given, or that of the journal, or a random one."""
    if seed is None:
        return history.seed if history.opened else random.randrange(2**31)
    whole_number(strategy.name, "seed", seed, 0)
    return seed
