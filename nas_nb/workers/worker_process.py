"""What runs in a worker process, and the file of space and data that it reads once."""

from __future__ import annotations

import mmap
import os
import pickle
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import cloudpickle

from nas_nb.errors import SearchError, reason_of
from nas_nb.evaluate.backend import on_tensorflow, share_gpus
from nas_nb.evaluate.fidelity import FidelityCache
from nas_nb.evaluate.trainer import register_choices
from nas_nb.record.files import write_whole
from nas_nb.workers.checkpoints import CheckpointStore, StateFolder
from nas_nb.workers.control import (
    Assignment,
    Control,
    Ended,
    Grant,
    Paused,
    Ready,
    Refused,
    Report,
    Request,
    TrialControl,
)
from nas_nb.workers.trial_evaluation import TrialFiles, evaluate_trial

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from nas_nb.data.dataset import Data
    from nas_nb.evaluate.global_state import KerasSettings
    from nas_nb.space.search_space import SearchSpace

_ALIGNED = 64


@dataclass(frozen=True)
class Parcel:
    """What a worker process is given once: all that its trials have in common."""

    space: SearchSpace
    data: Data
    seed: int
    direction: str
    minimised: tuple[str, ...]  # costs that are objectives, too
    folder: Path  # of the project; a relative one is beside the file
    keras_settings: KerasSettings
    versions: dict[str, str]  # which the worker has to have, too

    def write(self, file: Path) -> None:
        """Writes it to a file; SearchError if it holds what can't be sent to another process."""
        write_whole(file, self.parts(), sync=False)

    def parts(self) -> list[bytes | memoryview]:
        """Returns what such a file holds; arrays are not copied."""
        buffers: list[pickle.PickleBuffer] = []
        try:
            # Functions and classes of the notebook travel whole, those of modules by name.
            told = cloudpickle.dumps(self, protocol=5, buffer_callback=buffers.append)
        except Exception as error:  # what the user's objects raise has no common class
            raise SearchError(
                "Expected a space and data that can be sent to another process (pickled) for "
                f"`workers`. Received: {reason_of(error)}. Make what can't be sent inside the "
                "function that builds the model, or search with workers='kernel'."
            ) from error
        raw = [buffer.raw() for buffer in buffers]
        head = pickle.dumps([len(told), *(part.nbytes for part in raw)])
        parts: list[bytes | memoryview] = [len(head).to_bytes(8, "little"), head, told]
        at = sum(len(part) for part in parts)
        for part in raw:
            gap = -at % _ALIGNED
            parts += [bytes(gap), part]
            at += gap + part.nbytes
        return parts

    @staticmethod
    def read(file: Path) -> Parcel:
        """Reads one; its arrays are pages of the file, which all workers share."""
        with file.open("rb") as opened:
            whole = memoryview(
                mmap.mmap(
                    opened.fileno(), os.fstat(opened.fileno()).st_size, access=mmap.ACCESS_READ
                )
            )
        head = int.from_bytes(whole[:8], "little")
        sizes = pickle.loads(whole[8 : 8 + head])
        start = 8 + head
        told, at = whole[start : start + sizes[0]], start + sizes[0]
        buffers: list[Any] = []
        for size in sizes[1:]:
            at += -at % _ALIGNED
            buffers.append(whole[at : at + size])
            at += size
        parcel = pickle.loads(told, buffers=buffers)
        assert isinstance(parcel, Parcel)
        return replace(parcel, folder=file.parent / parcel.folder)


def serve(connection: Connection, parcel_file: Path, threads: int | None, gpu: str | None) -> None:
    """Evaluates trials until the search that sends them is gone, or has enough."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the kernel's to answer
    try:
        _use_device(threads, gpu)
        parcel = Parcel.read(parcel_file)
        worker = _Worker(connection, parcel)
    except BaseException as error:  # noqa: BLE001 - the search says it in a sentence
        with suppress(OSError):
            connection.send(Refused(f"{type(error).__name__}: {error}"))
        return
    other = _other_version(parcel.versions)
    if other:
        connection.send(Refused(other))
        return
    connection.send(Ready())
    worker.work()


def _use_device(threads: int | None, gpu: str | None) -> None:
    """Takes the worker's share of cores and cards; has to come before the first operation."""
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    if not on_tensorflow():
        return
    import tensorflow as tf

    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    share_gpus()


def _other_version(wanted: dict[str, str]) -> str | None:
    """Returns in which package the worker differs from the kernel, or None."""
    own = {name: version(name) for name in wanted if name != "python"}
    found = [f"{n} {own[n]}, the kernel {wanted[n]}" for n in own if own[n] != wanted[n]]
    return f"it has {'; '.join(found)}" if found else None


class _Worker:
    """One process: its main thread evaluates, another listens."""

    def __init__(self, connection: Connection, parcel: Parcel) -> None:
        self._connection = connection
        self._parcel = parcel
        self._cache = FidelityCache(parcel.space, parcel.data, parcel.seed)
        self._tasks: SimpleQueue[Assignment] = SimpleQueue()
        self._control = Control(self._on_paused)
        self._number = -1
        self._last_epoch = 0
        register_choices(c for p in parcel.space.domain.parameters for c in p.choices)

    def work(self) -> None:
        """Evaluates what it is given, until the process is ended."""
        threading.Thread(target=self._listen, daemon=True).start()
        with self._parcel.keras_settings.kept():
            while True:
                self._evaluate(self._tasks.get())

    def _evaluate(self, assignment: Assignment) -> None:
        task, parcel = assignment.task, self._parcel
        best, threshold = assignment.best_weights, assignment.state_threshold
        files = TrialFiles(
            CheckpointStore.for_worker(
                parcel.folder / "checkpoints", parcel.direction, parcel.minimised, best
            ),
            StateFolder(parcel.folder / "states", parcel.direction, threshold),
        )
        limit_s = task.limits.get("time_per_trial_s")
        control = TrialControl(self._control, task.number, limit_s, lambda _: self._last_epoch)
        outcome = evaluate_trial(task, self._cache, files, self._report, control)
        self._send(Ended(outcome))

    def _report(self, kind: str, /, **fields: Any) -> None:
        self._send(Report(kind, fields))

    def _on_paused(self, waits: bool) -> None:
        if waits:
            self._send(Paused())

    def _send(self, message: Any) -> None:
        try:
            self._connection.send(message)
        except OSError:  # the search is gone
            os._exit(0)

    def _listen(self) -> None:
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                os._exit(0)
            if isinstance(message, Assignment):
                self._begin(message)
            elif isinstance(message, Grant):
                self._last_epoch = message.last_epoch
            else:
                self._obey(message)

    def _begin(self, assignment: Assignment) -> None:
        # A control of its own: what the trial before it was asked counts no more.
        self._control = Control(self._on_paused)
        self._number, self._last_epoch = assignment.task.number, assignment.last_epoch
        self._tasks.put(assignment)

    def _obey(self, request: Request) -> None:
        if request is Request.PAUSE:
            self._control.pause()
        elif request is Request.RESUME:
            self._control.resume()
        elif request is Request.STOP:
            self._control.stop()
        elif request is Request.STOP_TRIAL:
            self._control.stop_trial(self._number)
