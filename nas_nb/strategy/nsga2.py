"""NSGA-II (Deb et al. 2002): Optuna's sampler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from nas_nb.strategy.cost import check_cost, refuse_unmeasured, untold
from nas_nb.strategy.optuna_strategy import OptunaStrategy
from nas_nb.strategy.optuna_study import Translation, told_trials
from nas_nb.strategy.strategy import whole_number

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.space.search_space import SearchSpace


@dataclass(frozen=True)
class Nsga2(OptunaStrategy):
    """Breeds generations that trade the score against a cost.

    Use it to compare with `pareto`, which is the same idea and needs no further package. Don't
    use it when only the score counts.

    Paper: Deb, Pratap, Agarwal & Meyarivan, NSGA-II, IEEE Transactions on Evolutionary
    Computation 6(2), 2002, Section III. Code: `optuna.samplers.NSGAIISampler`.

    Args:
        window: How many trials the study is told, 20 or more.
        population_size: Trials of a generation, 2 or more. The paper takes 100 and Optuna 50,
            which would be most of a notebook's search.
        cost: The name of the cost, as the trials record it; where no trial has it, only the score
            counts.
    """

    name: ClassVar[str] = "nsga2"

    population_size: int = 20
    cost: str = "params"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_cost(self.name, self.cost)
        whole_number(self.name, "population_size", self.population_size, 2)

    def check_space(self, space: SearchSpace) -> None:
        """Raises a `StrategyError` for a cost that a search doesn't measure."""
        refuse_unmeasured(self.name, self.cost)

    def reason(self, history: History) -> str | None:
        """Returns that only the score counts, once the trials show that none tells the cost."""
        return untold(self.cost, history)

    def told(self, translation: Translation, history: History) -> list[Any]:
        """Returns what the history holds as Optuna's trials, in generations."""
        told = told_trials(translation, history, self.window, self.cost)
        told = told or told_trials(translation, history, self.window)
        for number, trial in enumerate(told):
            generation = number // self.population_size
            trial.system_attrs["NSGAIISampler:generation"] = generation
        return told

    def sampler(self, seed: int, told: Sequence[Any]) -> Any:
        """Returns Optuna's `NSGAIISampler`."""
        import optuna

        return optuna.samplers.NSGAIISampler(seed=seed, population_size=self.population_size)
