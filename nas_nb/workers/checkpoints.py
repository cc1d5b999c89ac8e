"""Files of trials: weights of the best, states to continue from."""

from __future__ import annotations

import io
import json
import math
import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nas_nb.errors import SearchError, reason_of
from nas_nb.evaluate.training_state import (
    Arrays,
    TrainingState,
    WeightsFile,
    copied_weights,
    plain_file,
    weights_file,
    without_optimizer,
)
from nas_nb.record.files import is_plain, leads_out, write_whole
from nas_nb.record.history import History
from nas_nb.record.pareto import non_dominated
from nas_nb.record.trial import EMPTY, TrialStatus, sign_of

if TYPE_CHECKING:
    import keras

    from nas_nb.evaluate.fidelity import Fidelity
    from nas_nb.record.trial import Outcome, Trial

KEPT_CHECKPOINTS = 5
KEPT_FRONT = 50
"""Of how many members of the front of several objectives weights are kept, the best by score."""
NOT_KEPT = "its weights could not be kept"
Kept = tuple[float, float, str, tuple[float, ...]]
"""(loss, params, file, minimised costs) of a trial that keeps its weights."""
BestWeights = tuple[Kept, ...]
"""Those of all, the best first."""

_FILE = re.compile(r"(?:partial_(?:[0-9a-f]{8}_)?)?trial_(\d{6,})\.(?:weights\.h5|npz)")
_FINISHED = (TrialStatus.COMPLETED, TrialStatus.FAILED)


def foreign_files(project: Path, history: History) -> list[str]:
    """Returns what a search of this history would overwrite or remove, and never wrote."""
    found = []
    for name in ("checkpoints", "states"):
        folder = project / name
        if leads_out(folder, project):
            found.append(name)
            continue
        for file in _names(folder):
            number = _number(file)
            if number is None or _attempts(history, number):
                continue
            # A power cut may take the last events of a journal, and not the file of their trial.
            if number > len(history) or not _has_trailer(folder / file, number):
                found.append(f"{name}/{file}")
    return found


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as files:  # after every trial: without a path for each file
            return sorted(file.name for file in files)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _number(name: str) -> int | None:
    """The number of the trial that a file is of, by its name."""
    named = _FILE.fullmatch(name)
    return int(named[1]) if named else None


def _attempts(history: History, number: int) -> int:
    return history[number].attempt if number < len(history) else 0


def _has_trailer(file: Path, number: int) -> bool:
    """Whether the content of a file says that a search wrote it for this trial."""
    try:
        if file.suffix == ".npz":
            return bool(_read_npz(file, ("about",)))
        if not is_plain(file):
            return False
        with file.open("rb") as opened:
            opened.seek(-_TRAILER_BYTES, io.SEEK_END)
            trailer = _TRAILER.search(opened.read())
        return trailer is not None and int(trailer[1]) == number
    except Exception:  # noqa: BLE001 - what a foreign file raises has no common class
        return False


