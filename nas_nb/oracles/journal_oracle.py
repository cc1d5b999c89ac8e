"""A `kt.Oracle` whose only memory is the journal."""

from __future__ import annotations

import json
import math
import random
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from heapq import nsmallest
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import keras_tuner as kt

from nas_nb.errors import SpaceError, StrategyError
from nas_nb.oracles.trial_recorder import (
    KT_OF_OURS,
    KT_STATUS,
    TrialRecorder,
    past_trials,
    trial_id,
)
from nas_nb.private_imports import kt_oracle
from nas_nb.record.events import EventKind
from nas_nb.record.journal import Journal, read_history
from nas_nb.record.trial import Outcome, TrialStatus
from nas_nb.space.definition import WeightlessBuilder, undisturbed_random_state
from nas_nb.space.hypermodel import discover
from nas_nb.space.hyperparameters import Build, from_hyperparameter, record_build
from nas_nb.space.search_space import SearchSpace, has_own_fit

if TYPE_CHECKING:
    from keras_tuner.engine import trial as kt_trial

    from nas_nb.record.history import History
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter


class JournalOracle(kt.Oracle):  # type: ignore[misc]
    """Takes what trials measure and how they end, and writes it into a journal."""

    # Without a journal of its own a tuner's project folder gets one, when the first trial is asked
    # for; a loop without a tuner keeps it in memory. KerasTuner's lock stays held when a method
    # under it raises, so this class has its own.

    objective: kt.Objective
    hyperparameters: kt.HyperParameters

    def __init__(
        self,
        journal: Journal | None,
        seed: int | None,
        epochs: int | None,
        objective: str | kt.Objective | None,
        max_trials: int | None,
        hyperparameters: kt.HyperParameters | None,
    ) -> None:
        self._owns_journal = journal is None
        self._file: Path | None = None
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
        self._guard = threading.RLock()
        self._restore()

    @property
    def journal(self) -> Journal:
        """Where everything is written down."""
        return self._recorder.journal

    @property
    def history(self) -> History:
        """What happened so far."""
        return self.journal.history

    def update_trial(
        self, trial_id: str, metrics: Mapping[str, float], step: float = 0
    ) -> kt_trial.Trial:
        """Takes what a trial measured: an epoch, unless the tuner writes the epochs itself."""
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

    def get_best_trials(self, num_trials: int = 1) -> list[kt_trial.Trial]:
        """Returns KerasTuner's trials, the best first; of equal scores the smaller model first."""
        best = nsmallest(num_trials, self.history.completed, key=self.history.rank)
        return [self.trials[trial_id(trial.number)] for trial in best]

    def save(self) -> None:
        """Does nothing: the journal is the record."""

    def reload(self) -> None:
        """Takes trials and space from the journal of the tuner's project, and not its lock."""
        if self._file is not None and self._file.is_file():
            self._take(read_project(self._file))
        if not self.hyperparameters.space:
            raise unknown_space()
        # KerasTuner tells an oracle nothing of its tuner, which is who calls this.
        tuner = sys._getframe(1).f_locals.get("self")  # noqa: SLF001
        known = self._file is not None and self.history.finished
        if known and getattr(tuner, "hypermodel", None) is not None:
            self._check_build(tuner)

    def _check_build(self, tuner: Any) -> None:
        """Checks that a tuner's hypermodel still asks for what the project's trials have."""
        hypermodel = tuner.hypermodel

        def build(hp: kt.HyperParameters) -> Any:
            hypermodel.declare_hyperparameters(hp)
            return hypermodel.build(hp)

        builder = WeightlessBuilder()
        with undisturbed_random_state():
            try:
                usual = asked = record_build(build, {}, builder).asked
                if not _is_of_users(tuner):  # else a trial may not have built what it was given
                    values = self.history.finished[-1].values
                    asked += record_build(build, values, builder).asked
            finally:
                builder.close()
        earlier = [from_hyperparameter(parameter) for parameter in self.hyperparameters.space]
        names = {parameter.name for parameter in earlier}
        changed = [p for p in usual if p.name in names - self._given and p not in earlier]
        # A range may depend on a value; a name that such a trial did not ask for is new.
        added = [p for p in asked if p.name not in names] if self.tune_new_entries else []
        assert self._file is not None
        for parameter in (*changed, *added):
            raise _other_space(parameter, earlier, self._file)
        domain = self._space_of(tuner, build)
        if domain is None:
            return
        for name in sorted(names - self._given):
            found = [p for p in domain.parameters if p.name == name]
            was = [p.extent for p in earlier if p.name == name]
            if not found and not name.startswith("tuner/"):
                raise other_search_error("space", f"with '{name}'", ", now without it", self._file)
            if found and not any(p.extent in was for p in found):
                raise _other_space(found[0], earlier, self._file)

    def _space_of(self, tuner: Any, build: Build) -> Domain | None:
        """Returns all that a tuner's trials ask for; None where more than `build` may ask."""
        if _is_of_users(tuner) or isinstance(tuner.hypermodel, SearchSpace):
            return None
        try:
            return discover(build)
        except SpaceError:  # no space can follow it
            return None

    def close(self) -> None:
        """Lets KerasTuner forget this oracle, which its module would keep alive for ever."""
        kt_oracle.LOCKS.pop(self, None)
        kt_oracle.THREADS.pop(self, None)
        if self._owns_journal:
            self.journal.close()

    def _save_trial(self, trial: kt_trial.Trial) -> None:
        """Does nothing: the journal is the record."""

    def _set_project_dir(self, directory: str, project_name: str) -> None:
        """Learns where the tuner's project is; the tuner may still empty that folder."""
        super()._set_project_dir(directory, project_name)
        if self._owns_journal and not self.history.opened:
            self._file = project_file(directory, project_name)

    def _open_project(self) -> None:
        """Opens the journal of the tuner's project to write, if there is a tuner."""
        if self._file is None or self._writing:
            return
        journal = write_project(self._file)
        try:
            self._take(journal)
        except StrategyError:
            journal.close()
            raise
        self._writing = True

    def _release_project(self) -> None:
        """Lets others write the tuner's project, until the next trial is asked for."""
        if self._writing and not self.ongoing_trials:
            self.journal.close()
            self._writing = False

    def _take(self, journal: Journal) -> None:
        """Goes on with what a project's journal holds."""
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

    def _stock_outcome(self, mine: kt_trial.Trial, trial: kt_trial.Trial) -> Outcome:
        """Returns how a trial of a tuner of KerasTuner's ended."""
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


