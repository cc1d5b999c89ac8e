"""BOHB and its kernel density."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nas_nb.errors import SpaceError
from nas_nb.space.encoding import LONGEST_LIST, Axis
from nas_nb.space.isomorphism import DistinctDomain
from nas_nb.strategy.base import Candidate, option, sample_new, select_informative
from nas_nb.strategy.rungs import granted
from nas_nb.strategy.successive_halving import Hyperband

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Value, Values
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter

_WINDOW = 500


@dataclass(frozen=True)
class Bohb(Hyperband):
    """Runs Hyperband's brackets, and draws their architectures near those that were good.

    Use it as `hyperband`, when there is time for several brackets: then it learns where good
    architectures are. Don't use it for a budget of one bracket, which is nearly all random; or
    where `asha` with proposer="predictor" is at hand, whose model is better at choices.

    The model is the paper's: a density of the good trials and one of the others, of the highest
    fidelity that has enough trials. Where an architecture lacks a choice, the paper's code draws
    it; here the kernel tells its presence from its absence.

    Paper: Falkner, Klein & Hutter, BOHB: Robust and Efficient Hyperparameter Optimization at Scale,
    ICML 2018, Algorithm 2 (inside of Hyperband's Algorithm 1).
    """

    name: ClassVar[str] = "bohb"

    rho: float = option(1 / 3, "Fraction of architectures drawn at random.", low=0, high=1)
    q: float = option(0.15, "Fraction of the trials that count as good.", above=0, below=1)
    n_samples: int = option(64, "How many samples of the density compete (N_s).", low=1)
    n_min: int | None = option(
        None, "Trials that a density needs (N_min); by default one more than parameters.", low=2
    )
    bandwidth_factor: float = option(
        3.0, "How much wider than the density samples are drawn (b_w).", above=0
    )

    def configuration(self, history: History, rng: np.random.Generator) -> dict[str, Value]:
        """Returns a new architecture for a first round: Algorithm 2."""
        # Algorithm 2, line 1: if rand() < rho then return random configuration
        if rng.random() < self.rho:
            return sample_new(self.domain, history, rng)
        # Lines 2, 3: b = argmax {D_b : |D_b| >= N_min + 2}; if none, return random configuration
        n_min = self.n_min or len(self._positions.parameters) + 1
        n_min = min(n_min, max(1, int(min(self.planned_trials(history) / 3, n_min + 2)) - 2))
        observed = self._observations(history, n_min + 2)
        if not observed:
            return sample_new(self.domain, history, rng)
        # Line 4, eq. (2), (3): fit l and g to the N_b,l = max(N_min, q * N_b) best and to the
        # N_b,g = max(N_min, N_b - N_b,l) worst
        good = max(n_min, int(self.q * len(observed)))
        rows = self._positions.rows([trial.values for trial in observed])
        promising = KernelDensity(self._positions, rows[:good])
        others = KernelDensity(self._positions, rows[-max(n_min, len(rows) - good) :])
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
        return Candidate(new[int(ratio.argmax())], "predicted")

    @cached_property
    def _positions(self) -> PositionTable:
        return PositionTable(self.domain)

    def _observations(self, history: History, enough: int) -> list[Trial]:
        """The trials of the highest fidelity that has enough of them, the best first."""
        full = self.max_epochs or history.full_epochs or 0
        budgets: dict[int, list[Trial]] = defaultdict(list)
        for trial in history.completed:
            budgets[granted(trial, full)].append(trial)
        for _, trials in sorted(budgets.items(), reverse=True):
            known = [
                t
                for t in select_informative(trials, history.sign, _WINDOW)
                if self.domain.contains(t.values)
            ]
            if len(known) >= enough:
                return sorted(known, key=lambda trial: -history.sign * (trial.score or 0.0))
        return []


Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Vector = np.ndarray[tuple[int], np.dtype[np.float64]]

_NARROWEST = 1e-3
_ABSENT = 0.1


class PositionTable:
    """Points as rows of positions, 0 to 1, one column a parameter; NaN where it is inactive."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.parameters = tuple(p for p in domain.parameters if p.count > 1)
        self.axes = tuple(Axis.of(parameter, LONGEST_LIST) for parameter in self.parameters)
        self.ordered = np.array([axis.ordered for axis in self.axes], dtype=bool)
        self.counts = np.array([float(p.count) for p in self.parameters])
        self._columns = tuple(
            (axis, p, _places(axis)) for axis, p in zip(self.axes, self.parameters, strict=True)
        )

    def rows(self, points: Sequence[Values]) -> Matrix:
        """Returns the positions, of shape (points, parameters)."""
        rows = np.array([self._row(point) for point in points], dtype=np.float64)
        return rows.reshape(len(points), len(self.parameters))

    def _row(self, point: Values) -> list[float]:
        row = []
        for axis, parameter, places in self._columns:
            value = point.get(axis.name)
            at = places.get((type(value), value))
            row.append(_position(axis, parameter, value) if at is None else at)
        return row

    def point(self, row: Vector, rng: np.random.Generator) -> dict[str, Value]:
        """Returns the point at the positions; what they don't say is drawn."""
        told = {
            axis.name: axis.value(at)
            for axis, at in zip(self.axes, row.tolist(), strict=True)
            if not math.isnan(at)
        }
        drawn = self._whole.sample(rng)
        try:
            return self.domain.complete({**drawn, **told})
        except SpaceError:  # not all that single choices allow is in every space
            return self.domain.representative(drawn)

    @property
    def _whole(self) -> Domain:
        """The domain with all twins: it need not look for the one that stands for the others."""
        return self.domain.whole if isinstance(self.domain, DistinctDomain) else self.domain


class KernelDensity:
    """A product of kernels around each of some points."""

    # Numbers have a Gaussian kernel, unordered choices that of Aitchison and Aitken: 1 - lambda
    # for the same, lambda / (c - 1) for each other. Bandwidths follow the normal reference rule,
    # 1.06 * deviation * n^(-1 / (4 + d)), as in the paper's code.

    def __init__(self, positions: PositionTable, points: Matrix) -> None:
        self.positions = positions
        self.points = points

    @cached_property
    def bandwidths(self) -> Vector:
        """One for each parameter; of an unordered choice it is lambda."""
        n, d = self.points.shape
        present = ~np.isnan(self.points)
        known = np.where(present, self.points, 0.0)
        many = np.maximum(present.sum(0), 1)
        mean = known.sum(0) / many
        deviation = np.sqrt((np.where(present, known - mean, 0.0) ** 2).sum(0) / many)
        # BOHB's rule of thumb, Falkner et al. 2018, section 4.1.
        widths = np.maximum(1.06 * deviation * n ** (-1.0 / (4 + d)), _NARROWEST)
        # Above 1 - 1/c the same choice would be less likely than another.
        most = np.where(self.positions.ordered, np.inf, 1.0 - 1.0 / self.positions.counts)
        result: Vector = np.minimum(widths, most)
        return result

    def log(self, rows: Matrix) -> Vector:
        """Returns the logarithm of the density at each row, of shape (rows,)."""
        total = np.zeros((len(rows), len(self.points)))
        for column, width in enumerate(self.bandwidths):
            gaps = rows[:, column, None] - self.points[None, :, column]
            if self.positions.ordered[column]:
                factor = -0.5 * (gaps / width) ** 2 - math.log(width)
            else:
                others = self.positions.counts[column] - 1
                factor = np.where(np.abs(gaps) < 1e-9, 1.0 - width, width / others)
                factor = np.log(factor)
            one = np.isnan(rows[:, column, None]) ^ np.isnan(self.points[None, :, column])
            total += np.where(np.isnan(gaps), np.where(one, math.log(_ABSENT), 0.0), factor)
        highest = total.max(1)
        result: Vector = highest + np.log(np.exp(total - highest[:, None]).mean(1))
        return result

    def draw(self, wider: float, rng: np.random.Generator) -> Vector:
        """Draws positions around one of the points, with wider bandwidths."""
        row = self.points[int(rng.integers(len(self.points)))].tolist()
        for column, (ordered, count, width) in enumerate(self._kernels):
            if math.isnan(row[column]):
                continue
            if ordered:
                row[column] = _reflected(rng.normal(row[column], width * wider))
            elif rng.random() < min(width * wider, 1.0 - 1.0 / count):
                row[column] = rng.integers(int(count)) / (count - 1)
        return np.array(row)

    @cached_property
    def _kernels(self) -> list[tuple[bool, float, float]]:
        """Of each parameter: whether it is ordered, its count, and its bandwidth."""
        columns = self.positions.ordered, self.positions.counts, self.bandwidths
        return list(zip(*(column.tolist() for column in columns), strict=True))


def _places(axis: Axis) -> dict[tuple[type, Value | None], float]:
    """Returns the position of each value of a list by type and value: True is not 1."""
    return {(type(value), value): axis.position(value) or 0.0 for value in axis.values}


def _position(axis: Axis, parameter: Parameter, value: Value | None) -> float:
    match = None if value is None else parameter.match(value)
    at = None if match is None else axis.position(match)
    return math.nan if at is None else at


def _reflected(position: float) -> float:
    """Back into 0 to 1 from beyond an end, at most once; the rest stops at the end."""
    inside = abs(position)
    inside = 2.0 - inside if inside > 1 else inside
    return min(max(inside, 0.0), 1.0)