class _Folder:
    """A folder of a project with files of trials; what can't be removed is told once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stuck: dict[str, str] = {}
        self._told: set[str] = set()

    def write_file(self, name: str, parts: Sequence[memoryview], *, sync: bool) -> None:
        """Writes one file; the project has to be there, and is not left through a link."""
        self.folder.mkdir(exist_ok=True)
        if leads_out(self.folder, self.folder.parent):
            raise OSError(f"{self.folder} is a link that leads out of the project")
        write_whole(self.folder / name, parts, sync=sync)

    def remove_file(self, name: str) -> None:
        """Removes one file, if it can be; `trouble` says if not."""
        if name in self._stuck or leads_out(self.folder, self.folder.parent):
            return
        try:
            (self.folder / name).unlink(missing_ok=True)
        except OSError as error:
            self._stuck[name] = f"{name} could not be removed: {error.strerror or error}"

    def trouble(self) -> str | None:
        """Returns what could not be removed since the last call, as a clause for a note."""
        new = [told for name, told in self._stuck.items() if name not in self._told]
        self._told.update(self._stuck)
        return "; ".join(new) or None


class CheckpointStore(_Folder):
    """The folder with the weights of the best trials so far, and of the front's members."""

    def __init__(self, folder: Path, history: History, kept: int = KEPT_CHECKPOINTS) -> None:
        super().__init__(folder)
        self.kept = kept
        self._sign = -sign_of(history.direction)  # makes a loss of a score
        self._minimised = history.minimised
        self._best: BestWeights = ()
        self._dropped: list[str] = []
        for trial in history.completed:
            self.enter(trial)
        wanted = {name for _, _, name, _ in self.best}
        # By the folder's content: what an earlier kernel left counts, too.
        self._dropped = [
            name for name in _names(folder) if name not in wanted and _is_ours(name, history)
        ]

    @classmethod
    def for_worker(
        cls, folder: Path, direction: str, minimised: tuple[str, ...], best: BestWeights
    ) -> CheckpointStore:
        """Returns the store of a worker, which has no history: `best` is the kernel's now."""
        store = cls(folder, History())
        store._sign, store._minimised, store._best = -sign_of(direction), minimised, best
        return store

    @property
    def best(self) -> BestWeights:
        """The trials that keep their weights."""
        return self._best

    def enter(self, ended: Trial | Outcome) -> None:
        """Takes the weights into account that an ended trial left, if any."""
        if ended.checkpoint and ended.score is not None:
            self._insert(ended.score, ended.costs, ended.checkpoint)

    def is_wanted(self, score: float, costs: Mapping[str, float] = EMPTY) -> bool:
        """Whether a trial with this score may be among those that keep their weights."""
        if len(self._best) < self.kept or self._sign * score <= self._best[self.kept - 1][0]:
            return True
        entries = (*self._best, self._entry(score, costs, ""))
        return len(entries) - 1 in self._front(entries)

    def save(
        self,
        model: keras.Model,
        weights: Sequence[npt.NDArray[Any]],
        number: int,
        score: float,
        costs: Mapping[str, float] = EMPTY,
    ) -> str:
        """Writes weights as trial `number`'s checkpoint, and returns the file's name."""
        # The optimizer's state is not of the best epoch, and would take as long to write again.
        name = f"trial_{number:06d}.weights.h5"
        file = plain_file(model, weights)
        if file is None:
            if not all(map(np.array_equal, copied_weights(model), weights)):  # dear, seldom needed
                model.set_weights(list(weights))
            with without_optimizer(model):
                file = weights_file(model)
        self.write_file(name, [_with_trailer(file, number)], sync=True)
        known = costs if "params" in costs else {"params": model.count_params(), **costs}
        self._insert(score, known, name)
        return name

    def remove_unneeded(self) -> None:
        """Removes the files of trials that are no longer among those to keep."""
        wanted = {entry[2] for entry in self._best}
        for name in self._dropped:
            if name not in wanted:  # a trial that was cut off may have written its file again
                self.remove_file(name)
        self._dropped.clear()

    def _insert(self, score: float, costs: Mapping[str, float], name: str) -> None:
        others = (entry for entry in self._best if entry[2] != name)
        entries = sorted([*others, self._entry(score, costs, name)])
        wanted = {*range(self.kept), *self._front(entries)[:KEPT_FRONT]}
        self._best = tuple(entry for at, entry in enumerate(entries) if at in wanted)
        self._dropped += [entry[2] for at, entry in enumerate(entries) if at not in wanted]

    def _entry(self, score: float, costs: Mapping[str, float], name: str) -> Kept:
        minimised = tuple(costs.get(cost, math.inf) for cost in self._minimised)
        return self._sign * score, costs.get("params", math.inf), name, minimised

    def _front(self, entries: Sequence[Kept]) -> list[int]:
        """Returns the places of the front's members, the best by score first."""
        points = [(loss, *costs) for loss, _, _, costs in entries]
        return non_dominated(points) if self._minimised else []


