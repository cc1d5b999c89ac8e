"""What is known of a space in a search: the best trials, the belief, a model of the scores."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from nas_nb.strategy.belief import Belief
from nas_nb.strategy.leaders import Leaders
from nas_nb.strategy.rungs import best_of
from nas_nb.strategy.threads import one_thread

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial
    from nas_nb.record.values import Values
    from nas_nb.space.domain import Domain
    from nas_nb.strategy.surrogate.model import Learner, Vector

_BEST = 5


class Knowledge:
    """Tells of a history, or of one rung of it, what a strategy with a model goes by.

    What it worked out serves again; its memory changes no result.

    Args:
        domain: The space.
        window: The most trials that the model is shown.
        max_epochs: Those of a full training, which the belief depends on; by default what the
            history says.
    """

    def __init__(self, domain: Domain, window: int, max_epochs: int | None = None) -> None:
        self.domain = domain
        self.window = window
        self.max_epochs = max_epochs
        self._leaders = Leaders(domain, _BEST)
        self._beliefs: dict[int | None, Belief] = {}

    def best(self, history: History) -> list[Trial]:
        """Returns the best five trials of the space so far, the best first."""
        return self._leaders.of(history.completed, history.direction)

    def belief(self, history: History) -> Belief:
        """Returns what is believed for as many gradient steps as a full training has."""
        epochs, an_epoch = self.max_epochs or history.full_epochs, history.steps_per_epoch
        steps = epochs * an_epoch if epochs and an_epoch else None
        if steps not in self._beliefs:
            self._beliefs[steps] = Belief(self.domain, steps)
        return self._beliefs[steps]

    def predicted(self, history: History, points: Sequence[Values]) -> tuple[Vector, Vector, float]:
        """Returns mean and deviation of the scores of the points, and the best score seen.

        Args:
            history: With a completed trial of the space at least.
            points: Of the space.

        Returns:
            On one scale, larger being better.
        """
        sign = 1.0 if history.direction == "max" else -1.0
        with one_thread():
            model = self._learner.learn(history.finished, self.best(history), sign)
            return *model.predict(points), model.best

    def log_seconds(self, history: History, points: Sequence[Values]) -> Vector:
        """Returns the predicted logarithms of the seconds that an epoch of each point takes."""
        from nas_nb.strategy.surrogate.seconds import log_seconds

        return log_seconds(self._learner.coder, history.completed, points)

    def ranked(self, history: History, trials: Sequence[Trial]) -> Sequence[Trial]:
        """Returns trials by what the model makes of their scores, the best first.

        It knows their noise. While there are few trials, they are as their scores have them.

        Args:
            history: What the model learns from.
            trials: Completed ones; of many only the best count.
        """
        by_score = best_of(trials, self.window, history.direction)
        by_score = [trial for trial in by_score if self.domain.contains(trial.values)]
        if len(self.best(history)) < _BEST or not by_score:
            return by_score
        mean, *_ = self.predicted(history, [trial.values for trial in by_score])
        return [by_score[position] for position in np.argsort(-mean, kind="stable")]

    @cached_property
    def _learner(self) -> Learner:
        from nas_nb.strategy.surrogate.coder import Coder
        from nas_nb.strategy.surrogate.model import Learner

        return Learner(Coder(self.domain), self.window)
