"""Bayesian optimisation: KerasTuner's, from the history at each proposal."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nas_nb.record.trial import plain_values
from nas_nb.space.parameter import holds
from nas_nb.strategy.base import Candidate, Strategy, liars, option, sample_new, single_blas_thread

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Value

_BEST = 50
_RECENT = 50
_WINDOW = 1000
_STARTS = 50


@dataclass(frozen=True)
class BayesianOptimization(Strategy):
    """Fits a Gaussian process to the scores and proposes where its bound is most promising.

    Use it for a handful of numeric parameters. Don't use it where most parameters are unordered
    choices, which it treats as if they were ordered: `predictor` knows better.

    The algorithm is KerasTuner's: a Matern 5/2 kernel, and the lower confidence bound
    mean - beta * deviation of the negated scores, minimised from the best 10 of 50 random starts
    (KerasTuner: from all 50). Up to 100 trials it proposes what KerasTuner would, unless the
    lowest bound lies downhill of none of the ten. From there on the process sees 100 trials only,
    so that a proposal takes no longer: the last 50, and the best 50 of the 950 before them. What
    it proposes a second time is replaced by a new random architecture.
    `nas_nb.BayesianOptimization` is KerasTuner's own, at KerasTuner's own cost.

    Paper: Srinivas, Krause, Kakade & Seeger, Gaussian Process Optimization in the Bandit Setting,
    ICML 2010, Algorithm 1. Code: `keras_tuner.oracles.BayesianOptimizationOracle`.
    """

    name: ClassVar[str] = "bayesian"

    num_initial_points: int | None = option(
        None,
        "Initial design: random trials before the first fit; by default 3 per parameter.",
        low=1,
    )
    alpha: float = option(1e-4, "Noise variance of the standardised scores.", above=0)
    # The paper's weight is sqrt(beta_t), which grows; KerasTuner's is constant.
    beta: float = option(
        2.6, "Exploration: weight of the standard deviation in the confidence bound.", low=0
    )

    def wanted_design(self, history: History) -> int:
        """Returns how many points are random."""
        return self.num_initial_points or max(3 * len(self.domain.parameters), 3)

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns the minimum of the confidence bound, or a random point while there are few."""
        seen = [trial for trial in best_and_recent(history) if self.domain.contains(trial.values)]
        if len(seen) < self.initial_design(history):
            return sample_new(self.domain, history, rng)
        # Algorithm 1: x_t = argmax mu_t-1(x) + sqrt(beta_t) sigma_t-1(x), here of negated scores.
        seen += liars(history, self.domain, seen)
        values = self._legal(self._lowest(seen, history.direction, rng))
        if history.has_tried(values):
            return sample_new(self.domain, history, rng)
        return Candidate(values, "predicted")

    def _legal(self, proposed: dict[str, Value]) -> dict[str, Value]:
        """The nearest point: KerasTuner goes one past the end of a logarithmic range of ints."""
        for parameter in self.domain.parameters:
            value = proposed.get(parameter.name)
            if parameter.high is None or not holds(parameter.conditions, proposed):
                continue
            if isinstance(value, int | float) and value > parameter.high:
                proposed[parameter.name] = parameter.high
        return self.domain.complete(proposed)

    def _lowest(
        self, seen: Sequence[Trial], direction: str, rng: np.random.Generator
    ) -> dict[str, Value]:
        """Returns the values where the bound of KerasTuner's oracle is lowest, given the trials."""
        import keras_tuner as kt
        from keras_tuner.engine import trial as kt_trial

        from nas_nb.space.hyperparameters import to_hyperparameters
        from nas_nb.strategy.gaussian_process import KerasTunerProcess

        class Oracle(kt.oracles.BayesianOptimizationOracle):  # type: ignore[misc]
            """Asks a faster process: scikit-learn's takes 5 s of processor time a proposal."""

            def lowest(self) -> dict[str, Value]:
                x, y = (np.nan_to_num(n, posinf=0, neginf=0) for n in self._vectorize_trials())
                bounds = self._get_hp_bounds()
                shape = (_STARTS, len(bounds))
                starts = self._random_state.uniform(bounds[:, 0], bounds[:, 1], size=shape)
                with single_blas_thread():
                    found = KerasTunerProcess(x, y, self.alpha).lowest(starts, bounds, self.beta)
                return plain_values(self._vector_to_values(found))

        space = to_hyperparameters(self.domain)
        oracle = Oracle(
            objective=kt.Objective("score", direction),
            max_trials=None,
            num_initial_points=1,
            alpha=self.alpha,
            beta=self.beta,
            seed=int(rng.integers(1, 2**31)),
            hyperparameters=space,
        )
        for trial in seen:
            filled = copy.copy(space)
            filled.values = dict(trial.values)
            done = kt_trial.Trial(filled, str(trial.number), kt_trial.TrialStatus.COMPLETED)
            done.score = trial.score
            oracle.trials[done.trial_id] = done
        return oracle.lowest()


def best_and_recent(history: History) -> tuple[Trial, ...]:
    """Returns up to 100 completed trials: the last 50, and the best 50 of the 950 before them."""
    window = history.completed[-_WINDOW:]
    older, recent = window[:-_RECENT], window[-_RECENT:]
    best = sorted(older, key=lambda trial: -history.sign * (trial.score or 0.0))[:_BEST]
    return (*sorted(best, key=lambda trial: trial.number), *recent)
