"""Hyperband whose new architectures a model proposes (BOHB, Falkner et al. 2018)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from nas_nb.errors import StrategyError
from nas_nb.strategy.hyperband import Hyperband
from nas_nb.strategy.rungs import granted
from nas_nb.strategy.strategy import sample_new, whole_number
from nas_nb.strategy.window import informative

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial
    from nas_nb.record.values import Value
    from nas_nb.strategy.surrogate.density import Positions

_WINDOW = 500


@dataclass(frozen=True)
class Bohb(Hyperband):
    """Runs Hyperband's brackets, and draws their architectures near those that were good.

    Use it as `hyperband`, when there is time for several brackets: then it learns where good
    architectures are. Don't use it for a budget of one bracket, which is random but for the last
    few; or where `asha` with proposer="predictor" is at hand, whose model is better at choices.

    The model is the paper's: one density of the good and one of the others, of the highest
    fidelity that has enough trials. Where an architecture lacks a choice, the paper's code draws
    it; here the kernel tells the presence of the choice from its absence. What was tried is not
    proposed again.

    Paper: Falkner, Klein & Hutter, BOHB: Robust and Efficient Hyperparameter Optimization at
    Scale, ICML 2018, Algorithm 2 (inside of Hyperband's Algorithm 1).

    Args:
        factor: eta: one of so many is promoted, and trained that many times longer, 2 or more.
        max_epochs: R, the epochs of the last round; by default what the search grants.
        hyperband_iterations: How often to go through all brackets, 1 or more; by default until
            the budget is spent.
        rho: Fraction of random architectures, 0 to 1.
        q: Fraction of the trials that count as good, above 0 and below 1.
        n_samples: N_s, how many are drawn to choose the best ratio from, 1 or more.
        n_min: N_min, how many trials a density needs; by default one more than parameters.
        bandwidth_factor: b_w, how much wider to draw than the density is, above 0.
    """

    name: ClassVar[str] = "bohb"

    rho: float = 1 / 3
    q: float = 0.15
    n_samples: int = 64
    n_min: int | None = None
    bandwidth_factor: float = 3.0

    def __post_init__(self) -> None:
        super().__post_init__()
        whole_number(self.name, "n_samples", self.n_samples, 1)
        if self.n_min is not None:
            whole_number(self.name, "n_min", self.n_min, 2)
        for option, legal, wanted in (
            ("rho", 0 <= self.rho <= 1, "a fraction, 0 to 1"),
            ("q", 0 < self.q < 1, "a fraction, above 0 and below 1"),
            ("bandwidth_factor", self.bandwidth_factor > 0, "above 0"),
        ):
            if not legal:
                raise StrategyError(
                    f"Strategy 'bohb' expected `{option}` to be {wanted}. Received: "
                    f"{option}={getattr(self, option)!r}."
                )

    def configuration(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns a new architecture for a first round: Algorithm 2."""
        from nas_nb.strategy.surrogate.density import Density

        # Algorithm 2, line 1: if rand() < rho then return random configuration
        if rng.random() < self.rho:
            return sample_new(self.domain, history, rng)
        # Lines 2, 3: b = argmax {D_b : |D_b| >= N_min + 2}; if none, return random configuration
        n_min = self.n_min or len(self._positions.parameters) + 1
        observed = self._observations(history, n_min + 2)
        if not observed:
            return sample_new(self.domain, history, rng)
        # Line 4, eq. (2), (3): fit l and g to the N_b,l = max(N_min, q * N_b) best and to the
        # N_b,g = max(N_min, N_b - N_b,l) worst
        good = max(n_min, int(self.q * len(observed)))
        rows = self._positions.rows([trial.values for trial in observed])
        promising = Density(self._positions, rows[:good])
        others = Density(self._positions, rows[-max(n_min, len(rows) - good) :])
        # Lines 5, 6: draw N_s samples from l'(x); return the one with the highest l(x) / g(x).
        drawn = [
            self._positions.point(promising.draw(self.bandwidth_factor, rng), rng)
            for _ in range(self.n_samples)
        ]
        new = [point for point in drawn if not history.has_tried(point)]
        if not new:
            return sample_new(self.domain, history, rng)
        places = self._positions.rows(new)
        ratio = promising.log(places) - others.log(places)
        return new[int(ratio.argmax())]

    @cached_property
    def _positions(self) -> Positions:
        from nas_nb.strategy.surrogate.density import Positions

        return Positions(self.domain)

    def _observations(self, history: History, enough: int) -> list[Trial]:
        """The trials of the highest fidelity that has enough of them, the best first."""
        full = self.max_epochs or history.full_epochs or 0
        budgets: dict[int, list[Trial]] = defaultdict(list)
        for trial in history.completed:
            budgets[granted(trial, full)].append(trial)
        sign = 1.0 if history.direction == "max" else -1.0
        for _, trials in sorted(budgets.items(), reverse=True):
            known = [
                t for t in informative(trials, sign, _WINDOW) if self.domain.contains(t.values)
            ]
            if len(known) >= enough:
                return sorted(known, key=lambda trial: -sign * (trial.score or 0.0))
        return []
