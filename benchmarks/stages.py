"""CPU time by the stages of a trial: functions of nas_nb are timed while a search runs."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from nas_nb.evaluate.backend import MemoryWatch
from nas_nb.evaluate.compiled import trace_cache, training
from nas_nb.evaluate.compiled.program import EpochProgram
from nas_nb.evaluate.compiled.trace_cache import Template
from nas_nb.record.journal import Journal
from nas_nb.search.tuner import SearchOracle
from nas_nb.space.search_space import SearchSpace
from nas_nb.workers.checkpoints import CheckpointStore, TrainingStateStore
from nas_nb.workers.trial_evaluation import BestEpoch, StateCheckpointer

TRACE, FIRST_RUN, STEADY = "trace", "first runs of traces", "steady runs"
BOOKKEEPING = ("journal", "checkpoints", "progress")

_TIMED: tuple[tuple[Any, str, str], ...] = (
    (SearchOracle, "create_trial", "proposal"),
    (SearchSpace, "build_values", "model build"),
    (training, "_build_optimizer", "optimizer build"),
    (training, "signature", "signature"),
    (trace_cache, "Template", "template"),
    (Template, "push", "state in and out"),
    (Template, "pull", "state in and out"),
    (Template, "pull_weights", "state in and out"),
    (type(tf.function(lambda: None)), "get_concrete_function", TRACE),
    (Journal, "append", "journal"),
    (BestEpoch, "see", "checkpoints"),
    (BestEpoch, "keep", "checkpoints"),
    (CheckpointStore, "remove_unneeded", "checkpoints"),
    (TrainingStateStore, "remove_unneeded", "checkpoints"),
    (StateCheckpointer, "is_due", "checkpoints"),
    (StateCheckpointer, "save", "checkpoints"),
    (MemoryWatch, "warning", "progress"),
)


class Stages:
    """CPU seconds of this process by stage; a stage's own, without those of stages inside it.

    Attributes:
        spent_s: Seconds by the name of the stage.
    """

    def __init__(self) -> None:
        self.spent_s: defaultdict[str, float] = defaultdict(float)
        self._inside: list[str] = []
        self._since = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts the block as a stage."""
        self._turn()
        self._inside.append(name)
        try:
            yield
        finally:
            self._turn()
            self._inside.pop()

    def _turn(self) -> None:
        now = time.process_time()
        if self._inside:
            self.spent_s[self._inside[-1]] += now - self._since
        self._since = now

    @contextmanager
    def timing(self, after_epoch: Callable[[], Any] | None = None) -> Iterator[None]:
        """Times nas_nb's functions in the block, all on one thread.

        Args:
            after_epoch: What a viewer does whenever an epoch is in the journal; it counts as
                progress.
        """
        before = [(owner, name, getattr(owner, name)) for owner, name, _ in _TIMED]
        called = EpochProgram._call_traced
        for owner, name, stage in _TIMED:
            setattr(owner, name, self._timed(getattr(owner, name), stage, after_epoch))
        setattr(EpochProgram, "_call_traced", self._run(called))  # noqa: B010 - mypy
        try:
            with self.stage("rest"):
                yield
        finally:
            for owner, name, function in [*before, (EpochProgram, "_call_traced", called)]:
                setattr(owner, name, function)

    def _timed(self, function: Any, stage: str, after_epoch: Callable[[], Any] | None) -> Any:
        def timed(*given: Any, **named: Any) -> Any:
            with self.stage(stage):
                result = function(*given, **named)
            if after_epoch is not None and stage == "journal" and "epoch_ended" in given:
                with self.stage("progress"):
                    after_epoch()
            return result

        return timed

    def _run(self, function: Any) -> Any:
        def timed(program: Any, name: str, *given: Any) -> Any:
            with self.stage(STEADY if name in program._traced else FIRST_RUN):
                return function(program, name, *given)

        return timed

    def share(self, *names: str) -> float:
        """Returns what part of all the time some stages took, from 0 to 1."""
        return sum(self.spent_s[name] for name in names) / sum(self.spent_s.values())
