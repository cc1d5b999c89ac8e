"""Tree-structured Parzen estimator (Bergstra et al. 2011): Optuna's sampler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from nas_nb.strategy.optuna_strategy import OptunaStrategy
from nas_nb.strategy.strategy import whole_number


@dataclass(frozen=True)
class Tpe(OptunaStrategy):
    """Draws from a density of the good trials, relative to that of the bad ones.

    Use it for mixed and conditional spaces with a budget of tens to hundreds of trials. Don't use
    it when a trial takes milliseconds.

    Paper: Bergstra, Bardenet, Bengio & Kegl, Algorithms for Hyper-Parameter Optimization, NeurIPS
    2011, Section 4. Code: `optuna.samplers.TPESampler`.

    Args:
        window: How many trials the study is told, 20 or more.
        n_startup_trials: Random trials before the first model, 1 or more.
        multivariate: Whether the density is one over all parameters, or one for each.
    """

    name: ClassVar[str] = "tpe"

    n_startup_trials: int = 10
    multivariate: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        whole_number(self.name, "n_startup_trials", self.n_startup_trials, 1)

    def sampler(self, seed: int, told: Sequence[Any]) -> Any:
        """Returns Optuna's `TPESampler`."""
        import optuna

        return optuna.samplers.TPESampler(
            seed=seed,
            n_startup_trials=self.n_startup_trials,
            multivariate=self.multivariate,
            # Parameters that are active together make a group; otherwise they'd be drawn alone.
            group=self.multivariate and any(p.conditions for p in self.domain.parameters),
        )