def _is_ours(name: str, history: History) -> bool:
    """Whether a search wrote this file: its trial names it, or had not ended."""
    number = _number(name)
    if number is None or not _attempts(history, number):
        return False
    trial = history[number]
    return trial.checkpoint == name or trial.status not in _FINISHED or name.startswith("partial_")


_TRAILER = re.compile(rb"\nnas_nb trial (\d+) crc32 ([0-9a-f]{8})\n")
_TRAILER_BYTES = 64


def _trailer(content: bytes | memoryview, number: int) -> bytes:
    """The end of a checkpoint, which HDF5 does not read: whose it is, and that it is whole."""
    return b"\nnas_nb trial %d crc32 %08x\n" % (number, zlib.crc32(content))


def _with_trailer(file: io.BytesIO, number: int) -> memoryview:
    with file.getbuffer() as content:  # `getvalue` would be a copy, as soon as more is written
        trailer = _trailer(content, number)
    file.seek(0, io.SEEK_END)
    file.write(trailer)
    return file.getbuffer()


def write_weights(file: Path, model: keras.Model, number: int) -> None:
    """Writes a model's weights as a checkpoint of a trial, which `load_checkpoint` reads."""
    with without_optimizer(model):
        content = weights_file(model)
    write_whole(file, [_with_trailer(content, number)])


def load_checkpoint(folder: Path, model: keras.Model, trial: Trial) -> None:
    """Loads a trial's weights into a model of its architecture."""
    file = folder / (trial.checkpoint or "")
    if trial.checkpoint is None or not file.is_file() or leads_out(file, folder.parent):
        why = (
            f"only the best {KEPT_CHECKPOINTS} trials keep them, and of a search of several "
            f"objectives up to {KEPT_FRONT} of its front"
        )
        if NOT_KEPT in (trial.note or ""):
            why = f"the note of the trial says why: {trial.note}"
        elif trial.checkpoint is not None and not folder.is_dir():
            why = "the folder was removed, or moved"
        raise SearchError(
            f"The weights of trial {trial.number} are not in {folder}: {why}. Train it again: "
            f"`search.trial({trial.number}).retrain()`."
        )
    try:
        content = _read_checkpoint(file, model, trial.number)
        with without_optimizer(model):
            model.load_weights(WeightsFile(content))
    except Exception as error:  # what a damaged file raises has no common class
        raise SearchError(
            f"Expected the weights of trial {trial.number} in {file}. Received: a file that is "
            f"damaged, or another model's ({reason_of(error)}). Train it again: "
            f"`search.trial({trial.number}).retrain()`."
        ) from error


def _read_checkpoint(file: Path, model: keras.Model, number: int) -> bytes:
    """Returns the content of a checkpoint, once its size, its trailer and its links are right."""
    size = sum(math.prod(v.shape) * 8 for v in model.variables)
    most = 2 * size + 16_384 * (len(model.variables) + 64)
    with file.open("rb") as opened:
        content = opened.read(most + 1)
    if len(content) > most:
        raise ValueError("it is larger than the model")
    trailer = _TRAILER.search(content, max(0, len(content) - _TRAILER_BYTES))
    if trailer is not None:
        if int(trailer[1]) != number:
            raise ValueError(f"it is of trial {int(trailer[1])}")
        if zlib.crc32(content[: trailer.start()]) != int(trailer[2], 16):
            raise ValueError("its checksum differs")
    _check_weights(content, most)
    return content


