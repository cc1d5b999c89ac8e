"""Workers that only sleep: threads that speak the protocol of worker processes."""

from __future__ import annotations

import multiprocessing
import threading
import zlib
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

from nas_nb.record.trial import Outcome, Trial, TrialStatus
from nas_nb.workers.control import (
    Assignment,
    Ended,
    Grant,
    Paused,
    Ready,
    Report,
    Request,
    ended_how,
)


def score_of(trial: Trial) -> float:
    """A score that the values alone decide, 0 to 1."""
    return zlib.crc32(trial.key.encode()) % 1000 / 1000


class SleepingLink:
    """One of them. It can be killed as a process can."""

    memory_bytes: int | None = None
    left = False

    def __init__(self, epoch_s: float = 0.0, greeting: Any = None) -> None:
        self._ours, self._theirs = multiprocessing.Pipe()
        self._epoch_s = epoch_s
        self._greeting = greeting or Ready()
        self._code: int | None = None
        self.assigned: list[Assignment] = []
        self.process_id: int | None = None
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def how_it_ended(self) -> str:
        return ended_how(self._code or 0)

    def waitables(self) -> Sequence[Any]:
        return [] if self._ours.closed else [self._ours]

    def send(self, message: Any) -> None:
        with suppress(OSError):
            self._ours.send(message)

    def receive(self) -> list[Any]:
        messages = []
        try:
            while not self._ours.closed and self._ours.poll():
                messages.append(self._ours.recv())
        except (EOFError, OSError):
            self._ours.close()
        return messages

    @property
    def exit_code(self) -> int | None:
        return self._code if self._ours.closed else None

    def kill(self, code: int = -9) -> None:
        self._code = code
        with suppress(OSError):  # it may be closing itself
            self._theirs.close()

    def _serve(self) -> None:
        with suppress(EOFError, OSError):
            self._theirs.send(self._greeting)
            while True:
                message = self._next()
                if isinstance(message, Assignment):
                    self.assigned.append(message)
                    self._theirs.send(Ended(self._train(message)))

    def _next(self) -> Any:
        while not self._theirs.poll(0.02):  # blocked for good it would keep its end open
            pass
        return self._theirs.recv()

    def _train(self, assignment: Assignment) -> Outcome:
        trial, last = assignment.task.trial, assignment.last_epoch
        name = assignment.task.objective.name
        epoch, waits, stopped = trial.epochs, False, False
        self._report("trial_built", costs={"params": 10.0}, note=None)
        while epoch < last and not stopped:
            if self._theirs.poll(0.01 if waits else self._epoch_s):
                message = self._theirs.recv()
                if message is Request.STOP:
                    return Outcome(TrialStatus.STOPPED, duration_s=0.1, reason="cut off")
                if isinstance(message, Grant):
                    last = message.last_epoch
                elif message is Request.PAUSE:
                    waits = True
                    self._theirs.send(Paused())
                waits = waits and message is not Request.RESUME
                stopped = message is Request.STOP_TRIAL
            elif not waits:
                epoch += 1
                logs = {"loss": 1.0, name: score_of(trial)}
                self._report("epoch_ended", epoch=epoch, logs=logs, duration_s=0.1)
        score = score_of(trial)
        costs = {"params": 10.0}
        return Outcome(TrialStatus.COMPLETED, score, epoch, duration_s=0.1, costs=costs)

    def _report(self, kind: str, **fields: Any) -> None:
        self._theirs.send(Report(kind, fields))


class SleepingWorkers:
    """Starts them, and remembers all."""

    def __init__(self, make: Callable[[int], SleepingLink] = lambda _: SleepingLink()) -> None:
        self._make = make
        self.about = "sleeping"
        self.recycle_bytes: int | None = None
        self.places: Collection[int] = ()
        self.links: list[SleepingLink] = []
        self.closed = False

    def resize(self, workers: int) -> None:
        self.places = range(workers)

    def start(self, number: int, place: int) -> SleepingLink:
        link = self._make(number)
        self.links.append(link)
        return link

    def close(self) -> None:
        self.closed = True

    def with_trial(self, number: int) -> SleepingLink | None:
        """The one that was given a trial last."""
        given = (x for x in reversed(self.links) if x.assigned)
        return next((x for x in given if x.assigned[-1].task.number == number), None)
