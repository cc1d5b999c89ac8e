"""What worker processes gain over the kernel, and what they cost.

    python -m benchmarks.bench_workers [throughput] [overhead] [many] [--rounds N]

throughput: the same trials in the kernel with all cores, with two workers, with four, in turn:
trials a second of the part in which all work, and the time from `start()` to the first finished
trial. Wanted on two cores: two workers at least 1.6 times the kernel, four not over 10 % slower.
overhead: what a trial of one worker takes beyond its training. Wanted: at most 20 ms.
many: 1,000 workers that only sleep, 2 to 20 seconds a trial: the share of their time that they have
no trial. Wanted: below 5 %.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import random
import statistics
import tempfile
import threading
import time
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from queue import PriorityQueue
from typing import Any
from unittest import mock

import nas_nb as nas
from nas_nb.record.trial import Outcome, TrialStatus
from nas_nb.search.search import Search
from nas_nb.workers import local_process
from nas_nb.workers.control import Assignment, Ended, Ready, Report
from tests.workers.sleeping import score_of

SPACES: dict[str, dict[str, Any]] = {
    "digits": {
        "layers": ["Conv2D", "Dense"],
        "units": [16, 32],
        "activations": ["relu"],
        "depth": [1, 2],
        "learning_rate": [0.001, 0.002, 0.005, 0.01],
    },
    "mnist_5k": {
        "layers": ["Dense"],
        "units": [64, 128, 256],
        "activations": ["relu", "tanh"],
        "depth": [1, 2],
        "learning_rate": [0.001, 0.002, 0.005],
    },
}
TRIALS, EPOCHS = 24, 8
SKIPPED = 6
"""Trials at the start that don't count: they trace, and wait for workers to be there."""


def timed(data: str, workers: int | str, trials: int = TRIALS) -> tuple[float, float, Search]:
    """Returns trials a second, and seconds to the first finished trial."""
    with tempfile.TemporaryDirectory() as folder:
        search = nas.Search(
            SPACES[data],
            data,
            strategy="random",
            max_trials=trials,
            epochs=EPOCHS,
            workers=workers,
            directory=Path(folder) / "search",
        )
        began = time.monotonic()
        search.start()
        while not search.history.finished and search.state.live:
            time.sleep(0.01)
        first_s = time.monotonic() - began
        search.wait()
    ends = sorted(trial.ended or 0.0 for trial in search.history)
    return (trials - SKIPPED) / (ends[-1] - ends[SKIPPED - 1]), first_s, search


def throughput(rounds: int) -> None:
    """Prints trials a second by kernel, two and four workers."""
    for data in SPACES:
        found: dict[int | str, list[float]] = {"kernel": [], 2: [], 4: []}
        firsts: dict[int | str, list[float]] = {"kernel": [], 2: [], 4: []}
        for _ in range(rounds):
            for workers, rates in found.items():
                rate, first_s, _ = timed(data, workers)
                rates.append(rate)
                firsts[workers].append(first_s)
        kernel = statistics.median(found["kernel"])
        for workers, rates in found.items():
            rate = statistics.median(rates)
            first = ", ".join(f"{one:.1f}" for one in firsts[workers])
            print(
                f"{data}: workers={workers}: {rate:.2f} trials/s, {rate / kernel:.2f}x the kernel; "
                f"first trial after {first} s"
            )


def overhead() -> None:
    """Prints the gap between the trials of one worker, and of the kernel."""
    for workers in ("kernel", 1):
        *_, search = timed("digits", workers, 30)
        trials = sorted(search.history, key=lambda trial: trial.number)[SKIPPED:]
        own = [(t.ended or 0.0) - (t.started or 0.0) - t.duration_s for t in trials]
        between = [(b.started or 0.0) - (a.ended or 0.0) for a, b in pairwise(trials)]
        total = statistics.median(own) + statistics.median(between)
        print(f"workers={workers}: {1000 * total:.1f} ms a trial beyond its training")


