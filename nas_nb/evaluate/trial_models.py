"""The models of a trial in training: one, or several from different seeds side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from nas_nb.evaluate.global_state import trial_seed
from nas_nb.evaluate.trainer import train
from nas_nb.evaluate.training_state import (
    Arrays,
    OnEpoch,
    StateSaver,
    TrainingControl,
    TrainingResult,
    capture,
    restore,
)

if TYPE_CHECKING:
    import keras

    from nas_nb.data.dataset import Data


def repeat_seed(seed: int, repeat: int) -> int:
    """Returns the seed of one of a trial's repeats, from 0; that of the first is the trial's."""
    return seed if repeat == 0 else trial_seed(seed, repeat)


def spread_name(objective: str) -> str:
    """Returns the name, in the logs, of the objective's standard deviation over the repeats."""
    return f"{objective}_spread"


class TrialModels:
    """The models that one trial trains: they take turns, an epoch each; logs are means."""

    def __init__(self, models: Sequence[keras.Model], seed: int, objective: str) -> None:
        self.models = tuple(models)
        self.latest: list[Mapping[str, float]] = []
        self._seed = seed
        self._objective = objective
        self._enough = False

    def train(
        self,
        data: Data,
        *,
        epochs: int,
        initial_epoch: int,
        batch_size: int,
        on_epoch: OnEpoch,
        control: TrainingControl,
        keeper: StateSaver,
    ) -> TrainingResult:
        """Trains as `nas_nb.evaluate.trainer.train` does; see there for arguments and result."""
        self._enough = False
        if len(self.models) > 1:
            turns = _Turns(self, data, batch_size, control)
            return self._train_in_turns(turns, range(initial_epoch, epochs), on_epoch, keeper)

        def one(epoch: int, logs: Mapping[str, float], duration_s: float) -> None:
            self.latest = [logs]
            on_epoch(epoch, logs, duration_s)

        return train(
            self.models[0],
            data,
            epochs=epochs,
            batch_size=batch_size,
            seed=self._seed,
            on_epoch=one,
            control=control,
            initial_epoch=initial_epoch,
            keeper=keeper,
        )

    def end(self) -> None:
        """Lets the epoch that is being reported be the last."""
        self._enough = self.models[0].stop_training = True

    @property
    def is_ended(self) -> bool:
        """Whether `end` was called since training began last."""
        return self._enough

    def capture(self) -> tuple[Arrays, ...]:
        """Returns the states of the models."""
        return tuple(capture(model) for model in self.models)

    def restore(self, states: Sequence[Arrays], data: Data) -> None:
        """Puts the models into captured states; ValueError if those are another architecture's."""
        for model, state in zip(self.models, states, strict=True):
            restore(model, state, data.x_train)

    def leader(self, direction: str) -> keras.Model:
        """Returns the model that did best in the latest epoch; `direction` is "max" or "min"."""
        scores = [logs[self._objective] for logs in self.latest]
        best = max(scores) if direction == "max" else min(scores)
        return self.models[scores.index(best)]

    def seed_of(self, repeat: int) -> int:
        """Returns the seed of the order of the samples of one model."""
        return repeat_seed(self._seed, repeat)

    def _train_in_turns(
        self, turns: _Turns, epochs: range, on_epoch: OnEpoch, keeper: StateSaver
    ) -> TrainingResult:
        result = TrainingResult(stopped=False)
        for epoch in epochs:
            result, duration_s = turns.take(epoch)
            if result.stopped:
                break
            on_epoch(epoch + 1, self._means(), duration_s)
            if keeper.is_due(epoch + 1):
                keeper.keep(epoch + 1)
            if self._enough:
                break
        return result

    def _means(self) -> dict[str, float]:
        means = {name: fmean(logs[name] for logs in self.latest) for name in self.latest[0]}
        if self._objective in means:
            spread = stdev(logs[self._objective] for logs in self.latest)
            means[spread_name(self._objective)] = spread
        return means


class _Turns:
    """Trains the models of a trial one after the other, an epoch each."""

    def __init__(
        self, trial: TrialModels, data: Data, batch_size: int, control: TrainingControl
    ) -> None:
        self.trial = trial
        self.data = data
        self.batch_size = batch_size
        self.control = control
        self.held: list[list[Any]] = [[] for _ in trial.models]

    def take(self, epoch: int) -> tuple[TrainingResult, float]:
        """Trains all for one epoch, from 0; returns how the last ended, and the seconds of all."""
        total_s = 0.0
        self.trial.latest = []
        result = TrainingResult(stopped=False)

        def on_epoch(epoch: int, logs: Mapping[str, float], duration_s: float) -> None:
            nonlocal total_s
            total_s += duration_s
            self.trial.latest.append(logs)

        for repeat, model in enumerate(self.trial.models):
            unfinished = _Unfinished(model)
            result = train(
                model,
                self.data,
                epochs=epoch + 1,
                batch_size=self.batch_size,
                seed=self.trial.seed_of(repeat),
                on_epoch=on_epoch,
                control=self.control,
                initial_epoch=epoch,
                keeper=unfinished,
                held=self.held[repeat],
            )
            if result.stopped:
                break
            unfinished.undo(self.data)
        return result, total_s


class _Unfinished:
    """Undoes what the end of a turn does to averaged weights (`use_ema`): the training goes on."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.state: Arrays | None = None

    def is_due(self, epoch: int) -> bool:
        return bool(getattr(self.model.optimizer, "use_ema", False))

    def keep(self, epoch: int) -> None:
        self.state = capture(self.model)

    def undo(self, data: Data) -> None:
        if self.state is not None:
            restore(self.model, self.state, data.x_train)
