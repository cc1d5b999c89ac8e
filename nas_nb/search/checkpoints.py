"""Checkpoints: the weights of the best trials, and of no others."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from nas_nb.errors import SearchError

if TYPE_CHECKING:
    import keras

    from nas_nb.record.history import History, Trial

KEPT = 5


class Checkpoints:
    """The folder with the weights of the best trials so far.

    Args:
        folder: Where the files are; made when the first one is written.
        history: What happened so far: decides which files are among the best.
        kept: How many trials keep their weights, 1 or more.
    """

    def __init__(self, folder: Path, history: History, kept: int = KEPT) -> None:
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
            f"The weights of trial {trial.number} are not in {folder}: only the best {KEPT} "
            "trials keep them. Build its architecture and train it again."
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
