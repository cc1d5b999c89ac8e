"""Trials into the journal and as KerasTuner's, and a tuner's project folder."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import keras_tuner as kt
from keras_tuner.engine import trial as kt_trial

from nas_nb.errors import SpaceError, StrategyError, failure_sentence
from nas_nb.evaluate.global_state import trial_seed
from nas_nb.record.events import EventKind
from nas_nb.record.journal import Journal, read_history
from nas_nb.record.trial import TrialStatus
from nas_nb.space.definition import WeightlessBuilder, undisturbed_random_state
from nas_nb.space.hypermodel import build_function, discover
from nas_nb.space.hyperparameters import Build, from_hyperparameter, record_build
from nas_nb.space.search_space import SearchSpace, has_own_fit
from nas_nb.strategy.base import Proposal, RandomSubstitute

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Outcome, Trial, Value
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter
    from nas_nb.strategy.base import Strategy


class TrialRecorder:
    """Keeps the journal of an oracle's trials."""

    def __init__(self, journal: Journal, seed: int, epochs: int | None = None) -> None:
        self.journal = journal
        self.seed = seed
        self.epochs = epochs
        self._steps: dict[int, list[float]] = {}

    @property
    def history(self) -> History:
        """What happened so far."""
        return self.journal.history

    def open(
        self, strategy: Strategy, objective: str, direction: str, max_trials: int | None
    ) -> None:
        """Opens the journal, if nobody has."""
        if self.history.opened:
            return
        self.journal.append(
            EventKind.SEARCH_OPENED,
            objective=objective,
            direction=direction,
            seed=self.seed,
            strategy=strategy.name,
            options=strategy.options,
            space=strategy.domain.to_json() if strategy.domain else {"parameters": []},
            budget={"max_trials": max_trials},
            session=1,
            **({} if self.epochs is None else {"fidelity": {"epochs": self.epochs}}),
        )

    def waiting(self, taken: Collection[int]) -> int | None:
        """Returns the first trial that is proposed but neither finished nor `taken`, if any."""
        free = (trial.number for trial in self.history.unfinished if trial.number not in taken)
        return next(free, None)

    def propose(self, number: int, proposal: Proposal, origin: str) -> None:
        """Writes down a proposal, and in its origin if it had to be replaced."""
        if isinstance(proposal, RandomSubstitute):
            origin = f"{origin} (repeated trial {proposal.repeated}: random instead)"
        more = {"fidelity": proposal.fidelity or None, "parent": proposal.parent}
        self.journal.append(
            EventKind.TRIAL_PROPOSED,
            trial=number,
            values=dict(proposal.values),
            origin=origin,
            **proposal.lineage,
            **{name: field for name, field in more.items() if field is not None},
        )

    def start(self, number: int, from_epoch: int = 0, worker: int = 0) -> Trial:
        """Writes down that the next attempt at a trial begins, and returns the trial."""
        self._steps[number] = []
        trial = self.history[number]
        self.journal.append(
            EventKind.TRIAL_STARTED,
            trial=number,
            attempt=trial.attempt + 1,
            seed=trial_seed(self.seed, self.history.root_of(number)),
            epochs=trial.fidelity.get("epochs", self.epochs),
            from_epoch=from_epoch,
            **({"worker": worker} if worker else {}),
        )
        return self.history[number]

    def measure(self, number: int, metrics: Mapping[str, float], step: float) -> None:
        """Writes down one epoch, unless its step is known or the tuner writes the epochs itself."""
        steps = self._steps.setdefault(number, [])
        if step in steps or self.history[number].epochs > len(steps):
            return
        steps.append(step)
        logs = {name: float(value) for name, value in metrics.items()}
        self.journal.append(EventKind.EPOCH_ENDED, trial=number, epoch=len(steps), logs=logs)

    def end(self, number: int, outcome: Outcome) -> None:
        """Writes down how an attempt ended, unless that is there already."""
        self._steps.pop(number, None)
        trial = self.history[number]
        if trial.status != TrialStatus.RUNNING:
            return
        if outcome.note not in (None, trial.note):
            costs = dict(outcome.costs)
            self.journal.append(EventKind.TRIAL_BUILT, trial=number, costs=costs, note=outcome.note)
        now, took_s = time.time(), outcome.duration_s
        completed = outcome.status is TrialStatus.COMPLETED
        self.journal.append(
            EventKind.TRIAL_ENDED,
            trial=number,
            status=str(outcome.status),
            score=outcome.score,
            reason=None if completed else failure_sentence(outcome.reason),
            duration_s=now - (trial.started or now) if took_s is None else took_s,
            checkpoint=outcome.checkpoint,
            **{name: told for name in _TOLD if (told := getattr(outcome, name)) is not None},
        )


