"""Files of trials: weights of the best, states to continue from."""

from __future__ import annotations

import bisect
import math
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nas_nb.errors import SearchError
from nas_nb.evaluate.training_state import Arrays, TrainingState
from nas_nb.record.trial import TrialStatus
from nas_nb.workers.control import TrialError

if TYPE_CHECKING:
    import keras
    import keras_tuner as kt

    from nas_nb.evaluate.candidate import Candidate
    from nas_nb.evaluate.fidelity import Fidelity
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial

KEPT_CHECKPOINTS = 5


class CheckpointStore:
    """The folder with the weights of the best trials so far.

    Args:
        folder: Where the files are; made when the first one is written.
        history: What happened so far: decides which files are among the best.
        kept: How many trials keep their weights, 1 or more.
    """

    def __init__(self, folder: Path, history: History, kept: int = KEPT_CHECKPOINTS) -> None:
        self.folder = folder
        self.kept = kept
        self._sign = -1.0 if history.direction == "max" else 1.0
        # (loss, file): the best first, so that a new score finds its place without a scan.
        self._best: list[tuple[float, str]] = []
        for trial in history.completed:
            if trial.checkpoint and trial.score is not None:
                self._enter(trial.score, trial.checkpoint)

    def is_wanted(self, score: float) -> bool:
        """Whether a trial with this score would be among the best that keep their weights."""
        return len(self._best) < self.kept or self._sign * score < self._best[-1][0]

    def save(
        self, model: keras.Model, weights: Sequence[npt.NDArray[Any]], number: int, score: float
    ) -> str:
        """Writes weights as trial `number`'s checkpoint, and returns the file's name.

        The file appears under its name only when it is whole. It holds no state of the
        optimizer: that is not of the best epoch, and would take as long to write again.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"trial_{number:06d}.weights.h5"
        partial = self.folder / f"partial_{name}"
        model.set_weights(list(weights))
        with _alone(model):
            model.save_weights(partial)
        partial.replace(self.folder / name)
        self._enter(score, name)
        return name

    def prune(self) -> None:
        """Removes the files of trials that are no longer among the best."""
        wanted = {name for _, name in self._best}
        for file in self.folder.glob("*.weights.h5"):
            if file.name not in wanted:
                file.unlink(missing_ok=True)

    def _enter(self, score: float, name: str) -> None:
        self._best = [entry for entry in self._best if entry[1] != name]
        bisect.insort(self._best, (self._sign * score, name))
        del self._best[self.kept :]


def load_checkpoint(folder: Path, model: keras.Model, trial: Trial) -> None:
    """Loads a trial's weights into a model of its architecture.

    Raises:
        SearchError: The trial has no checkpoint, or its file is gone.
    """
    file = folder / (trial.checkpoint or "")
    if trial.checkpoint is None or not file.is_file():
        raise SearchError(
            f"The weights of trial {trial.number} are not in {folder}: only the best "
            f"{KEPT_CHECKPOINTS} trials keep them. Build its architecture and train it again."
        )
    with _alone(model):
        model.load_weights(file)


@contextmanager
def _alone(model: keras.Model) -> Iterator[None]:
    """Takes the optimizer from a model in the block: Keras saves and loads what it finds there."""
    optimizer, model.optimizer = model.optimizer, None
    try:
        yield
    finally:
        model.optimizer = optimizer


class BestEpoch:
    """The best epoch of a running trial, with its weights if they may be kept.

    Args:
        objective: KerasTuner's objective.
        checkpoints: Decides whether the weights are worth a copy.

    Attributes:
        epoch: Its number, from 1; 0 before the first.
        logs: What was measured after it.
        weights: The weights that the model had; None if they are not worth a copy.
        checkpoint: The file that holds them, once `keep` has written it.
    """

    def __init__(self, objective: kt.Objective, checkpoints: CheckpointStore) -> None:
        self.objective = objective
        self.epoch = 0
        self.logs: dict[str, float] = {}
        self.weights: Arrays | None = None
        self.checkpoint: str | None = None
        self._checkpoints = checkpoints

    @property
    def score(self) -> float:
        """The objective's value after it."""
        return self.logs[self.objective.name]

    def recall(self, curve: Sequence[Mapping[str, float]], state: TrainingState) -> None:
        """Takes the epochs of a trial that is continued, as if they had been seen."""
        for epoch, logs in enumerate(curve, start=1):
            self._take(epoch, logs)
        if self.epoch == state.best_epoch:
            self.weights = state.best

    def see(self, candidate: Candidate, epoch: int, logs: Mapping[str, float]) -> None:
        """Takes one epoch's logs, from 1.

        Raises:
            TrialError: The objective is missing, or the loss is not finite.
        """
        name = self.objective.name
        if name not in logs:
            raise TrialError(
                f"The objective '{name}' is not among what the model reports "
                f"({', '.join(sorted(logs))}): compile that metric, or choose one of these."
            )
        if not math.isfinite(logs.get("loss", 0.0)) or not math.isfinite(logs[name]):
            raise TrialError(f"The loss or {name} is not finite.")
        if self._take(epoch, logs):
            wanted = self._checkpoints.is_wanted(logs[name])
            leader = candidate.leader(self.objective.direction)
            self.weights = leader.get_weights() if wanted else None

    def keep(self, model: keras.Model, number: int) -> str | None:
        """Writes the weights, if they are among those to keep.

        Returns:
            Why they could not be written, as a clause for the trial's note, or None.
        """
        if self.weights is None:
            return None
        try:
            self.checkpoint = self._checkpoints.save(model, self.weights, number, self.score)
        except OSError as error:
            return f"its weights could not be kept: {error.strerror or error}"
        return None

    def _take(self, epoch: int, logs: Mapping[str, float]) -> bool:
        name = self.objective.name
        if self.logs and not self.objective.better_than(logs[name], self.logs[name]):
            return False
        self.epoch, self.logs = epoch, dict(logs)
        return True


