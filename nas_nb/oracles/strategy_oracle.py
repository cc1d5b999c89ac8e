"""The one adapter: any strategy as a KerasTuner oracle."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keras_tuner.engine import trial as kt_trial

from nas_nb.errors import StrategyError, check_whole
from nas_nb.oracles.journal_oracle import JournalOracle
from nas_nb.oracles.trial_recorder import KT_STATUS, running_trial
from nas_nb.space.hyperparameters import from_hyperparameters, to_hyperparameters
from nas_nb.strategy.base import (
    Proposal,
    SpaceExhausted,
    Strategy,
    proposal_rng,
    refuse_without_data,
    refuse_without_epochs,
)
from nas_nb.strategy.multi_objective import untold
from nas_nb.strategy.registry import StrategyLike, make_strategy

if TYPE_CHECKING:
    import keras_tuner as kt

    from nas_nb.record.history import History
    from nas_nb.record.journal import Journal
    from nas_nb.record.trial import Trial


@dataclass(frozen=True)
class Exhausted:
    """There is nothing left to propose, and why, in a sentence."""

    reason: str


class StrategyOracle(JournalOracle):
    """Lets a strategy propose to any `kt.Tuner`, or to a plain create, update, end loop.

    Trials that the journal holds unfinished are handed out first, so that a search goes on where
    it was cut off.

    A strategy that fails ends the search: `create_trial` raises what it raised, and `error` keeps
    the exception for the tuner to raise.

    Args:
        strategy: A name of `STRATEGIES`, a `Strategy` or a function `propose(history, rng)`.
        objective: A metric's name or a `kt.Objective`; by default that of the journal, or
            KerasTuner's own default (the single number that a trial returns, minimised).
        max_trials: Trials to propose at most, those in the journal included; None for no limit.
        hyperparameters: The space; by default the strategy's, or what the tuner finds out.
        seed: 0 or more; by default that of the journal, or a random one.
        journal: Where everything is written down; by default a file in the project folder of the
            tuner, or memory where there is no tuner.
        epochs: Epochs of a full training, for the journal and for strategies with fidelities.
        start_of: Tells how many epochs of a trial need not be trained again, since the tuner kept
            a state of its own or of its parent; default: none.

    Attributes:
        error: What the strategy raised, or None.
        reason: Why no trial was handed out any more, in a sentence, or None.

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
        super().__init__(journal, seed, epochs, objective, max_trials, hyperparameters)
        self.error: Exception | None = None
        self.reason: str | None = None
        self._start_of = start_of
        self._warned = False
        self._strategy: Strategy = made
        self._parameters: int = len(self.hyperparameters.space)

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
        """What `auto` chose and why, or what else the strategy says of itself; None if nothing.

        None, too, while a tuner has not found out the space.
        """
        return self.strategy.reason(self.history) if self.hyperparameters.space else None

    def propose(self, number: int) -> Proposal | Exhausted:
        """Asks the strategy for one trial; writes nothing.

        Args:
            number: The trial's, from 0: with the seed it decides all that is drawn.

        Raises:
            Exception: What the strategy raises.
        """
        try:
            strategy = self.strategy
            unbound = strategy.domain is None
            if unbound:
                return Proposal({})
            made = strategy.propose(self._shown(strategy), proposal_rng(self.seed, number))
        except SpaceExhausted as exhausted:
            return Exhausted(str(exhausted))
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
        """Hands out the next trial: one that was cut off, or else a new one.

        Args:
            tuner_id: Who asks. What it was working on counts as cut off.
            worker: Who will evaluate it, for the journal.

        Returns:
            KerasTuner's trial. Its status is `STOPPED` when there is nothing left to do: `reason`
            says why.

        Raises:
            Exception: What the strategy raised; no lock is left held.
        """
        with self._guard:
            self.ongoing_trials.pop(tuner_id, None)
            self.error = None
            self._open_project()
            number = self._waiting()
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

    def _waiting(self) -> int | None:
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
        if isinstance(made, Exhausted):
            self.reason = made.reason
            return None
        return number

    def _add(self, number: int) -> Proposal | Exhausted:
        """Asks for a proposal, and writes it down."""
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


def oracle(
    strategy: StrategyLike,
    objective: str | kt.Objective | None = None,
    max_trials: int | None = None,
    hyperparameters: kt.HyperParameters | None = None,
    seed: int | None = None,
    **options: Any,
) -> StrategyOracle:
    """Returns a strategy as a KerasTuner oracle, for a `kt.Tuner` or a loop of your own.

    Strategies with fidelities (`hyperband`, `successive_halving`, `asha`, `bohb`, and
    `predictor` with rungs) say in a trial's values how long to train it, as KerasTuner's Hyperband
    does: for "tuner/epochs" in all, from "tuner/initial_epoch" on, with the weights of
    "tuner/trial_id". `nas_nb.Tuner` and `kt.Hyperband` heed that. A stock `kt.Tuner` does not:
    it trains every trial in full, for the `epochs` given to `search`, also those that were to be
    trained a little; then take a strategy without fidelities, or override `run_trial`. They need
    the option `max_epochs`, the epochs of a full training.

    What `auto` chose, and why, is in `oracle.strategy_reason`.

    What happens is kept in `journal.jsonl` in the tuner's project folder, the space included, and
    not in KerasTuner's files: the same script run again goes on where it was cut off, and proposes
    what it would have proposed. The tuner keeps the weights there. Strategy and `max_trials` may
    change meanwhile; seed, objective and space may not. `overwrite=True` starts anew. A loop
    without a tuner keeps everything in memory.

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
