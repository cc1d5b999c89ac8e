"""`STRATEGIES` by name, `make_strategy`, types of options; `auto`, which chooses among them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from nas_nb.errors import StrategyError, nearest, shown
from nas_nb.record.events import EventKind
from nas_nb.record.history import History
from nas_nb.space.encoding import size_of
from nas_nb.strategy.base import Strategy, check_options
from nas_nb.strategy.bayesian import BayesianOptimization
from nas_nb.strategy.bohb import Bohb
from nas_nb.strategy.evolution import Evolution, Nsga2
from nas_nb.strategy.function import FunctionStrategy, Propose
from nas_nb.strategy.local_search import Greedy, LocalSearch
from nas_nb.strategy.optuna_samplers import CmaEs, Tpe
from nas_nb.strategy.predictor import Predictor
from nas_nb.strategy.random_grid import Grid, RandomSearch
from nas_nb.strategy.reinforce import Reinforce
from nas_nb.strategy.successive_halving import Asha, Hyperband, SuccessiveHalving
from nas_nb.strategy.weight_sharing import Darts, OneShot

if TYPE_CHECKING:
    from nas_nb.data.dataset import Data
    from nas_nb.evaluate.training_state import TrainingControl
    from nas_nb.record.journal import Journal
    from nas_nb.record.trial import Value
    from nas_nb.space.domain import Domain
    from nas_nb.space.search_space import SearchSpace
    from nas_nb.strategy.base import Proposal

TINY = 12
"""Architectures up to which all are simply tried."""

WORTH_RUNGS = 4
"""Epochs of a full training from which on a first one by itself tells enough, soon enough."""


class AutoDecision(NamedTuple):
    """What `auto` stands for in a search, and why, in a sentence."""

    strategy: Strategy
    reason: str


@dataclass(frozen=True)
class Auto(Strategy):
    """Picks for you: an exhaustive grid, or a surrogate, with or without early stopping.

    Use it where you want good architectures and don't mind how they are found. Don't use it to
    compare with a paper, or for a class: name the strategy. `strategy_reason` says what it chose
    and why. It chooses

    - `grid` for a space of at most 12 architectures: no search is better than all of them;
    - `predictor` with rungs when time or epochs are limited but not the number of trials, and a
      full training has four epochs or more: half of the budget goes to full trainings, half to
      architectures that get one epoch, of which one of four is promoted;
    - `predictor` with full trainings everywhere else: with a number of trials to spend, each should
      count; rungs go by the score alone, where a search has several objectives, and have no use
      for a prior; and a tuner that knows no rungs always trains in full.

    Both predictors begin with an architecture of a size that is likely to be good.
    """

    name: ClassVar[str] = "auto"

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value] | Proposal:
        """Returns what the chosen strategy proposes."""
        return self.choose(history).strategy.propose(history, rng)

    def reason(self, history: History) -> str:
        """Returns what it chooses for a search, and why."""
        choice = self.choose(history)
        rungs = " with rungs" if choice.strategy is self._with_rungs else ""
        design = choice.strategy.design_text(history)
        more = f" {design[:1].upper()}{design[1:]}" if design else ""
        return f"{choice.strategy.name}{rungs}, because {choice.reason}{more}"

    def objectives_text(self, history: History) -> str:
        """Returns what the chosen strategy makes of several objectives."""
        return self.choose(history).strategy.objectives_text(history)

    def uses_prior(self, history: History) -> bool:
        """Returns whether the chosen strategy does."""
        return self.choose(history).strategy.uses_prior(history)

    def choose(self, history: History) -> AutoDecision:
        """Returns the strategy for a search's space, budget and epochs of a full training."""
        size = self.domain.size
        if size <= TINY:
            noun = "architecture" if size == 1 else "architectures"
            return AutoDecision(self._grid, f"the space has only {size} {noun}.")
        learns = "it needs the fewest trials, and " + self._knowledge
        budget = (history.opened[-1].get("budget") if history.opened else None) or {}
        by_time = "max_time_s" in budget or "max_epochs" in budget
        if "max_trials" in budget or not by_time:
            return AutoDecision(self._predictor, f"{learns}; each trial is a full training.")
        if history.minimised:
            return AutoDecision(self._predictor, f"{learns}; rungs go by the score alone.")
        if history.prior:
            return AutoDecision(self._predictor, f"{learns}; rungs have no use for a prior.")
        if (history.full_epochs or 0) < WORTH_RUNGS:
            return AutoDecision(self._predictor, f"{learns}; trainings are too short to cut.")
        return AutoDecision(
            self._with_rungs,
            f"{learns}; half of the budget goes to full trainings, half to one epoch of many "
            f"architectures, of which one of {self._with_rungs.factor} goes on.",
        )

    @cached_property
    def _grid(self) -> Grid:
        return Grid(domain=self.domain)

    @cached_property
    def _predictor(self) -> Predictor:
        return Predictor(domain=self.domain)

    @cached_property
    def _with_rungs(self) -> Predictor:
        return Predictor(min_epochs=1, domain=self.domain)

    @cached_property
    def _knowledge(self) -> str:
        """What the model learns from."""
        size = size_of(self.domain, self.domain.sample(np.random.default_rng(0)))
        more = "" if size is None else " and from their sizes"
        return f"learns from the choices{more}"

    def prepare(
        self, space: SearchSpace, data: Data, journal: Journal, control: TrainingControl, seed: int
    ) -> None:
        """Writes down what it chose, unless that is the last that it wrote."""
        history = journal.history
        detail = {"chosen": self.choose(history).strategy.name, "reason": self.reason(history)}
        mine = [event for event in history.prepared if event["strategy"] == self.name]
        if not mine or mine[-1].get("detail") != detail:
            journal.append(EventKind.PREPARED, strategy=self.name, what="choice", detail=detail)

    def __repr__(self) -> str:
        return f"Auto({self.reason(History())})" if self.domain is not None else "Auto()"


