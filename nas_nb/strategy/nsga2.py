"""NSGA-II (Deb et al. 2002): Optuna's sampler."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from nas_nb.errors import StrategyError
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

    Parents are chosen among the better half by the score alone (`elite`): a front of a few dozen
    trials is mostly cheap and bad architectures, and with their children the search was behind
    random search by the score.

    Paper: Deb, Pratap, Agarwal & Meyarivan, NSGA-II, IEEE Transactions on Evolutionary
    Computation 6(2), 2002, Section III. Code: `optuna.samplers.NSGAIISampler`.

    Args:
        window: How many trials the study is told, 20 or more.
        population_size: Trials of a generation, 2 or more. The paper takes 100 and Optuna 50,
            which would be most of a notebook's search.
        cost: The name of the cost, as the trials record it; where no trial has it, only the score
            counts.
        elite: Fraction of the trials, the best by the score, that may be parents, above 0 to 1.
            In the paper it is 1.
    """

    name: ClassVar[str] = "nsga2"

    population_size: int = 20
    cost: str = "params"
    elite: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_cost(self.name, self.cost)
        whole_number(self.name, "population_size", self.population_size, 2)
        if not 0 < self.elite <= 1:
            raise StrategyError(
                f"Strategy 'nsga2' expected `elite` to be above 0, and 1 at most. Received: "
                f"elite={self.elite!r}."
            )

    def check_space(self, space: SearchSpace) -> None:
        """Raises a `StrategyError` for a cost that a search doesn't measure."""
        refuse_unmeasured(self.name, self.cost)

    def reason(self, history: History) -> str | None:
        """Returns that only the score counts, once the trials show that none tells the cost."""
        return untold(self.cost, history)

    def told(self, translation: Translation, history: History) -> list[Any]:
        """Returns the elite of the history as Optuna's trials, in generations."""
        told = told_trials(translation, history, self.window, self.cost)
        told = told or told_trials(translation, history, self.window)
        sign = 1.0 if history.direction == "max" else -1.0
        ranked = sorted(range(len(told)), key=lambda number: -sign * told[number].values[0])
        elite = sorted(ranked[: math.ceil(self.elite * len(told))])
        for place, number in enumerate(elite):
            generation = place // self.population_size
            told[number].system_attrs["NSGAIISampler:generation"] = generation
        return [told[number] for number in elite]

    def suffices(self, told: Sequence[Any]) -> bool:
        """Says whether the first generation is whole."""
        return len(told) >= self.population_size

    def sampler(self, seed: int, told: Sequence[Any]) -> Any:
        """Returns Optuna's `NSGAIISampler`."""
        import optuna

        return optuna.samplers.NSGAIISampler(seed=seed, population_size=self.population_size)
