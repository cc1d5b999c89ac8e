"""The adapter: any strategy as a KerasTuner oracle, whose only memory is the journal."""

from __future__ import annotations

import math
import random
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from heapq import nsmallest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras_tuner as kt
from keras_tuner.engine import trial as kt_trial

from nas_nb.errors import StrategyError, check_whole
from nas_nb.oracles.trial_recorder import (
    KT_OF_OURS,
    KT_STATUS,
    TrialRecorder,
    check_same_build,
    check_same_project,
    check_same_space,
    past_trials,
    project_file,
    read_project,
    record_space,
    recorded_space,
    running_trial,
    trial_id,
    unknown_space,
    write_project,
)
from nas_nb.private_imports import kt_oracle
from nas_nb.record.journal import Journal
from nas_nb.record.trial import Outcome, TrialStatus
from nas_nb.space.hyperparameters import from_hyperparameters, to_hyperparameters
from nas_nb.strategy.base import (
    Proposal,
    SpaceExhausted,
    Strategy,
    proposal_rng,
    refuse_without_data,
    refuse_without_epochs,
)
from nas_nb.strategy.evolution import untold
from nas_nb.strategy.registry import StrategyLike, make_strategy

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial


@dataclass(frozen=True)
class NoProposal:
    """There is nothing left to propose, and why, in a sentence."""

    reason: str


def one_objective(objective: Any, history: History) -> Any:
    """Returns the objective as KerasTuner takes it: one, and by default that of the journal."""
    if isinstance(objective, list) or hasattr(objective, "objectives"):
        raise StrategyError(
            "Expected one objective, a metric's name or a kt.Objective. Received: several "
            f"({objective}). Choose the one to compare trials by."
        )
    if objective is None and history.opened:
        return kt.Objective(history.objective, history.direction)
    return objective


def known_seed(seed: int | None, history: History) -> int:
    """Returns the seed that was given, or that of the journal, or a random one."""
    if seed is None:
        return history.seed if history.opened else random.randrange(2**31)
    return seed


