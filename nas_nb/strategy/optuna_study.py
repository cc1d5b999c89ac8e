"""The history as Optuna sees it."""

from __future__ import annotations

import copy
import importlib.util
import logging
import math
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from nas_nb.errors import StrategyError
from nas_nb.strategy.policy import counts
from nas_nb.strategy.positions import inward, is_listed, outward
from nas_nb.strategy.window import informative

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.values import Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter


def require(strategy: str, *packages: str) -> None:
    """Raises a `StrategyError` that says what to install, unless all packages are there."""
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise StrategyError(
            f"Strategy '{strategy}' needs {' and '.join(missing)}, which isn't installed. Run "
            '`pip install "nas_nb[optuna]"`.'
        )


class Translation:
    """Parameters as Optuna's distributions, and points as its `params`, both ways.

    An unordered choice is a categorical of positions, an ordered one an integer position, a long
    or continuous range a float, 0 to 1 on the parameter's own scale. Parameters that share a
    name are told apart by their number.

    Args:
        domain: The space.
    """

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.distributions = {
            f"{number}:{parameter.name}": _distribution(parameter)
            for number, parameter in enumerate(domain.parameters)
        }

    def params(self, values: Values) -> dict[str, Any]:
        """Returns the params of a canonical point."""
        known: dict[str, Value] = {}
        params: dict[str, Any] = {}
        for key, parameter in zip(self.distributions, self.domain.parameters, strict=True):
            if counts(parameter, known):
                value = known[parameter.name] = values[parameter.name]
                params[key] = inward(parameter, value)
        return params

    def ask(self, study: Any) -> dict[str, Value]:
        """Returns the values that the study's sampler suggests, parents first."""
        trial = study.ask()
        values: dict[str, Value] = {}
        for (key, distribution), parameter in zip(
            self.distributions.items(), self.domain.parameters, strict=True
        ):
            if counts(parameter, values):
                values[parameter.name] = outward(parameter, _suggest(trial, key, distribution))
        return values


def told_study(sampler: Any, direction: str, told: Sequence[Any]) -> Any:
    """Returns a study in memory that was told these trials, and says nothing.

    Args:
        sampler: An Optuna sampler, seeded.
        direction: Of the score, "max" or "min"; further objectives are minimised.
        told: Optuna's trials, at least one.
    """
    import optuna

    # Each study announces itself; a search would print one line for each proposal.
    logging.getLogger("optuna.storages").setLevel(logging.WARNING)
    maximised, minimised = (
        optuna.study.StudyDirection.MAXIMIZE,
        optuna.study.StudyDirection.MINIMIZE,
    )
    directions = [maximised if direction == "max" else minimised]
    directions += [minimised] * (len(told[0].values) - 1)
    study = optuna.create_study(sampler=sampler, directions=directions)
    study.add_trials(told)
    return study


def told_trials(
    translation: Translation, history: History, window: int, cost: str | None = None
) -> list[Any]:
    """Returns what the history holds as Optuna's trials, by number.

    Args:
        translation: How points are written.
        history: What happened so far.
        window: The most trials to tell: the latest half of it, and the best of those before.
        cost: The name of a cost to tell beside the score; trials without it are left out.
    """
    sign = 1.0 if history.direction == "max" else -1.0
    chosen = informative(history.completed, sign, window)
    told = []
    for trial in sorted(chosen, key=lambda trial: trial.number):
        asked = [trial.score] + ([trial.costs.get(cost)] if cost else [])
        numbers = [number for number in asked if number is not None and math.isfinite(number)]
        if len(numbers) < len(asked) or not translation.domain.contains(trial.values):
            continue
        params = translation.params(trial.values)
        told.append(_completed(params, translation.distributions, numbers))
    return told


def _completed(params: dict[str, Any], known: dict[str, Any], numbers: list[float]) -> Any:
    """Returns Optuna's trial of one that is over; `known` holds the distributions."""
    from optuna.trial import TrialState

    now = datetime.now()
    return _told_trial()(
        number=-1,
        trial_id=-1,
        state=TrialState.COMPLETE,
        value=None,
        values=numbers,
        datetime_start=now,
        datetime_complete=now,
        params=params,
        distributions={key: known[key] for key in params},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )


@lru_cache(maxsize=1)
def _told_trial() -> type[Any]:
    """The class of trials that are told: nothing in them is changed any more.

    A study copies each trial that it is told, in depth; that would take half of a proposal's time.
    """
    from optuna.trial import FrozenTrial

    class Told(FrozenTrial):  # type: ignore[misc, unused-ignore]
        def __deepcopy__(self, memo: object) -> Told:
            return copy.copy(self)

    return Told


def _distribution(parameter: Parameter) -> Any:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if not is_listed(parameter):
        return FloatDistribution(0.0, 1.0)
    last = cast(int, parameter.count) - 1
    if parameter.ordered or not parameter.choices:
        return IntDistribution(0, last)
    return CategoricalDistribution(tuple(range(last + 1)))


def is_number(distribution: Any) -> bool:
    """Says whether it is one of numbers, more than one of them."""
    return hasattr(distribution, "low") and not distribution.single()


def _suggest(trial: Any, key: str, distribution: Any) -> Any:
    kind = type(distribution).__name__
    if kind == "CategoricalDistribution":
        return trial.suggest_categorical(key, distribution.choices)
    suggest = trial.suggest_int if kind == "IntDistribution" else trial.suggest_float
    return suggest(key, distribution.low, distribution.high)