KEPT_STATES = 30
"""How many completed trials of one low fidelity keep their state, the best by score."""
KEPT_FULL_STATES = 5
"""How many of those that were trained in full do."""
_FINISHED = (TrialStatus.COMPLETED, TrialStatus.FAILED)
_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


class TrainingStateStore:
    """The folder with the states of trials, one file each.

    A state is kept as long as it may be needed: of a trial that is not finished; of the parent of
    such a trial; and of completed trials that no finished trial has continued. Of these, those
    that were granted less than the search's grant may be promoted, and the best `KEPT_STATES` of
    each fidelity keep theirs; of the others the best `KEPT_FULL_STATES` do, for more epochs later.
    A state that is missing costs time and nothing else: with the same seed the trial is trained
    again from its start, and comes out the same.

    The files are NumPy archives of plain arrays; nothing in them is ever unpickled.

    Args:
        folder: Where the files are; made when the first one is written.
        history: What happened so far: decides what may still be needed.
        full: What the search grants.
        inherited: Whether the strategy lets trials start from others of any fidelity.
    """

    def __init__(
        self, folder: Path, history: History, full: Fidelity, *, inherited: bool = False
    ) -> None:
        self.folder = folder
        self._history = history
        self._full = full
        self._inherited = inherited
        self._children: dict[int, list[int]] = {}
        self._read = 0

    def epochs_of(self, number: int) -> int:
        """Returns after how many epochs a trial's state was kept; 0 if there is none to read."""
        try:
            with self._open(number) as archive:
                return int(archive["about"][0])
        except _UNREADABLE:
            return 0

    def read(self, number: int) -> TrainingState | None:
        """Returns a trial's state, or None if there is none, or it is damaged."""
        try:
            with self._open(number) as archive:
                epoch, models, best_epoch = (int(part) for part in archive["about"])
                return TrainingState(
                    epoch,
                    tuple(_arrays(archive, f"model_{index}_") for index in range(models)),
                    best_epoch,
                    _arrays(archive, "best_") or None,
                )
        except _UNREADABLE:
            return None

    def write(self, number: int, state: TrainingState) -> None:
        """Writes a trial's state in the place of an earlier one; it appears only when it is whole.

        Raises:
            OSError: There is no room, or the folder can't be written. An earlier one is kept.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self._file(number)
        partial = file.with_name(f"partial_{file.name}")
        arrays = {"about": np.array([state.epoch, len(state.models), state.best_epoch])}
        for index, model in enumerate(state.models):
            arrays |= {f"model_{index}_{at}": array for at, array in enumerate(model)}
        arrays |= {f"best_{at}": array for at, array in enumerate(state.best or ())}
        try:
            with partial.open("wb") as opened:
                np.savez(opened, **arrays)  # type: ignore[arg-type]
            partial.replace(file)
        except OSError:
            partial.unlink(missing_ok=True)
            raise

    def drop(self, number: int) -> None:
        """Removes a trial's state, if there is one."""
        self._file(number).unlink(missing_ok=True)

    def start_of(self, trial: Trial) -> int:
        """Returns how many epochs of a trial need not be trained again: its own or its parent's."""
        own = self.epochs_of(trial.number)
        if 0 < own <= trial.epochs:
            return own
        parent = self.continued(trial)
        if parent is None:
            return 0
        known = self.epochs_of(parent.number)
        granted = self._full.granted(trial.fidelity).epochs
        return known if 0 < known <= min(parent.epochs, granted) else 0

    def continued(self, trial: Trial) -> Trial | None:
        """Returns the parent that a trial continues; None if it has none, or begins anew.

        It is continued where nothing but the epochs differs: on other samples, or other images,
        the epochs of the one are not those of the other.
        """
        if trial.parent is None:
            return None
        parent = self._history[trial.parent]
        same = parent.values == trial.values and _apart(parent) == _apart(trial)
        return parent if same else None

    def is_wanted(self, number: int, score: float) -> bool:
        """Whether the state of a trial that completes with this score may be needed."""
        self._see_children()
        trial = self._history[number]
        if self._is_continued(trial):
            return False
        better = sum(
            self._history.is_better(other.score, score)
            for _, other in self._kept()
            if other.number != trial.number and _fidelity(other) == _fidelity(trial)
        )
        return better < self._room_for(trial)

    def prune(self) -> None:
        """Removes the files that are no longer needed."""
        self._see_children()
        for partial in self.folder.glob("partial_*"):
            partial.unlink(missing_ok=True)  # its kernel died while it wrote
        groups: dict[Any, list[Trial]] = {}
        for file, trial in self._kept():
            if trial.status not in _FINISHED or self._is_awaited(trial):
                continue
            if trial.status is TrialStatus.FAILED or self._is_continued(trial):
                file.unlink(missing_ok=True)
            else:
                groups.setdefault(_fidelity(trial), []).append(trial)
        for group in groups.values():
            for trial in self._ranked(group)[self._room_for(group[0]) :]:
                self.drop(trial.number)

    def _room_for(self, trial: Trial) -> int:
        """How many states of this trial's fidelity are kept."""
        below = self._full.granted(trial.fidelity).is_below(self._full)
        return KEPT_STATES if below or self._inherited else KEPT_FULL_STATES

    def _is_continued(self, trial: Trial) -> bool:
        """Whether a finished trial went on from where this one ended."""
        children = (self._history[number] for number in self._children.get(trial.number, ()))
        return any(
            child.status in _FINISHED and self.continued(child) is not None for child in children
        )

    def _is_awaited(self, trial: Trial) -> bool:
        """Whether an unfinished trial starts from this one."""
        children = (self._history[number] for number in self._children.get(trial.number, ()))
        return any(child.status not in _FINISHED for child in children)

    def _see_children(self) -> None:
        for number in range(self._read, len(self._history)):
            parent = self._history[number].parent
            if parent is not None:
                self._children.setdefault(parent, []).append(number)
        self._read = len(self._history)

    def _ranked(self, trials: list[Trial]) -> list[Trial]:
        sign = -1.0 if self._history.direction == "max" else 1.0
        return sorted(trials, key=lambda trial: (sign * (trial.score or 0.0), trial.number))

    def _kept(self) -> Iterator[tuple[Path, Trial]]:
        for file in sorted(self.folder.glob("trial_*.npz")):
            digits = file.stem.removeprefix("trial_")
            if digits.isdigit() and int(digits) < len(self._history):
                yield file, self._history[int(digits)]

    def _file(self, number: int) -> Path:
        return self.folder / f"trial_{number:06d}.npz"

    @contextmanager
    def _open(self, number: int) -> Iterator[Any]:
        with self._file(number).open("rb") as file, np.load(file, allow_pickle=False) as archive:
            yield archive