StrategyLike = str | Strategy | type[Strategy] | Propose

STRATEGIES: dict[str, type[Strategy]] = {
    strategy.name: strategy
    for strategy in (
        Auto,
        RandomSearch,
        Grid,
        Greedy,
        LocalSearch,
        Evolution,
        Nsga2,
        Reinforce,
        Predictor,
        SuccessiveHalving,
        Hyperband,
        Asha,
        Bohb,
        OneShot,
        Darts,
        BayesianOptimization,
        Tpe,
        CmaEs,
    )
}
"""The strategies that `strategy="name"` reaches."""

_WITHDRAWN = {"funnel": "'predictor' with min_epochs=1, which is nowhere behind it"}


def why_unknown(name: str) -> str:
    """Returns why a strategy that a journal names is not in `STRATEGIES`, as "is a function"."""
    return f"was withdrawn (take {_WITHDRAWN[name]})" if name in _WITHDRAWN else "is a function"


def make_strategy(strategy: StrategyLike, domain: Domain | None = None, **options: Any) -> Strategy:
    """Returns the strategy that is meant, with its options, bound to a space."""
    if isinstance(strategy, str):
        if strategy in _WITHDRAWN:
            raise StrategyError(f"The strategy '{strategy}' {why_unknown(strategy)}.")
        if strategy not in STRATEGIES:
            known = ", ".join(f"'{name}'" for name in STRATEGIES)
            raise StrategyError(
                f"There is no strategy '{strategy}'.{nearest(strategy, STRATEGIES)} Expected one "
                f"of {known}, or a function propose(history, rng)."
            )
        strategy = STRATEGIES[strategy]
    made = _with_options(strategy, options)
    return made if domain is None else made.over(domain)


def named_options(given: object) -> dict[str, Any]:
    """Returns a strategy's options by name, as `strategy_options` has them; None has none."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise StrategyError(
            "Expected `strategy_options` by name, as in {'population': 50}. Received: "
            f"strategy_options={shown(given)}."
        )
    return dict(given)


def _with_options(
    strategy: Strategy | type[Strategy] | Propose, options: dict[str, Any]
) -> Strategy:
    """Makes the instance, with the options checked by name here and by value in the class."""
    if isinstance(strategy, type) and issubclass(strategy, Strategy):
        _check_names(strategy, options)
        check_options(strategy, strategy.name, options)
        return strategy(**options)
    if isinstance(strategy, Strategy):
        _check_names(type(strategy), options)
        check_options(type(strategy), strategy.name, options)
        return dataclasses.replace(strategy, **options)
    made = FunctionStrategy(strategy)
    if options:
        raise StrategyError(
            f"A function as strategy takes no options. Received: {', '.join(options)}. Set them "
            "inside the function, or bind them with functools.partial."
        )
    return made


def _check_names(strategy: type[Strategy], options: dict[str, Any]) -> None:
    """Raises a `StrategyError` for an option that the strategy doesn't have."""
    known = strategy.option_names()
    for option in options:
        if option not in known:
            offered = f"Its options are {', '.join(known)}." if known else "It has no options."
            raise StrategyError(
                f"Strategy '{strategy.name}' has no option '{option}'.{nearest(option, known)} "
                f"{offered}"
            )