_SPACE = "space"
_WRITTEN: WeakValueDictionary[Path, Journal] = WeakValueDictionary()


def project_file(directory: str | Path, project_name: str) -> Path:
    """Returns where the journal of a tuner's project is."""
    return Path(directory, project_name, "journal.jsonl").absolute()


def read_project(path: Path) -> Journal:
    """Returns what a project's journal holds, without its lock: nothing is to be written to it."""
    journal = Journal.in_memory()
    journal.history = read_history(path)
    return journal


def write_project(path: Path) -> Journal:
    """Opens a project's journal to write; an oracle of this kernel that writes it gives it up."""
    # A cell that was interrupted and runs again makes a second tuner beside the first.
    if (earlier := _WRITTEN.get(path)) is not None:
        earlier.close()
    journal = _WRITTEN[path] = Journal.open(path)
    return journal


def record_space(journal: Journal, strategy: str, space: kt.HyperParameters) -> None:
    """Writes the space down, if it is not what was written last: a tuner that reloads needs it."""
    known = _recorded(journal.history)
    if known is None or len(known["space"]) != len(space.space):
        detail = space.get_config()
        journal.append(EventKind.PREPARED, strategy=strategy, what=_SPACE, detail=detail)


def recorded_space(history: History) -> kt.HyperParameters | None:
    """Returns the space that was written down last, or None."""
    known = _recorded(history)
    # KerasTuner changes the configuration that it reads, and the history's can't be.
    return None if known is None else kt.HyperParameters.from_config(json.loads(json.dumps(known)))


def _recorded(history: History) -> dict[str, Any] | None:
    spaces = (event["detail"] for event in reversed(history.prepared) if event["what"] == _SPACE)
    return next(spaces, None)


def check_same_space(given: kt.HyperParameters, known: kt.HyperParameters, path: Path) -> None:
    """Checks that a project's trials are points of the space that is given."""
    earlier = [from_hyperparameter(parameter) for parameter in known.space]
    for parameter in map(from_hyperparameter, given.space):
        if parameter not in earlier:
            raise _other_space(parameter, earlier, path)


def _is_of_users(tuner: Any) -> bool:
    """Returns whether the code that builds and trains a trial is the user's own."""
    trains = type(tuner).run_trial.__module__
    return has_own_fit(tuner.hypermodel) or not trains.startswith(("keras_tuner.", "nas_nb."))


def _other_space(now: Parameter, earlier: list[Parameter], path: Path) -> StrategyError:
    before = next((p for p in earlier if p.name == now.name), None)
    was, text = before.range_text() if before else "not in it", now.range_text()
    if before and was == text:
        was, text = (
            f"{one} with the default {p.default}" for one, p in ((was, before), (text, now))
        )
    return other_search_error("space", f"'{now.name}' {was}", f", now {text}", path)


def check_same_project(
    past: History, objective: tuple[str, str] | None, seed: int | None, path: Path
) -> None:
    """Checks that a project's trials can be compared with new ones; None is whatever it was."""
    known = {"objective": (past.objective, past.direction), "seed": past.seed}
    for what, now in {"objective": objective, "seed": seed}.items():
        if now is not None and now != known[what]:
            raise other_search_error(what, repr(known[what]), f", now {now!r}", path)


def unknown_space() -> StrategyError:
    """Returns what is raised where a tuner that reloads can't know the space."""
    return StrategyError(
        "Expected an oracle that knows the space, to go on with an earlier project. "
        "Received: neither a journal in the project, nor `hyperparameters`, nor a strategy "
        "with a domain. Pass `hyperparameters`, or start anew with overwrite=True or "
        "another project_name."
    )


def other_search_error(what: str, was: str, now: str, path: Path) -> StrategyError:
    """Returns what is raised where a project was made for another search."""
    return StrategyError(
        f"Expected the {what} of the search that the project {path.parent} holds. Received: "
        f"another one ({was}{now}). Its trials could not be compared with new ones: give another "
        "project_name, overwrite=True, or make the search as it was."
    )


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
