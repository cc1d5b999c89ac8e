"""A trial of a search, and what can be had of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.errors import SearchError, printable
from nas_nb.evaluate.fidelity import Fidelity, scaled_images
from nas_nb.evaluate.seeds import seeded
from nas_nb.export.prediction import class_names, in_own_units, model_input
from nas_nb.export.raw_input import with_raw_input
from nas_nb.record.trial import TrialStatus, changed_values
from nas_nb.record.trial_facts import origin_text
from nas_nb.workers.checkpoints import load_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    import keras
    from matplotlib.axes import Axes

    from nas_nb.data.dataset import Data
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Value, Values
    from nas_nb.search.settings import Settings
    from nas_nb.space.search_space import Architecture, SearchSpace


class SearchTrial:
    """A trial of a search: `search.best`, `search.trial(12)`, `search.top(5)`.

    It is a snapshot: a search that goes on does not change it.

    Attributes:
        record: What the journal has of it.
    """

    def __init__(self, record: Trial, history: History, settings: Settings, weights: Path) -> None:
        self.record = record
        self._history = history
        self._settings = settings
        self._weights = weights

    @property
    def number(self) -> int:
        """Its number, from 0, in the order of proposal."""
        return self.record.number

    @property
    def values(self) -> Values:
        """The hyperparameter values that make the architecture."""
        return self.record.values

    @property
    def score(self) -> float:
        """The objective's best value over the trial's epochs; NaN where it has none."""
        return self.record.score if self.record.score is not None else float("nan")

    @property
    def objective(self) -> str:
        """The name of what is compared, as in the logs."""
        return str(self._settings.objective.name)

    @property
    def status(self) -> TrialStatus:
        """Where it stands: "proposed", "running", "completed", "failed" or "stopped"."""
        return self.record.status

    @property
    def reason(self) -> str | None:
        """Why it failed or stopped, as a sentence; None if it did neither."""
        return self.record.reason

    @property
    def curve(self) -> Sequence[Mapping[str, float]]:
        """The learning curve: what was measured after each epoch."""
        return self.record.curve

    @property
    def costs(self) -> Mapping[str, float]:
        """What the model costs, by name: {"params": 1234, "macs": 5678}."""
        return self.record.costs

    @property
    def origin(self) -> str:
        """Who proposed it and how, in words."""
        return origin_text(self.record, self._history)

    @property
    def parent(self) -> SearchTrial | None:
        """The trial that its values were changed from, or that it continues; None if neither."""
        sources = (*self.record.ancestors, self.record.parent)
        if sources[0] is None:
            return None
        source = self._history[sources[0]]
        return SearchTrial(source, self._history, self._settings, self._weights)

    @property
    def changes(self) -> dict[str, tuple[Value | None, Value | None]]:
        """The choices that differ from its parent's: (the parent's, its own) by name."""
        return changed_values(self.parent.values, self.values) if self.parent is not None else {}

    @property
    def space(self) -> SearchSpace:
        """The search space, bound to `data`."""
        return self._space_and_data[0]

    @property
    def data(self) -> Data:
        """What it was trained on; at a lower resolution the smaller images."""
        return self._space_and_data[1]

    @property
    def _granted(self) -> Fidelity:
        return self._settings.fidelity.granted(self.record.fidelity)

    @property
    def _space_and_data(self) -> tuple[SearchSpace, Data]:
        # At a lower resolution it was built for smaller images. The share was of the training.
        return self._settings.fidelity_cache.of(replace(self._granted, data_fraction=1.0))

    @property
    def architecture(self) -> Architecture:
        """The point of the search space."""
        return self.space.architecture(self.values)

    def diagram(self, ax: Axes | None = None) -> Axes:
        """Draws the architecture; see `Architecture.diagram`."""
        return self.architecture.diagram(ax)

    def model(self, *, raw: bool = False) -> keras.Model:
        """Returns the trained model, with the weights of its best epoch.

        Args:
            raw: Whether it takes samples as the user had them: texts, a table's own columns by
                name, or the numbers of a table before they were standardised (then it predicts
                quantities in their own units, too); see `nas_nb.with_raw_input`. Default:
                the numbers it was trained on.

        Raises:
            SearchError: It did not complete, or its weights were not kept.
        """
        self._check_completed()
        model = self.untrained_model()
        load_checkpoint(self._weights, model, self.record)
        return with_raw_input(model, self.data) if raw else model

    def untrained_model(self) -> keras.Model:
        """Returns the compiled model as it was before training."""
        with seeded(self.record.seed or 0):
            return self.space.build_values(self.values)

    def code(self, *, raw: bool = False) -> str:
        """Returns plain Keras source that builds the architecture, and compiles it unless `raw`.

        Args:
            raw: As for `model`.
        """
        from nas_nb.export.keras_source import keras_source

        model = self.untrained_model()
        return keras_source(with_raw_input(model, self.data) if raw else model)

    def evaluate(self) -> dict[str, float]:
        """Returns loss and metrics on the test part, which no search decision has seen.

        Raises:
            SearchError: As for `model`.
        """
        x, y = self.data.part("test")
        measured = self._trained.evaluate(x, y, verbose=0, return_dict=True)
        return {name: float(value) for name, value in measured.items()}

    def predict(self, x: Any, *, classes: bool = True) -> Any:
        """Predicts samples.

        Args:
            x: (samples, ...) arrays as `data.x_test`; or, as the user had them, texts, or a data
                frame with the columns of the data.
            classes: Whether to return names of classes; else the model's own numbers.

        Returns:
            (samples,) names of classes, a list of tuples of names where a sample has several
            labels, or (samples, ...) quantities; those are in the data's own units for a data
            frame, and as in `data.y_test` for an array.

        Raises:
            DataError: `x` is not like the samples of the data.
            SearchError: As for `model`.
        """
        model, whole = self._trained, self._settings.data
        numbers = model_input(x, whole)
        resolution = self._granted.resolution
        if resolution < 1:
            numbers = scaled_images(numbers, resolution)
        outputs = np.asarray(model.predict(numbers, verbose=0))
        if whole.task.has_quantities:
            return in_own_units(outputs, x, whole)
        return class_names(outputs, whole, model) if classes else outputs

    @cached_property
    def _trained(self) -> keras.Model:
        return self.model()

    def _check_completed(self) -> None:
        if self.status is TrialStatus.COMPLETED:
            return
        why = f": {self.reason}" if self.reason else "."
        raise SearchError(
            f"Expected a trial that completed. Received: trial {self.number}, which is "
            f"{self.status}{why} It has no trained model; `search.best` has one."
        )

    def __repr__(self) -> str:
        scored = self.record.score is not None
        told = f"{self.objective} {self.score:.4f}" if scored else str(self.status)
        lines = [f"Trial {self.number}: {told}"]
        lines += [f"  {name} = {value}" for name, value in self.values.items()]
        lines += [
            f"  {name}: {cost:,.6g}" if cost < 1 else f"  {name}: {cost:,.0f}"
            for name, cost in self.costs.items()
        ]
        lines += [f"  {self.reason}"] if self.reason else []
        return printable("\n".join(lines))
