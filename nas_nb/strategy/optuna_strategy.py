"""A sampler of Optuna's as a strategy: told what happened, and asked, at each proposal."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from nas_nb.errors import SpaceError
from nas_nb.strategy.mutants import new_mutant
from nas_nb.strategy.optuna_study import (
    Translation,
    require,
    told_study,
    told_trials,
)
from nas_nb.strategy.strategy import Strategy, sample_new, whole_number

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.record.values import Value

_REPEATS = 16


@dataclass(frozen=True)
class OptunaStrategy(Strategy):
    """Tells a new study in memory what happened, and asks its sampler.

    What the sampler proposes a second time it is asked again for, up to 16 times; then a new
    mutant of its last proposal takes the place. Needs `pip install "nas_nb[optuna]"`.

    Args:
        window: How many trials the study is told, 20 or more: the latest half of it, and the
            best of those before. Telling them takes most of a proposal's time, 0.1 ms each.
    """

    packages: ClassVar[tuple[str, ...]] = ("optuna",)

    window: int = 120

    def __post_init__(self) -> None:
        whole_number(self.name, "window", self.window, 20)
        require(self.name, *self.packages)

    @abstractmethod
    def sampler(self, seed: int, told: Sequence[Any]) -> Any:
        """Returns the sampler.

        Args:
            seed: For its generator.
            told: The trials that the study is told.
        """

    def suffices(self, told: Sequence[Any]) -> bool:
        """Says whether the trials that the study is told let the sampler do more than draw."""
        return bool(told)

    def told(self, translation: Translation, history: History) -> list[Any]:
        """Returns what the history holds as Optuna's trials."""
        return told_trials(translation, history, self.window)

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns the sampler's next suggestion that is new."""
        if not history.completed:
            return sample_new(self.domain, history, rng)
        translation = Translation(self.domain)
        told = self.told(translation, history)
        if not self.suffices(told):
            return sample_new(self.domain, history, rng)
        with warnings.catch_warnings():  # that an option is experimental is our risk
            warnings.simplefilter("ignore")
            sampler = self.sampler(int(rng.integers(2**31)), told)
        study = told_study(sampler, history.direction, told)
        values = None
        for _ in range(_REPEATS):
            try:
                values = self.domain.canonical(translation.ask(study))
            except SpaceError:  # a space may refuse combinations that its parameters allow
                continue
            if not history.has_tried(values):
                return values
        if values is None:
            return sample_new(self.domain, history, rng)
        return new_mutant(self.domain, values, history, rng)
