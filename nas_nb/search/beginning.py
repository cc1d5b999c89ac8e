"""The beginning of a trial's training: from new weights, a kept state, or a parent's weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas_nb.errors import SearchError
from nas_nb.evaluate.candidate import Candidate, repeat_seed
from nas_nb.evaluate.inheritance import inherit
from nas_nb.evaluate.seeds import seeded
from nas_nb.evaluate.state import TrainingState, build, restore
from nas_nb.search.checkpoints import load_checkpoint

if TYPE_CHECKING:
    import keras

    from nas_nb.data import Data
    from nas_nb.record.history import History, Trial
    from nas_nb.search.checkpoints import Checkpoints
    from nas_nb.search.settings import Settings
    from nas_nb.search.states import States
    from nas_nb.space.search_space import SearchSpace


@dataclass(frozen=True)
class Beginning:
    """Where the training of a trial begins.

    Attributes:
        candidate: The models, in the state to go on from.
        state: What that state was read from; None if it begins with the first epoch.
        note: How it began, where that is worth a word.
    """

    candidate: Candidate
    state: TrainingState | None = None
    note: str | None = None


@dataclass(frozen=True)
class Beginnings:
    """Prepares the candidates of a search's trials.

    Attributes:
        settings: What defines the search.
        history: What happened so far.
        states: The kept states.
        checkpoints: The kept weights.
    """

    settings: Settings
    history: History
    states: States
    checkpoints: Checkpoints

    def of(self, trial: Trial, space: SearchSpace, data: Data, seed: int) -> Beginning:
        """Builds a trial's candidate, and puts it where an earlier attempt or its parent left off.

        Args:
            trial: The trial, just started; its curve has the epochs that need not be trained again.
            space: What its models are built by.
            data: What they are trained on.
            seed: Of its weights and orders.

        Returns:
            The beginning. If the trial has epochs to go on from and the beginning has no state,
            the state could not be read.
        """
        repeats = self.settings.fidelity.granted(trial.fidelity).repeats
        models = []
        for repeat in range(repeats):
            with seeded(repeat_seed(seed, repeat)):
                models.append(space.build_values(trial.values))
        candidate = Candidate(models, seed, self.settings.objective.name)
        if trial.epochs:
            return self._continued(trial, candidate, data)
        if trial.parent is None:
            return Beginning(candidate)
        if self.states.continued(trial) is not None:
            # It comes out the same, since the seed is that of its parent.
            return Beginning(candidate, note=f"trains again what trial {trial.parent} had trained")
        return Beginning(candidate, note=self._inherited(models, data, trial.parent))

    def _continued(self, trial: Trial, candidate: Candidate, data: Data) -> Beginning:
        note = f"continued from epoch {trial.epochs}"
        state = self.states.read(trial.number)
        if (state is None or state.epoch != trial.epochs) and trial.parent is not None:
            note += f" of trial {trial.parent}"
            state = self.states.read(trial.parent)
        try:
            if state is None or state.epoch != trial.epochs:
                raise ValueError("No state of that epoch.")
            candidate.restore(state.models, data)
        except ValueError:
            return Beginning(candidate)
        return Beginning(candidate, state, note)

    def _inherited(self, models: list[keras.Model], data: Data, number: int) -> str:
        """Gives models the weights of a trial; returns what came of it."""
        parent = self._trained(self.history[number])
        if parent is None:
            return f"nothing inherited from trial {number}: its weights were not kept"
        for model in models:
            build(model, data.x_train)
            report = inherit(model, parent)
        return f"inherited from trial {number}: {report}"

    def _trained(self, trial: Trial) -> keras.Model | None:
        """Returns the model of a trial as its training left it, or at its best epoch, or None."""
        granted = self.settings.fidelity.granted(trial.fidelity)
        space, data = self.settings.material.of(granted)
        with seeded(trial.seed or 0):
            model = space.build_values(trial.values)
        state = self.states.read(trial.number)
        try:
            if state is None:
                load_checkpoint(self.checkpoints.folder, model, trial)
            else:
                restore(model, state.models[0], data.x_train)
        except (SearchError, ValueError, OSError):
            return None
        return model
