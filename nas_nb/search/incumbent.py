"""The incumbent: the best completed trial so far, and what can be had of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nas_nb.errors import printable
from nas_nb.evaluate.seeds import seeded
from nas_nb.export.raw_input import with_raw_input
from nas_nb.workers.checkpoints import load_checkpoint

if TYPE_CHECKING:
    import keras

    from nas_nb.data.dataset import Data
    from nas_nb.record.trial import Trial, Values
    from nas_nb.space.search_space import Architecture, SearchSpace


@dataclass(frozen=True, repr=False)
class Incumbent:
    """The best completed trial of a search.

    Attributes:
        trial: Its record.
        space: The search space, bound to `data`.
        data: What it was trained on.
        objective: The name of what is compared.
        checkpoints: The folder with the weights.
    """

    trial: Trial
    space: SearchSpace
    data: Data
    objective: str
    checkpoints: Path

    @property
    def values(self) -> Values:
        """The hyperparameter values that make the architecture."""
        return self.trial.values

    @property
    def score(self) -> float:
        """The objective's best value over the trial's epochs."""
        return self.trial.score if self.trial.score is not None else float("nan")

    @property
    def curve(self) -> tuple[Mapping[str, float], ...]:
        """The learning curve: what was measured after each epoch."""
        return tuple(self.trial.curve)

    @property
    def architecture(self) -> Architecture:
        """The point of the search space."""
        return self.space.architecture(self.trial.values)

    def model(self, *, raw: bool = False) -> keras.Model:
        """Returns the trained model, with the weights of its best epoch.

        Args:
            raw: Whether it takes samples as the user had them: texts, a table's own columns by
                name, or the numbers of a table before they were standardised (then it predicts
                quantities in their own units, too); see `nas_nb.with_raw_input`. Default:
                the numbers it was trained on.

        Raises:
            SearchError: Its checkpoint is gone.
        """
        model = self._untrained()
        load_checkpoint(self.checkpoints, model, self.trial)
        return with_raw_input(model, self.data) if raw else model

    def code(self, *, raw: bool = False) -> str:
        """Returns plain Keras source that builds the architecture, and compiles it unless `raw`.

        Args:
            raw: As for `model`.
        """
        from nas_nb.export.keras_source import keras_source

        model = self._untrained()
        return keras_source(with_raw_input(model, self.data) if raw else model)

    def evaluate(self) -> dict[str, float]:
        """Returns loss and metrics on the test part, which no search decision has seen."""
        measured = self.model().evaluate(
            self.data.x_test, self.data.y_test, verbose=0, return_dict=True
        )
        return {name: float(value) for name, value in measured.items()}

    def _untrained(self) -> keras.Model:
        with seeded(self.trial.seed or 0):
            return self.space.build_values(self.trial.values)

    def __repr__(self) -> str:
        lines = [f"Incumbent: trial {self.trial.number}, {self.objective} {self.score:.4f}"]
        lines += [f"  {name} = {value}" for name, value in self.trial.values.items()]
        lines += [
            f"  {name}: {cost:,.6g}" if cost < 1 else f"  {name}: {cost:,.0f}"
            for name, cost in self.trial.costs.items()
        ]
        return printable("\n".join(lines))
