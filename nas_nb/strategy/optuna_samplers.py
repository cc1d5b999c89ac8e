"""Optuna's samplers: TPE, CMA-ES; the history as a study."""

from __future__ import annotations

import copy
import importlib.util
import logging
import math
import warnings
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from nas_nb.errors import SpaceError, StrategyError
from nas_nb.space.encoding import LONGEST_LIST, Axis, axes
from nas_nb.space.parameter import is_next_active
from nas_nb.strategy.base import (
    Candidate,
    Strategy,
    liars,
    new_mutant,
    option,
    sample_new,
    select_informative,
)

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.record.trial import Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter

_REPEATS = 16

STARTUP_HELP = "Initial design: random trials before the first model."


@dataclass(frozen=True)
class OptunaStrategy(Strategy):
    """Tells a new study in memory what happened, and asks its sampler.

    What repeats a trial is asked for again, up to 16 times; then a new mutant of the last
    suggestion takes its place. Needs `pip install "nas_nb[optuna]"`.
    """

    packages: ClassVar[tuple[str, ...]] = ("optuna",)
    design: ClassVar[str] = "n_startup_trials"

    # Telling them takes most of a proposal's time, 0.1 ms each.
    window: int = option(
        120, "How many trials, the best and the latest, the sampler is told.", low=20
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.name, *self.packages)

    @abstractmethod
    def sampler(self, seed: int, told: Sequence[Any], startup: int) -> Any:
        """Returns the sampler; `startup` of the told trials are the initial design."""

    def suffices(self, told: Sequence[Any], startup: int) -> bool:
        """Whether the trials told are enough for the sampler's model."""
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
        startup = self.initial_design(history)
        if not self.suffices(told, startup):
            return sample_new(self.domain, history, rng)
        with warnings.catch_warnings():  # that an option is experimental is our risk
            warnings.simplefilter("ignore")
            sampler = self.sampler(int(rng.integers(2**31)), told, startup)
        study = told_study(sampler, history.direction, told)
        values = None
        for _ in range(_REPEATS):
            try:
                values = self.domain.canonical(translation.ask(study))
            except SpaceError:  # a space may refuse combinations that its parameters allow
                continue
            if not history.has_tried(values):
                return Candidate(values, "predicted" if len(told) >= startup else "drawn")
        if values is None:
            return sample_new(self.domain, history, rng)
        return new_mutant(self.domain, values, history, rng, how="predicted")


def require(strategy: str, *packages: str) -> None:
    """Raises a `StrategyError` that says what to install, unless all packages are there."""
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise StrategyError(
            f"Strategy '{strategy}' needs {' and '.join(missing)}, which isn't installed. Run "
            '`pip install "nas_nb[optuna]"`.'
        )


class Translation:
    """Parameters as Optuna's distributions, and points as its `params`, both ways."""

    # An unordered choice is a categorical of positions, an ordered one an integer position, a long
    # or continuous range a float, 0 to 1 on its own scale. A number tells apart what shares a
    # name.

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.axes = axes(domain, longest=LONGEST_LIST)
        self.distributions = {
            f"{number}:{axis.name}": _distribution(axis) for number, axis in enumerate(self.axes)
        }

    def params(self, values: Values) -> dict[str, Any]:
        """Returns the params of a canonical point."""
        known: dict[str, Value] = {}
        params: dict[str, Any] = {}
        for key, axis, parameter in self._keyed():
            if is_next_active(parameter, known):
                value = known[axis.name] = values[axis.name]
                params[key] = axis.index(value) if axis.values else axis.position(value)
        return params

    def ask(self, study: Any) -> dict[str, Value]:
        """Returns the values that the study's sampler suggests, parents first."""
        trial = study.ask()
        values: dict[str, Value] = {}
        for key, axis, parameter in self._keyed():
            if is_next_active(parameter, values):
                at = _suggest(trial, key, self.distributions[key])
                values[axis.name] = axis.values[int(at)] if axis.values else axis.value(at)
        return values

    def _keyed(self) -> Iterator[tuple[str, Axis, Parameter]]:
        return zip(self.distributions, self.axes, self.domain.parameters, strict=True)


def told_study(sampler: Any, direction: str, told: Sequence[Any]) -> Any:
    """Returns a silent study in memory that was told these trials, at least one."""
    import optuna

    # Each study announces itself; a search would print one line for each proposal.
    logging.getLogger("optuna.storages").setLevel(logging.WARNING)
    wanted = optuna.study.StudyDirection
    way = wanted.MAXIMIZE if direction == "max" else wanted.MINIMIZE
    study = optuna.create_study(sampler=sampler, direction=way)
    study.add_trials(told)
    return study