class StrategyOracle(kt.Oracle):  # type: ignore[misc]
    """Lets a strategy propose to any `kt.Tuner`, or to a plain create, update, end loop.

    Its arguments are those of `oracle`, beside which a search gives its `journal`, the `epochs` of
    a full training, and `start_of`: from which epoch a trial has a kept state.

    Attributes:
        error: What the strategy raised, which ended the search, or None.
        reason: Why no trial was handed out any more, in a sentence, or None.
    """

    objective: kt.Objective
    hyperparameters: kt.HyperParameters

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
        start_of: Callable[[Trial], int] | None = None,
    ) -> None:
        made = make_strategy(strategy)
        owner = f"Strategy '{made.name}'"
        if max_trials is not None:
            check_whole(owner, "max_trials", max_trials, 1, error=StrategyError)
        if seed is not None:
            check_whole(owner, "seed", seed, 0, error=StrategyError)
        if hyperparameters is None and made.domain is not None:
            hyperparameters = to_hyperparameters(made.domain)
        self._owns_journal = journal is None
        self._file: Path | None = None  # of the tuner's project; a loop without one has none
        self._writing = False
        self._asked = (seed, objective)
        self._given = {p.name for p in hyperparameters.space} if hyperparameters else set()
        journal = Journal.in_memory() if journal is None else journal
        known = known_seed(seed, journal.history)
        named = one_objective(objective, journal.history)
        # For none given, and 0 counts as that, KerasTuner would draw from the user's `random`.
        super().__init__(named, max_trials, hyperparameters, seed=known or 1)
        self.seed = known
        self.verbose = 0
        self._recorder = TrialRecorder(journal, self.seed, epochs)
        # KerasTuner's own lock stays held when a method under it raises.
        self._guard = threading.RLock()
        self._restore()
        self.error: Exception | None = None
        self.reason: str | None = None
        self._start_of = start_of
        self._warned = False
        self._strategy: Strategy = made
        self._parameters: int = len(self.hyperparameters.space)

    @property
    def journal(self) -> Journal:
        """Where everything is written down."""
        return self._recorder.journal

    @property
    def history(self) -> History:
        """What happened so far."""
        return self.journal.history

    @property
    def strategy(self) -> Strategy:
        """The strategy, bound to the space as it is known by now. It may be changed half-way."""
        known = len(self.hyperparameters.space)
        if not known and not self.history:  # the first trial of a loop may ask for it
            return self._strategy
        if self._strategy.domain is None or known != self._parameters:
            self._strategy = self._strategy.over(from_hyperparameters(self.hyperparameters))
            self._parameters = known
        return self._strategy

    @strategy.setter
    def strategy(self, strategy: StrategyLike) -> None:
        domain = self.strategy.domain
        self._strategy = make_strategy(strategy, domain)

    @property
    def strategy_reason(self) -> str | None:
        """What `auto` chose and why, or what else it says; None while the space is unknown."""
        return self.strategy.reason(self.history) if self.hyperparameters.space else None

    def propose(self, number: int) -> Proposal | NoProposal:
        """Asks the strategy for the trial of that number, which with the seed decides all draws."""
        try:
            strategy = self.strategy
            unbound = strategy.domain is None  # the tuner finds the space out as it builds
            if unbound:
                return Proposal({})
            made = strategy.propose(self._shown(strategy), proposal_rng(self.seed, number))
        except SpaceExhausted as exhausted:
            return NoProposal(str(exhausted))
        return made if isinstance(made, Proposal) else Proposal(made)

    def _shown(self, strategy: Strategy) -> History:
        """The history that a strategy proposes from."""
        return self.history

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns a proposal as KerasTuner has it: a "status" and the "values"; see `propose`."""
        made = self.propose(int(trial_id))
        if isinstance(made, Proposal):
            return {"status": KT_STATUS.RUNNING, "values": made.values}
        self.reason = made.reason
        return {"status": KT_STATUS.STOPPED, "values": None}

    def create_trial(self, tuner_id: str, worker: int = 0) -> kt_trial.Trial:
        """Hands out the next trial, one that was cut off first; `STOPPED` when there is none."""
        with self._guard:
            self.ongoing_trials.pop(tuner_id, None)
            self.error = None
            self._open_project()
            number = self._unfinished()
            if number is None:
                number = self._add_or_say_why()
            if number is None:
                self._release_project()
                return kt_trial.Trial(self.get_space(), status=KT_STATUS.STOPPED)
            trial = self._start(number, worker)
            self.ongoing_trials[tuner_id] = trial
            self._warn_of_cost()
            return trial

    def _warn_of_cost(self) -> None:
        """Warns once where trials don't tell the cost; a search shows that by itself."""
        cost = self._strategy.options.get("cost")
        if self._warned or not self._owns_journal or not isinstance(cost, str):
            return
        if (reason := untold(cost, self.history)) is not None:
            self._warned = True
            warnings.warn(f"'{self._strategy.name}' goes {reason}", RuntimeWarning, stacklevel=3)

    def _unfinished(self) -> int | None:
        """The first trial that waits for another attempt and is nobody's work."""
        return self._recorder.waiting({int(t.trial_id) for t in self.ongoing_trials.values()})

    def _add_or_say_why(self) -> int | None:
        """Adds a new trial to the journal and returns its number, or None if there is none."""
        number = len(self.history)
        if self.max_trials is not None and number >= self.max_trials:
            self.reason = f"all {self.max_trials} trials are done"
            return None
        try:
            made = self._add(number)
        except Exception as error:
            self.error = error
            said = " ".join([str(error), *getattr(error, "__notes__", ())])
            self.reason = f"'{self._strategy.name}' made no proposal: {said}"
            raise
        if isinstance(made, NoProposal):
            self.reason = made.reason
            return None
        return number

    def _add(self, number: int) -> Proposal | NoProposal:
        """Asks for a proposal, and writes it down. Subclasses may override it."""
        strategy, objective = self.strategy, self.objective
        self._recorder.open(strategy, objective.name, objective.direction, self.max_trials)
        self._record_space()
        made = self.propose(number)
        if isinstance(made, Proposal):
            self._recorder.propose(number, made, self._strategy.name)
        return made

    def _start(self, number: int, worker: int) -> kt_trial.Trial:
        """Begins an attempt, and returns KerasTuner's trial."""
        from_epoch = self._start_of(self.history[number]) if self._start_of else 0
        trial = self._recorder.start(number, from_epoch, worker)
        started = running_trial(trial, self.get_space(), self.history, from_epoch)
        if started.trial_id not in self.trials:
            self.start_order.append(started.trial_id)
        self.trials[started.trial_id] = started
        return started

    def update_trial(
        self, trial_id: str, metrics: Mapping[str, float], step: float = 0
    ) -> kt_trial.Trial:
        """Writes down an epoch, unless the tuner has written it."""
        self._check_objective_found(metrics)
        with self._guard:
            trial = self.trials[trial_id]
            for name, value in metrics.items():
                if not trial.metrics.exists(name):
                    known = self.objective.direction if name == self.objective.name else None
                    trial.metrics.register(name, direction=known)
                trial.metrics.update(name, value, step=step)
            self._recorder.measure(int(trial_id), metrics, step)
            return trial

    def end_trial(self, trial: kt_trial.Trial, outcome: Outcome | None = None) -> None:
        """Writes down how a trial ended."""
        with self._guard:
            mine = self.trials[trial.trial_id]
            mine.hyperparameters = trial.hyperparameters
            self.update_space(mine.hyperparameters)
            self._record_space()
            if outcome is None:
                outcome = self._stock_outcome(mine, trial)
            elif outcome.status is TrialStatus.COMPLETED:
                outcome = self._scored(outcome)
                mine.best_step = outcome.epoch
            mine.status, mine.score = KT_OF_OURS[outcome.status], outcome.score
            mine.message = outcome.reason or trial.message
            if mine.status != KT_STATUS.STOPPED:
                self.end_order.append(mine.trial_id)
            self._recorder.end(int(mine.trial_id), outcome)
            for tuner_id in [who for who, one in self.ongoing_trials.items() if one is mine]:
                del self.ongoing_trials[tuner_id]

    def _stock_outcome(self, mine: kt_trial.Trial, trial: kt_trial.Trial) -> Outcome:
        """Returns the outcome of a trial that KerasTuner's own tuner ran."""
        if trial.status not in (KT_STATUS.COMPLETED, KT_STATUS.RUNNING):
            stopped = trial.status == KT_STATUS.STOPPED
            status = TrialStatus.STOPPED if stopped else TrialStatus.FAILED
            return Outcome(status, reason=trial.message)
        name = self.objective.name
        if not mine.metrics.exists(name):
            return Outcome(TrialStatus.FAILED, reason=f"It ended without a value of {name}.")
        self.score_trial(mine)
        return self._scored(Outcome(TrialStatus.COMPLETED, score=float(mine.score)))

    def _scored(self, outcome: Outcome) -> Outcome:
        """Returns the outcome of a completed trial; one without a finite score has failed."""
        if outcome.score is not None and math.isfinite(outcome.score):
            return outcome
        reason = f"{self.objective.name} is {outcome.score}, not a finite number."
        return replace(outcome, status=TrialStatus.FAILED, score=None, reason=reason)

    def get_best_trials(self, num_trials: int = 1) -> list[kt_trial.Trial]:
        """Returns KerasTuner's trials, the best first; of equal scores the smaller model first."""
        best = nsmallest(num_trials, self.history.completed, key=self.history.rank)
        return [self.trials[trial_id(trial.number)] for trial in best]

    def save(self) -> None:
        """Does nothing: the journal is the record."""

    def _save_trial(self, trial: kt_trial.Trial) -> None:
        """Does nothing: the journal is the record."""

    def reload(self) -> None:
        """Takes trials and space from the journal of the tuner's project, and not its lock."""
        if self._file is not None and self._file.is_file():
            self._adopt_journal(read_project(self._file))
        if not self.hyperparameters.space:
            raise unknown_space()
        # KerasTuner tells an oracle nothing of its tuner, which is who calls this.
        tuner = sys._getframe(1).f_locals.get("self")  # noqa: SLF001
        if (
            self._file is not None
            and self.history.finished
            and getattr(tuner, "hypermodel", None) is not None
        ):
            known = (self.hyperparameters, self._given, self.history)
            new_entries = self.tune_new_entries
            check_same_build(tuner, *known, self._file, new_entries=new_entries)

    def close(self) -> None:
        """Lets KerasTuner forget this oracle, which its module would keep alive for ever."""
        kt_oracle.LOCKS.pop(self, None)
        kt_oracle.THREADS.pop(self, None)
        if self._owns_journal:
            self.journal.close()

    def _set_project_dir(self, directory: str, project_name: str) -> None:
        """Learns where the tuner's project is; the tuner may still empty that folder."""
        super()._set_project_dir(directory, project_name)
        if self._owns_journal and not self.history.opened:
            self._file = project_file(directory, project_name)

    def _open_project(self) -> None:
        """Opens the journal of the tuner's project, once the first trial is asked for."""
        if self._file is None or self._writing:
            return
        journal = write_project(self._file)
        try:
            self._adopt_journal(journal)
        except StrategyError:
            journal.close()
            raise
        self._writing = True

    def _release_project(self) -> None:
        """Lets others write the tuner's project, until the next trial is asked for."""
        if self._writing and not self.ongoing_trials:
            self.journal.close()
            self._writing = False

    def _adopt_journal(self, journal: Journal) -> None:
        """Checks that a journal is of this search, and takes seed, objective, space and trials."""
        assert self._file is not None
        past, (seed, objective) = journal.history, self._asked
        if past.opened:
            mine = (self.objective.name, self.objective.direction)
            check_same_project(past, None if objective is None else mine, seed, self._file)
            self.seed, self.objective = past.seed, kt.Objective(past.objective, past.direction)
        if (known := recorded_space(past)) is not None:
            check_same_space(self.hyperparameters, known, self._file)
            self.hyperparameters = known
        self._recorder = TrialRecorder(journal, self.seed, self._recorder.epochs)
        self._restore()

    def _record_space(self) -> None:
        """Writes the space of a tuner's project down, as far as it is known by now."""
        if self._writing:
            record_space(self.journal, "space", self.hyperparameters)

    def _restore(self) -> None:
        """Shows KerasTuner the trials that the journal holds."""
        for done in past_trials(self.history.finished, self.hyperparameters):
            if done.trial_id in self.trials:
                continue
            self.trials[done.trial_id] = done
            self.start_order.append(done.trial_id)
            self.end_order.append(done.trial_id)


