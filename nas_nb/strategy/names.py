"""The strategies by name, and the one function that makes one from what a user wrote."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from nas_nb.errors import StrategyError, nearest
from nas_nb.strategy.asha import Asha
from nas_nb.strategy.auto import Auto
from nas_nb.strategy.bayesian import Bayesian
from nas_nb.strategy.bohb import Bohb
from nas_nb.strategy.cma import Cma
from nas_nb.strategy.evolution import Evolution
from nas_nb.strategy.function import FunctionStrategy, Propose
from nas_nb.strategy.funnel import Funnel
from nas_nb.strategy.gradient import Gradient
from nas_nb.strategy.greedy import Greedy
from nas_nb.strategy.grid import Grid
from nas_nb.strategy.hyperband import Hyperband
from nas_nb.strategy.local_search import LocalSearch
from nas_nb.strategy.nsga2 import Nsga2
from nas_nb.strategy.one_shot import OneShot
from nas_nb.strategy.option_types import check_types
from nas_nb.strategy.pareto import Pareto
from nas_nb.strategy.predictor import Predictor
from nas_nb.strategy.random_search import RandomSearch
from nas_nb.strategy.reinforce import Reinforce
from nas_nb.strategy.strategy import Strategy
from nas_nb.strategy.successive_halving import SuccessiveHalving
from nas_nb.strategy.tpe import Tpe

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
        Pareto,
        Reinforce,
        Predictor,
        SuccessiveHalving,
        Hyperband,
        Asha,
        Bohb,
        Funnel,
        OneShot,
        Gradient,
        Bayesian,
        Tpe,
        Nsga2,
        Cma,
    )
}
"""The strategies that `strategy="name"` reaches."""


def make_strategy(strategy: StrategyLike, domain: Domain | None = None, **options: Any) -> Strategy:
    """Returns the strategy that is meant, with its options, bound to a space.

    Args:
        strategy: A name of `STRATEGIES`, a `Strategy`, a subclass of it, or a plain function
            `propose(history, rng)` that returns values or an architecture.
        domain: The space to propose from; None leaves the strategy as it is bound.
        **options: Options of the strategy, e.g. `population=50`.

    Raises:
        StrategyError: No such strategy or option, or a value that the option doesn't take.

    Example:
        ```python
        make_strategy("evolution", space.domain, population=50, sample=25)
        ```
    """
    if isinstance(strategy, str):
        if strategy not in STRATEGIES:
            known = ", ".join(f"'{name}'" for name in STRATEGIES)
            raise StrategyError(
                f"There is no strategy '{strategy}'.{nearest(strategy, STRATEGIES)} Expected one "
                f"of {known}, or a function propose(history, rng)."
            )
        strategy = STRATEGIES[strategy]
    made = _with_options(strategy, options)
    return made if domain is None else made.over(domain)


def _with_options(
    strategy: Strategy | type[Strategy] | Propose, options: dict[str, Any]
) -> Strategy:
    """Makes the instance, with the options checked by name here and by value in the class."""
    if isinstance(strategy, type) and issubclass(strategy, Strategy):
        _check_names(strategy, options)
        check_types(strategy, options)
        return strategy(**options)
    if isinstance(strategy, Strategy):
        _check_names(type(strategy), options)
        check_types(type(strategy), options)
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