def _check_weights(content: bytes, most: int) -> None:
    """Raises ValueError where weights lie outside the file, or are larger than the model."""
    import h5py

    size = 0
    links: dict[str, Any] = {}
    with h5py.File(io.BytesIO(content), "r") as opened:
        opened.visititems_links(links.__setitem__)  # names and kinds: nothing may raise in HDF5
        for name, link in links.items():
            if not isinstance(link, h5py.HardLink):
                raise ValueError(f"{name} is a link")
            item = opened[name]
            if isinstance(item, h5py.Dataset):
                if item.is_virtual or item.external:
                    raise ValueError(f"{name} is in another file")
                size += item.nbytes
    if size > most:
        raise ValueError("its weights are larger than the model")


KEPT_STATES = 30
"""How many completed trials of one low fidelity keep their state, the best by score."""
KEPT_FULL_STATES = 5
"""How many of those that were trained in full do."""


class StateFolder(_Folder):
    """The folder with the states of trials, one NumPy archive of plain arrays each.

    A worker that knows no history keeps the state of a trial that reaches the threshold.
    """

    def __init__(
        self, folder: Path, direction: str = "max", threshold: float | None = None
    ) -> None:
        super().__init__(folder)
        self._sign = -sign_of(direction)
        self._threshold = threshold

    def is_wanted(self, number: int, score: float) -> bool:
        """Whether the state of a trial that completes with this score may be needed."""
        worst = self.threshold(number)
        return worst is None or self._sign * score <= self._sign * worst

    def threshold(self, number: int) -> float | None:
        """Returns the worst score with which a trial keeps its state; None: with any score."""
        return self._threshold

    def epochs_of(self, number: int) -> int:
        """Returns after how many epochs a trial's state was kept; 0 if there is none to read."""
        try:
            return int(_read_npz(self._file(number), ("about",))["about"][0])
        except Exception:  # noqa: BLE001 - what a damaged file raises has no common class
            return 0

    def read(self, number: int) -> TrainingState | None:
        """Returns a trial's state, or None if there is none, or it is damaged."""
        try:
            arrays = _read_npz(self._file(number))
            epoch, models, best_epoch = map(int, arrays["about"])
            found = _unpacked(arrays["index"], arrays["data"])
            return TrainingState(epoch, tuple(found[:models]), best_epoch, found[models] or None)
        except Exception:  # noqa: BLE001 - what a damaged file raises has no common class
            return None

    def write(self, number: int, state: TrainingState) -> None:
        """Writes a trial's state in the place of an earlier one, whole or not at all."""
        about = np.array([state.epoch, len(state.models), state.best_epoch], "<i8")
        index, data = _packed([*state.models, state.best or []])
        parts = _Parts()
        with zipfile.ZipFile(parts, "w") as archive:  # type: ignore[call-overload]
            _write_member(archive, "about", "<i8", [about.view("u1")])
            _write_member(archive, "index", "|u1", [index])
            _write_member(archive, "data", "|u1", data)
        # Not forced to the disk: a state that a power cut takes costs time and nothing else.
        self.write_file(_state_name(number), parts, sync=False)

    def drop(self, number: int) -> None:
        """Removes a trial's state, if there is one."""
        self.remove_file(_state_name(number))

    def _file(self, number: int) -> Path:
        file = self.folder / _state_name(number)
        if leads_out(file, self.folder.parent):
            raise OSError(f"{file} is a link that leads out of the project")
        return file