def _arrays(archive: Any, prefix: str) -> Arrays:
    count = sum(name.startswith(prefix) for name in archive.files)
    found: list[npt.NDArray[Any]] = [archive[f"{prefix}{at}"] for at in range(count)]
    return found


def _fidelity(trial: Trial) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(trial.fidelity.items()))


def _apart(trial: Trial) -> dict[str, float]:
    """The trial's fidelity but for its epochs."""
    return {name: amount for name, amount in trial.fidelity.items() if name != "epochs"}


EVERY_S = 30.0
"""Seconds of training that the death of a kernel costs at most, but for the epoch in progress."""
SAVING_SHARE = 0.02
"""Of a trial's time that may be spent on keeping its state."""


class StateCheckpointer:
    """Decides after each epoch whether the state is to be kept, and keeps it.

    Args:
        number: The trial's number.
        candidate: What is trained.
        best: Its best epoch so far.
        states: Where states are kept.
        last_epoch: Returns the trial's last epoch, as far as it is known now.

    Attributes:
        trouble: Why a state could not be kept, as a clause for the trial's note, or None.
    """

    def __init__(
        self,
        number: int,
        candidate: Candidate,
        best: BestEpoch,
        states: TrainingStateStore,
        last_epoch: Callable[[], int],
    ) -> None:
        self.trouble: str | None = None
        self._number = number
        self._candidate = candidate
        self._best = best
        self._states = states
        self._last_epoch = last_epoch
        self._due_at = time.monotonic() + EVERY_S

    def is_due(self, epoch: int) -> bool:
        """Whether the state after this epoch is to be kept. Called after the epoch's report."""
        if self._candidate.is_ended or epoch >= self._last_epoch():
            return self._states.is_wanted(self._number, self._best.score)
        return time.monotonic() >= self._due_at

    def keep(self, epoch: int) -> None:
        """Writes the state; a full disk is no reason to lose the trial."""
        began = time.monotonic()
        best = self._best
        state = TrainingState(epoch, self._candidate.capture(), best.epoch, best.weights)
        try:
            self._states.write(self._number, state)
            self.trouble = None
        except OSError as error:
            self.trouble = f"its state could not be kept: {error.strerror or error}"
        now = time.monotonic()
        self._due_at = now + max(EVERY_S, (now - began) / SAVING_SHARE)