def told_trials(translation: Translation, history: History, window: int) -> list[Any]:
    """Returns what the history holds as Optuna's trials, by number."""
    chosen = select_informative(history.completed, history.sign, window)
    chosen += liars(history, translation.domain, chosen)
    told = []
    for trial in sorted(chosen, key=lambda trial: trial.number):
        score = trial.score
        if (
            score is None
            or not math.isfinite(score)
            or not translation.domain.contains(trial.values)
        ):
            continue
        params = translation.params(trial.values)
        told.append(_completed(params, translation.distributions, score))
    return told


def _completed(params: dict[str, Any], known: dict[str, Any], score: float) -> Any:
    """Returns Optuna's completed trial; `known` holds the distributions."""
    from optuna.trial import TrialState

    now = datetime.now()
    return _told_trial()(
        number=-1,
        trial_id=-1,
        state=TrialState.COMPLETE,
        value=None,
        values=[score],
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
    """The class of trials that are told, which a study need not copy in depth."""
    # Copying would take half of a proposal's time, and nothing changes them any more.
    from optuna.trial import FrozenTrial

    class Told(FrozenTrial):  # type: ignore[misc, unused-ignore]
        def __deepcopy__(self, memo: object) -> Told:
            return copy.copy(self)

    return Told


def _distribution(axis: Axis) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if axis.line is not None:
        return FloatDistribution(0.0, 1.0)
    last = len(axis.values) - 1
    if axis.ordered:
        return IntDistribution(0, last)
    return CategoricalDistribution(tuple(range(last + 1)))


def _suggest(trial: Any, key: str, distribution: Any) -> Any:
    kind = type(distribution).__name__
    if kind == "CategoricalDistribution":
        return trial.suggest_categorical(key, distribution.choices)
    suggest = trial.suggest_int if kind == "IntDistribution" else trial.suggest_float
    return suggest(key, distribution.low, distribution.high)


@dataclass(frozen=True)
class Tpe(OptunaStrategy):
    """Draws from a density of the good trials, relative to that of the bad ones.

    Use it for mixed and conditional spaces with a budget of tens to hundreds of trials. Don't use
    it when a trial takes milliseconds.

    Paper: Bergstra, Bardenet, Bengio & Kegl, Algorithms for Hyper-Parameter Optimization, NeurIPS
    2011, Section 4. Code: `optuna.samplers.TPESampler`.
    """

    name: ClassVar[str] = "tpe"

    n_startup_trials: int = option(10, STARTUP_HELP, low=1)
    multivariate: bool = option(
        True, "Whether one density spans all parameters, in place of one for each."
    )

    def sampler(self, seed: int, told: Sequence[Any], startup: int) -> Any:
        """Returns Optuna's `TPESampler`."""
        import optuna

        return optuna.samplers.TPESampler(
            seed=seed,
            n_startup_trials=startup,
            multivariate=self.multivariate,
            # Parameters that are active together make a group; otherwise they'd be drawn alone.
            group=self.multivariate and any(p.conditions for p in self.domain.parameters),
        )


_PLANE = 2
_TENTH = 10


@dataclass(frozen=True)
class CmaEs(OptunaStrategy):
    """Draws from a normal distribution that fits the best tenth of the trials.

    Use it for spaces of numbers, two or more that are always active. Don't use it for unordered
    choices, which it draws at random.

    Each proposal is a warm start: mean and covariance come from the trials, not from the path of
    the search, because a strategy has no state.

    Papers: Hansen, The CMA Evolution Strategy: A Tutorial, 2016; Nomura et al., Warm Starting
    CMA-ES for Hyperparameter Optimization, AAAI 2021. Code: `optuna.samplers.CmaEsSampler`.
    """

    name: ClassVar[str] = "cma_es"
    packages: ClassVar[tuple[str, ...]] = ("optuna", "cmaes")

    # 10 at least, so that the best tenth is one; Optuna takes 1.
    n_startup_trials: int = option(10, STARTUP_HELP, low=10)

    def told(self, translation: Translation, history: History) -> list[Any]:
        """Returns what the history holds as Optuna's trials: the numbers that all have."""
        told = super().told(translation, history)
        common = [
            key
            for key, distribution in translation.distributions.items()
            if hasattr(distribution, "low") and not distribution.single()  # several numbers
            if all(key in trial.params for trial in told)
        ]
        for trial in told:
            trial.distributions = {key: trial.distributions[key] for key in common}
            trial.params = {key: trial.params[key] for key in common}
        return told

    def suffices(self, told: Sequence[Any], startup: int) -> bool:
        """Says whether there are trials enough, and numbers enough, for a covariance."""
        return len(told) >= startup and len(told[0].params) >= _PLANE

    def sampler(self, seed: int, told: Sequence[Any], startup: int) -> Any:
        """Returns Optuna's `CmaEsSampler`."""
        import optuna

        # Told several times, fewer than ten trials have a best tenth, too.
        return optuna.samplers.CmaEsSampler(
            seed=seed,
            n_startup_trials=startup,
            source_trials=list(told) * math.ceil(_TENTH / len(told)),
            warn_independent_sampling=False,
        )