class Clock:
    """The time of all workers that only sleep: one thread, which takes no lock from the kernel."""

    def __init__(self) -> None:
        self._due: PriorityQueue[tuple[float, int, Connection, Any]] = PriorityQueue()
        self._order = itertools.count()
        threading.Thread(target=self._run, daemon=True).start()

    def say(self, after_s: float, by: Connection, message: Any) -> None:
        """Lets a worker say something later."""
        self._due.put((time.monotonic() + after_s, next(self._order), by, message))

    def _run(self) -> None:
        while True:
            due = self._due.get()
            wait_s = due[0] - time.monotonic()
            if wait_s > 0:  # an earlier one may come meanwhile
                self._due.put(due)
                time.sleep(min(wait_s, 0.005))
            else:
                due[2].send(due[3])


class SleepingLink:
    """A worker that only sleeps."""

    exit_code = process_id = memory_bytes = None
    how_it_ended, left = "", False

    def __init__(self, clock: Clock, epoch_s: float) -> None:
        self._clock, self._epoch_s = clock, epoch_s
        self._ours, self._theirs = multiprocessing.Pipe(duplex=False)
        clock.say(0.0, self._theirs, Ready())

    def waitables(self) -> list[Connection]:
        return [self._ours]

    def send(self, message: Any) -> None:
        if not isinstance(message, Assignment):
            return
        said: list[tuple[int, Any]] = [(0, Report("trial_built", {"costs": {"params": 10.0}}))]
        score = score_of(message.task.trial)
        logs = {"loss": 1.0, message.task.objective.name: score}
        for epoch in range(1, message.last_epoch + 1):
            fields = {"epoch": epoch, "logs": logs, "duration_s": self._epoch_s}
            said.append((epoch, Report("epoch_ended", fields)))
        outcome = Outcome(TrialStatus.COMPLETED, score, message.last_epoch)
        said.append((message.last_epoch, Ended(outcome)))
        for epoch, words in said:
            self._clock.say(epoch * self._epoch_s, self._theirs, words)

    def receive(self) -> list[Any]:
        messages = []
        while self._ours.poll():
            messages.append(self._ours.recv())
        return messages

    def kill(self) -> None:
        pass


class SleepingWorkers:
    """Starts them, each with epochs of its own length."""

    about, recycle_bytes = "sleeping", None

    def __init__(self, chance: random.Random, count: int) -> None:
        self._clock, self._chance, self.places = Clock(), chance, range(count)

    def start(self, number: int, place: int) -> SleepingLink:
        return SleepingLink(self._clock, self._chance.uniform(1.0, 10.0))

    def close(self) -> None:
        pass


def many(count: int = 1000, trials: int = 10_000) -> None:
    """Prints how idle so many workers are that only sleep: 2 to 20 seconds a trial."""
    made = SleepingWorkers(random.Random(0), count)
    space = {f"c{n}": list(range(10)) for n in range(6)}

    def build(hp: Any) -> Any:
        import keras

        units = sum(hp.Choice(name, values) for name, values in space.items())
        model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(1 + units)])
        model.add(keras.layers.Dense(10, "softmax"))
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    with tempfile.TemporaryDirectory() as folder:
        with (
            mock.patch.object(local_process, "LocalProcesses", return_value=made),
            mock.patch("nas_nb.workers.local_process.free_bytes", return_value=10**15),
        ):
            search = nas.Search(
                build,
                nas.load("digits", limit=200),
                strategy="evolution",
                max_trials=trials,
                epochs=2,
                workers=count,
                directory=Path(folder) / "search",
            )
            search.start()
            search.wait()
        ends = sorted(trial.ended or 0.0 for trial in search.history)
        starts = sorted(trial.started or 0.0 for trial in search.history)
        # While there are trials for all: from the last worker's first one to the first one's last.
        begin, end = starts[count - 1], starts[-1]
        busy = sum(
            max(0.0, min(t.ended or 0.0, end) - max(t.started or 0.0, begin))
            for t in search.history
        )
        print(
            f"{count} workers, {trials} trials in {ends[-1] - starts[0]:.0f} s: idle for "
            f"{1 - busy / (count * (end - begin)):.1%}"
        )


def main() -> None:
    """Runs what is asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", choices=["throughput", "overhead", "many", []])
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    what = given.what or ["throughput", "overhead", "many"]
    if "throughput" in what:
        throughput(given.rounds)
    if "overhead" in what:
        overhead()
    if "many" in what:
        many()


if __name__ == "__main__":
    main()
