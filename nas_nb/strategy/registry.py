"""`STRATEGIES` by name, `make_strategy`, types of options."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nas_nb.errors import StrategyError, nearest
from nas_nb.strategy.auto import Auto
from nas_nb.strategy.base import Strategy
from nas_nb.strategy.bayesian import BayesianOptimization
from nas_nb.strategy.evolution import Evolution
from nas_nb.strategy.function import FunctionStrategy, Propose
from nas_nb.strategy.local_search import Greedy, LocalSearch
from nas_nb.strategy.multi_fidelity.asha import Asha, Funnel
from nas_nb.strategy.multi_fidelity.bohb import Bohb
from nas_nb.strategy.multi_fidelity.hyperband import Hyperband, SuccessiveHalving
from nas_nb.strategy.multi_objective import Nsga2, Pareto
from nas_nb.strategy.optuna_samplers import Cma, Tpe
from nas_nb.strategy.predictor import Predictor
from nas_nb.strategy.random_grid import Grid, RandomSearch
from nas_nb.strategy.reinforce import Reinforce
from nas_nb.strategy.weight_sharing import Gradient, OneShot

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
        BayesianOptimization,
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


_KINDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "int": ("a whole number", (int,)),
    "float": ("a number", (int, float)),
    "bool": ("True or False", (bool,)),
    "str": ("text", (str,)),
}
_CHECKED_BY_CLASS = ("int", "str")
"""Our own classes refuse these by themselves: they know the range, or the words."""


def check_types(strategy: type[Strategy], options: Mapping[str, Any]) -> None:
    """Raises a `StrategyError` for an option whose value is not of the type of its field.

    Fields of other types than int, float, bool and str, or None beside them, take anything.

    Args:
        strategy: The class; its fields say the types.
        options: Values by name, all of them fields of the class.
    """
    types = {field.name: _written(field.type) for field in dataclasses.fields(strategy)}
    own = strategy.__module__.startswith("nas_nb.")
    for option, value in options.items():
        kind, _, optional = types[option].partition(" | ")
        if kind not in _KINDS or optional not in ("", "None"):
            continue
        if (own and kind in _CHECKED_BY_CLASS) or (value is None and optional):
            continue
        wanted, legal = _KINDS[kind]
        # True is an int to Python, and a mistake here.
        if not isinstance(value, legal) or (isinstance(value, bool) and kind != "bool"):
            raise StrategyError(
                f"Strategy '{strategy.name}' expected `{option}` to be {wanted}"
                f"{' or None' if optional else ''}. Received: {option}={value!r}."
            )


def _written(kind: Any) -> str:
    return kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