def oracle(
    strategy: StrategyLike,
    objective: str | kt.Objective | None = None,
    max_trials: int | None = None,
    hyperparameters: kt.HyperParameters | None = None,
    seed: int | None = None,
    **options: Any,
) -> StrategyOracle:
    """Returns a strategy as a KerasTuner oracle, for a `kt.Tuner` or a loop of your own.

    Strategies with fidelities (`hyperband`, `successive_halving`, `asha`, `bohb`, and `predictor`
    with rungs) need the option `max_epochs`, the epochs of a full training. Epochs are in a trial's
    values as KerasTuner's Hyperband has them; a stock `kt.Tuner` ignores them and trains in full.

    What happens is kept in `journal.jsonl` in the tuner's project folder: the same script run again
    goes on where it was cut off. Strategy and `max_trials` may change meanwhile; seed, objective
    and space may not. `overwrite=True` starts anew. A loop without a tuner keeps it in memory. See
    docs/kerastuner.md.

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

        halving = nas.oracle("hyperband", "val_accuracy", max_epochs=27)
        nas.Tuner(halving, build, directory="runs").search(x, y, validation_split=0.2)
        ```
    """
    made = make_strategy(strategy, **options)
    refuse_without_data(made)
    refuse_without_epochs(made)
    return StrategyOracle(made, objective, max_trials, hyperparameters, seed)