_TOLD = ("standard_error", "exit_code")

KT_STATUS = kt_trial.TrialStatus
KT_OF_OURS = {
    TrialStatus.COMPLETED: KT_STATUS.COMPLETED,
    TrialStatus.FAILED: KT_STATUS.FAILED,
    TrialStatus.STOPPED: KT_STATUS.STOPPED,
}
"""The ends of a trial, in KerasTuner's words."""


def trial_id(number: int) -> str:
    """Returns KerasTuner's name of a trial."""
    return f"{number:06d}"


def running_trial(
    trial: Trial, space: kt.HyperParameters, history: History, from_epoch: int
) -> kt_trial.Trial:
    """Returns KerasTuner's trial of one that begins."""
    space.values = {**trial.values, **fidelity_values(trial, history, from_epoch)}
    _fill(space)
    return kt_trial.Trial(space, trial_id(trial.number), KT_STATUS.RUNNING)


def past_trials(trials: Iterable[Trial], space: kt.HyperParameters) -> Iterable[kt_trial.Trial]:
    """Yields KerasTuner's trials of those that are over."""
    for trial in trials:
        # A shallow copy: a deep one for each of 10,000 trials would take many seconds.
        filled = copy.copy(space)
        filled.values = dict(trial.values)
        _fill(filled)
        done = kt_trial.Trial(filled, trial_id(trial.number))
        completed = trial.status == TrialStatus.COMPLETED
        done.status = KT_STATUS.COMPLETED if completed else KT_STATUS.FAILED
        done.score, done.message = trial.score, trial.reason
        yield done


def _fill(hyperparameters: kt.HyperParameters) -> None:
    """Gives its default to what a build function asked for after the trial was proposed."""
    values = hyperparameters.values
    for asked in hyperparameters.space:
        if asked.name not in values and all(c.is_active(values) for c in asked.conditions):
            values[asked.name] = asked.default


def fidelity_values(trial: Trial, history: History, from_epoch: int) -> dict[str, Value]:
    """Returns the trial's epochs and parent as KerasTuner's Hyperband has them among the values."""
    # A tuner that keeps no states (`from_epoch` is 0) but loads the parent's weights goes on after
    # the epochs that the parent was granted.
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


def check_same_build(
    tuner: Any,
    known: kt.HyperParameters,
    given: set[str],
    history: History,
    path: Path,
    *,
    new_entries: bool,
) -> None:
    """Checks that a tuner's hypermodel still asks for what the project's trials have."""
    build, builder = build_function(tuner.hypermodel), WeightlessBuilder()
    with undisturbed_random_state():
        try:
            usual = asked = record_build(build, {}, builder).asked
            if not _is_of_users(tuner):  # else a trial may not have built what it was given
                asked += record_build(build, history.finished[-1].values, builder).asked
        finally:
            builder.close()
    earlier = [from_hyperparameter(parameter) for parameter in known.space]
    names = {parameter.name for parameter in earlier}
    changed = [p for p in usual if p.name in names - given and p not in earlier]
    # A range may depend on a value; a name that such a trial did not ask for is new.
    added = [p for p in asked if p.name not in names] if new_entries else []
    for parameter in (*changed, *added):
        raise _other_space(parameter, earlier, path)
    domain = _space_of(tuner, build)
    if domain is None:
        return
    for name in sorted(names - given):
        found = [p for p in domain.parameters if p.name == name]
        was = [p.extent for p in earlier if p.name == name]
        if not found and not name.startswith("tuner/"):
            raise other_search_error("space", f"with '{name}'", ", now without it", path)
        if found and not any(p.extent in was for p in found):
            raise _other_space(found[0], earlier, path)


def _space_of(tuner: Any, build: Build) -> Domain | None:
    """Returns all that a tuner's trials ask for; None where more than `build` may ask."""
    if _is_of_users(tuner) or isinstance(tuner.hypermodel, SearchSpace):
        return None
    try:
        return discover(build)
    except SpaceError:  # no space can follow it
        return None


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
