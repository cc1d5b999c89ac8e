"""`STRATEGIES` by name, `make_strategy`, types of options."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nas_nb.errors import StrategyError, nearest, shown
from nas_nb.strategy.auto import Auto
from nas_nb.strategy.base import Strategy, check_options
from nas_nb.strategy.bayesian import BayesianOptimization
from nas_nb.strategy.bohb import Bohb
from nas_nb.strategy.evolution import Evolution
from nas_nb.strategy.function import FunctionStrategy, Propose
from nas_nb.strategy.local_search import Greedy, LocalSearch
from nas_nb.strategy.multi_objective import Nsga2
from nas_nb.strategy.optuna_samplers import CmaEs, Tpe
from nas_nb.strategy.predictor import Predictor
from nas_nb.strategy.random_grid import Grid, RandomSearch
from nas_nb.strategy.reinforce import Reinforce
from nas_nb.strategy.successive_halving import Asha, Hyperband, SuccessiveHalving
from nas_nb.strategy.weight_sharing import Darts, OneShot

if TYPE_CHECKING:
    from nas_nb.space.domain import Domain

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
    """Returns the strategy that is meant, with its options, bound to a space.

    Example:
        ```python
        make_strategy("evolution", space.domain, population=50, sample=25)
        ```
    """
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
