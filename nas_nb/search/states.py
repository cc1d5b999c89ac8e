"""States: the files from which trials are continued, and no more of them than may be needed."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nas_nb.evaluate.state import Arrays, TrainingState
from nas_nb.record.trial import TrialStatus

if TYPE_CHECKING:
    from nas_nb.evaluate.fidelity import Fidelity
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial

KEPT = 30
"""How many completed trials of one low fidelity keep their state, the best by score."""
KEPT_IN_FULL = 5
"""How many of those that were trained in full do."""
_FINISHED = (TrialStatus.COMPLETED, TrialStatus.FAILED)
_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


class States:
    """The folder with the states of trials, one file each.

    A state is kept as long as it may be needed: of a trial that is not finished; of the parent of
    such a trial; and of completed trials that no finished trial has continued. Of these, those
    that were granted less than the search's grant may be promoted, and the best `KEPT` of each
    fidelity keep theirs; of the others the best `KEPT_IN_FULL` do, for more epochs later. A state
    that is missing costs time and nothing else: with the same seed the trial is trained again from
    its start, and comes out the same.

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
        return KEPT if below or self._inherited else KEPT_IN_FULL

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