class TrainingStateStore(StateFolder):
    """The folder of states, and by the history which of them are kept."""

    # A state is kept as long as it may be needed: of a trial that is not finished; of the parent
    # of such a trial; and of completed trials that no finished trial has continued: the best
    # `KEPT_STATES` of each low fidelity, which may be promoted, and the best `KEPT_FULL_STATES` of
    # the others. A state that is missing costs time and nothing else: the trial is trained again,
    # and comes out the same.

    def __init__(
        self, folder: Path, history: History, full: Fidelity, *, inherited: bool = False
    ) -> None:
        super().__init__(folder, history.direction)
        self._history = history
        self._full = full
        self._inherited = inherited
        self._children: dict[int, list[int]] = {}
        self._read = 0

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
        """Returns the parent that a trial continues; None if it has none, or begins anew."""
        # On other samples, or other images, the epochs of the one are not those of the other.
        if trial.parent is None:
            return None
        parent = self._history[trial.parent]
        same = _fidelity_without_epochs(parent) == _fidelity_without_epochs(trial)
        return parent if same and parent.values == trial.values else None

    def threshold(self, number: int) -> float | None:
        """Returns the worst score with which a trial keeps its state; None: with any score."""
        self._see_children()
        trial = self._history[number]
        if self._is_continued(trial):
            return -self._sign * math.inf  # no score is so good: another went on from its state
        losses = sorted(
            self._sign * other.score
            for _, other in self._kept()
            if other.number != trial.number
            and other.score is not None
            and _fidelity(other) == _fidelity(trial)
        )
        room = self._room_for(trial)
        return self._sign * losses[room - 1] if len(losses) >= room else None

    def remove_unneeded(self) -> None:
        """Removes the files that are no longer needed."""
        self._see_children()
        groups: dict[Any, list[Trial]] = {}
        for name, trial in self._kept():
            if name.startswith("partial_") and trial.status is not TrialStatus.RUNNING:
                self.remove_file(name)  # who wrote it has died
            elif trial.status not in _FINISHED or self._is_awaited(trial):
                continue
            elif trial.status is TrialStatus.FAILED or self._is_continued(trial):
                self.remove_file(name)
            else:
                groups.setdefault(_fidelity(trial), []).append(trial)
        for group in groups.values():
            ranked = sorted(group, key=self._history.rank)
            for trial in ranked[self._room_for(group[0]) :]:
                self.drop(trial.number)

    def _room_for(self, trial: Trial) -> int:
        """How many states of this trial's fidelity are kept."""
        below = self._full.granted(trial.fidelity).is_below(self._full)
        return KEPT_STATES if below or self._inherited else KEPT_FULL_STATES

    def _is_continued(self, trial: Trial) -> bool:
        """Whether a finished trial went on from where this one ended."""
        return any(
            child.status in _FINISHED and self.continued(child) is not None
            for child in self._children_of(trial)
        )

    def _is_awaited(self, trial: Trial) -> bool:
        """Whether an unfinished trial starts from this one."""
        return any(child.status not in _FINISHED for child in self._children_of(trial))

    def _children_of(self, trial: Trial) -> list[Trial]:
        return [self._history[number] for number in self._children.get(trial.number, ())]

    def _see_children(self) -> None:
        for number in range(self._read, len(self._history)):
            parent = self._history[number].parent
            if parent is not None:
                self._children.setdefault(parent, []).append(number)
        self._read = len(self._history)

    def _kept(self) -> Iterator[tuple[str, Trial]]:
        """The files of trials that were started, those that a dead kernel was writing included."""
        for name in _names(self.folder):
            number = _number(name)
            if number is not None and _attempts(self._history, number):
                yield name, self._history[number]


def _state_name(number: int) -> str:
    return f"trial_{number:06d}.npz"


def _read_npz(file: Path, names: Sequence[str] = ()) -> dict[str, npt.NDArray[Any]]:
    """Returns arrays of numbers of an archive, all or some; never more bytes than the file has."""
    # `numpy.load` would take the sizes that the file claims for true before it reads.
    arrays = {}
    if not is_plain(file):
        raise ValueError("It is no plain file of its folder.")
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        if sum(info.compress_size for info in infos) > file.stat().st_size:
            raise ValueError("Its members overlap.")
        for info in infos:
            name = info.filename.removesuffix(".npy")
            if names and name not in names:
                continue
            if info.compress_type != zipfile.ZIP_STORED:
                raise ValueError("Expected arrays that are not compressed.")
            data = io.BytesIO(archive.read(info))
            np.lib.format.read_magic(data)
            shape, in_columns, dtype = np.lib.format.read_array_header_1_0(data)
            if dtype.kind not in "biuf":
                raise ValueError(f"Expected numbers. Received: {dtype}.")
            content = data.getbuffer()[data.tell() :]
            flat = np.frombuffer(content, dtype) if content else np.empty(0, dtype)
            arrays[name] = flat.reshape(shape, order="F" if in_columns else "C")
    if arrays["about"].shape != (3,) or arrays["about"].dtype.kind != "i":
        raise ValueError("Expected three whole numbers about the state.")
    return arrays


