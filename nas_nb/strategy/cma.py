"""CMA-ES (Hansen 2016), warm-started from the trials: Optuna's sampler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from nas_nb.strategy.optuna_strategy import OptunaStrategy
from nas_nb.strategy.optuna_study import Translation, is_number
from nas_nb.strategy.strategy import whole_number

if TYPE_CHECKING:
    from nas_nb.record.history import History

_PLANE = 2


@dataclass(frozen=True)
class Cma(OptunaStrategy):
    """Draws from a normal distribution that fits the best tenth of the trials.

    Use it for spaces of numbers, two or more that are always active. Don't use it for unordered
    choices, which it draws at random.

    Each proposal is a warm start: mean and covariance come from the trials, not from the path of
    the search, because a strategy has no state.

    Papers: Hansen, The CMA Evolution Strategy: A Tutorial, 2016; Nomura et al., Warm Starting
    CMA-ES for Hyperparameter Optimization, AAAI 2021. Code: `optuna.samplers.CmaEsSampler`.

    Args:
        window: How many trials the study is told, 20 or more.
        n_startup_trials: Random trials before the first fit, 10 or more, so that the best tenth is
            one at least. Optuna takes 1.
    """

    name: ClassVar[str] = "cma"
    packages: ClassVar[tuple[str, ...]] = ("optuna", "cmaes")

    n_startup_trials: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        whole_number(self.name, "n_startup_trials", self.n_startup_trials, 10)

    def told(self, translation: Translation, history: History) -> list[Any]:
        """Returns what the history holds as Optuna's trials: the numbers that all have."""
        told = super().told(translation, history)
        common = [
            key
            for key, distribution in translation.distributions.items()
            if is_number(distribution) and all(key in trial.params for trial in told)
        ]
        for trial in told:
            trial.distributions = {key: trial.distributions[key] for key in common}
            trial.params = {key: trial.params[key] for key in common}
        return told

    def suffices(self, told: Sequence[Any]) -> bool:
        """Says whether there are trials enough, and numbers enough, for a covariance."""
        return len(told) >= self.n_startup_trials and len(told[0].params) >= _PLANE

    def sampler(self, seed: int, told: Sequence[Any]) -> Any:
        """Returns Optuna's `CmaEsSampler`."""
        import optuna

        return optuna.samplers.CmaEsSampler(
            seed=seed,
            n_startup_trials=self.n_startup_trials,
            source_trials=list(told),
            warn_independent_sampling=False,
        )