Bytes = npt.NDArray[np.uint8]


class _Parts(list[memoryview]):
    """A file that is written once, part after part, where they are: no copy is made."""

    def write(self, part: bytes | memoryview) -> int:
        self.append(memoryview(part))
        return len(part)  # of bytes: `Bytes` and what `zipfile` adds

    def flush(self) -> None:
        """Has nothing to do."""


def _packed(lists: Sequence[Arrays]) -> tuple[Bytes, list[Bytes]]:
    """Returns types and shapes of lists of arrays, as JSON, and the bytes of each array."""
    # An archive with a member for each array takes four times as long to write.
    # Files know NumPy's own types only; from float32 the small floats come back as they were.
    known = [[a.astype("f4") if a.dtype.kind == "V" else a for a in arrays] for arrays in lists]
    index = json.dumps([[(a.dtype.str, a.shape) for a in arrays] for arrays in known])
    flat = [np.ascontiguousarray(a).reshape(-1).view("u1") for arrays in known for a in arrays]
    return np.frombuffer(index.encode(), "u1"), flat


def _write_member(archive: zipfile.ZipFile, name: str, dtype: str, parts: Sequence[Bytes]) -> None:
    """Writes an array of one axis, whose bytes come in parts, as `numpy.savez` does."""
    shape = (sum(map(len, parts)) // np.dtype(dtype).itemsize,)
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        about = {"descr": dtype, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(member, about)
        for part in parts:
            member.write(part.data)


def _unpacked(index: Bytes, data: Bytes) -> list[Arrays]:
    """Returns the lists of arrays again, each within the bytes that are there."""
    at, lists = 0, []
    for entries in json.loads(index.tobytes()):
        arrays: Arrays = []
        for name, shape in entries:
            dtype = np.dtype(name)
            if dtype.kind not in "biuf" or any(side < 0 for side in shape):
                raise ValueError(f"Expected numbers. Received: {name} of shape {shape}.")
            end = at + dtype.itemsize * math.prod(shape)
            arrays.append(np.frombuffer(data[at:end], dtype).reshape(shape))
            at = end
        lists.append(arrays)
    return lists


def _fidelity(trial: Trial) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(trial.fidelity.items()))


def _fidelity_without_epochs(trial: Trial) -> dict[str, float]:
    """The trial's fidelity but for its epochs."""
    return {name: amount for name, amount in trial.fidelity.items() if name != "epochs"}


def files_for(project: Path, trial: Trial, parent: Trial | None) -> dict[str, bytes]:
    """Returns the files that a worker without the project's folder needs for a trial."""
    trials = [trial, *([parent] if parent is not None else [])]
    names = [f"states/{_state_name(each.number)}" for each in trials]
    if parent is not None and parent.checkpoint:
        names.append(f"checkpoints/{parent.checkpoint}")
    files = {name: project / name for name in names}
    return {
        n: f.read_bytes() for n, f in files.items() if f.is_file() and not leads_out(f, project)
    }


def take_file(project: Path, name: str, data: bytes | None) -> None:
    """Writes, or removes, a file of a trial as a worker without the project's folder has it."""
    folder, _, file = name.partition("/")
    if folder not in ("checkpoints", "states") or not _FILE.fullmatch(file):
        raise OSError(f"{name} is no file of a trial")
    files = _Folder(project / folder)
    if data is None:
        files.remove_file(file)
    else:
        files.write_file(file, [memoryview(data)], sync=folder == "checkpoints")
