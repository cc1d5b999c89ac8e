"""The predictor's surrogate: encoding, fit, candidates, expected improvement."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from nas_nb.errors import SpaceError
from nas_nb.record.trial import Trial, TrialStatus
from nas_nb.space.encoding import Encoding, feature_rows
from nas_nb.strategy.base import is_continuation, select_informative
from nas_nb.strategy.gaussian_process import (
    Covariance,
    Points,
    Posterior,
    extended,
    factorised,
    fit,
)

if TYPE_CHECKING:
    from nas_nb.record.trial import Value, Values
    from nas_nb.space.domain import Domain

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Vector = np.ndarray[tuple[int], np.dtype[np.float64]]

_FITTED_ON = 100
_MOMENTS = 20
_GROUNDS = 4
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class FeatureScaler:
    """Encodes points for the process, with features standardised as in the trials seen."""

    coder: PointEncoder
    centre: Vector
    spread: Vector

    def points(self, points: Sequence[Values]) -> Points:
        """Returns the encoded points."""
        rows, features = self.coder.code(points)
        scaled = (features - self.centre) / self.spread
        return Points(rows, self.coder.encoding.blocks, scaled)


@dataclass(frozen=True, eq=False)
class Surrogate:
    """Predicts scores, standardised and larger being better; `best` is the best one seen."""

    sight: FeatureScaler
    posterior: Posterior
    best: float

    def predict(self, points: Sequence[Values]) -> tuple[Vector, Vector]:
        """Returns the mean and the standard deviation of the scores of the points."""
        return self.posterior.predict(self.sight.points(points))


@dataclass(frozen=True, eq=False)
class FitState:
    """Cached state of the last fit."""

    trials: Sequence[Trial]  # all that had ended by then
    sign: float
    shown: list[Trial]  # those that the process was fitted to
    sight: FeatureScaler
    covariance: Covariance
    seen: Points
    factor: Matrix  # of the covariance of what is shown, with noise


class SurrogateFitter:
    """Fits the process to trials, and recomputes only what the latest of them change."""

    # The process sees up to `window` trials, the best half and the latest half, chosen when the
    # number of trials was last a multiple of its tenth, or of 20. Its weights, which change slowly
    # and cost most, are of that fit, too. So the result follows from the trials alone.

    def __init__(self, coder: PointEncoder, window: int) -> None:
        self.coder = coder
        self.window = window
        self._grounds: list[FitState] = []

    def learn(
        self,
        trials: Sequence[Trial],
        best: Sequence[Trial],
        sign: float,
        pending: Sequence[Trial] = (),
    ) -> Surrogate:
        """Returns the surrogate of the trials; what is `pending` has the mean of their scores."""
        moment = len(trials) - len(trials) % min(max(len(trials) // 10, 1), _MOMENTS)
        ground = self._ground(trials, moment, best, sign)
        new = [trial for trial in trials[moment:] if self.coder.knows(trial.values)]
        shown = [*ground.shown, *new]
        if not any(trial.status is TrialStatus.COMPLETED for trial in shown):
            shown += best
        scores, highest = _scores(shown, sign)
        since = [*shown[len(ground.shown) :], *pending]
        scores = np.append(scores, np.zeros(len(pending)))  # they are standardised
        sight, seen, factor = ground.sight, ground.seen, ground.factor
        if since:
            points = sight.points([trial.values for trial in since])
            factor = extended(ground.covariance, seen, factor, points)
            seen = seen.joined(points)
        return Surrogate(sight, Posterior.of(ground.covariance, seen, factor, scores), highest)

    def _ground(
        self, trials: Sequence[Trial], moment: int, best: Sequence[Trial], sign: float
    ) -> FitState:
        """Returns the fit that all proposals of a moment share, cached or new."""
        for known in self._grounds:
            alike = known.sign == sign and len(known.trials) == moment
            if alike and is_continuation(trials, known.trials):
                return known
        made = self._new_ground(trials[:moment], best, sign)
        self._grounds = [made, *self._grounds[: _GROUNDS - 1]]
        return made

    def _new_ground(self, trials: Sequence[Trial], best: Sequence[Trial], sign: float) -> FitState:
        most = select_informative(
            trials, sign, self.window
        )  # looks at all trials; the few are of these
        few = self._shown(select_informative(most, sign, min(self.window, _FITTED_ON)), best)
        covariance = fit(self._sight(few).points([t.values for t in few]), _scores(few, sign)[0])
        shown = self._shown(most, best)
        sight = self._sight(shown)
        seen = sight.points([trial.values for trial in shown])
        return FitState(trials, sign, shown, sight, covariance, seen, factorised(covariance, seen))

    def _shown(self, trials: Sequence[Trial], best: Sequence[Trial]) -> list[Trial]:
        """Those of this space; and the best, where none of them completed."""
        mine = [trial for trial in trials if self.coder.knows(trial.values)]
        completed = any(trial.status is TrialStatus.COMPLETED for trial in mine)
        return mine if completed else [*mine, *best]

    def _sight(self, trials: Sequence[Trial]) -> FeatureScaler:
        _, facts = self.coder.code([trial.values for trial in trials])
        spread = facts.std(0)
        return FeatureScaler(self.coder, facts.mean(0), np.where(spread > _SAME, spread, 1.0))


def _scores(trials: Sequence[Trial], sign: float) -> tuple[Vector, float]:
    """The shaped scores, those of failures included, and the highest of them."""
    done = np.array([trial.status is TrialStatus.COMPLETED for trial in trials])
    raw = np.array([sign * (trial.score or 0.0) for trial in trials])
    shaped = shape_scores(raw[done], int((~done).sum()))
    scores = np.empty(len(trials))
    scores[done], scores[~done] = shaped[: done.sum()], shaped[done.sum() :]
    return scores, float(shaped.max())


Key = tuple[tuple[str, "Value"], ...]

_STRETCH = 4.0
"""The length of a range: at 1 the process takes it for nearly a straight line."""

_KEPT = 20_000


class PointEncoder:
    """Encodes points of a domain, and caches up to 20,000 of them."""

    # What a space knows about a point may take longer to compute than all the rest.

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.encoding = Encoding(domain)
        self._stretch = np.where(self.encoding.in_range, _STRETCH, 1.0)
        self._places: dict[Key, int] = {}
        self._coded: Matrix = np.empty((0, 0))  # a row a place; there is room for more

    def knows(self, values: Values) -> bool:
        """Whether `values` is a point of the domain."""
        return _key(values) in self._places or self.domain.contains(values)

    def code(self, points: Sequence[Values]) -> tuple[Matrix, Matrix]:
        """Returns the encoded rows and the features of the points, one row each."""
        if len(self._places) > _KEPT:
            self._places.clear()
        keys = [_key(point) for point in points]
        new = {key: at for at, key in enumerate(keys) if key not in self._places}
        if new:
            fresh = [points[at] for at in new.values()]
            rows = self.encoding.rows(fresh) * self._stretch
            facts = feature_rows(self.domain, fresh)
            self._keep(new, np.concatenate([rows, facts], axis=1))
        known = self._coded[[self._places[key] for key in keys]]
        columns = len(self.encoding.blocks)
        return known[:, :columns], known[:, columns:]

    def _keep(self, keys: Collection[Key], coded: Matrix) -> None:
        size = len(self._places)
        more = size + len(coded)
        if more > len(self._coded):
            grown = np.empty((2 * more, coded.shape[1]))
            grown[:size] = self._coded[:size] if size else 0.0
            self._coded = grown
        self._coded[size:more] = coded
        self._places.update(zip(keys, range(size, more), strict=True))


def _key(values: Values) -> Key:
    return tuple(values.items())


_CENTRES = 2
_NEIGHBOURS = 100


def candidate_pool(
    domain: Domain, best: Sequence[Values], rng: np.random.Generator, size: int
) -> list[dict[str, Value]]:
    """Returns architectures near the best, and a quarter from everywhere, each once."""
    # BANANAS takes mutants alone (Algorithm 1, step 2.ii). Some may be tried already: asking that
    # of all would take longer than asking it of the most promising.
    drawn = [*_neighbours(domain, best[:_CENTRES], rng)]
    uniform = size // 4
    mutants = max(size - uniform - len(drawn), uniform)
    drawn += _mutants(domain, best, rng, mutants)
    drawn += (domain.sample(rng) for _ in range(uniform))
    return list({tuple(point.items()): point for point in drawn}.values())


def _neighbours(
    domain: Domain, centres: Sequence[Values], rng: np.random.Generator
) -> Iterator[dict[str, Value]]:
    for centre in centres:
        around = domain.neighbours(centre)
        if len(around) > _NEIGHBOURS:
            around = [around[i] for i in rng.permutation(len(around))[:_NEIGHBOURS]]
        yield from around


def _mutants(
    domain: Domain, parents: Sequence[Values], rng: np.random.Generator, count: int
) -> list[dict[str, Value]]:
    """Mutants of each parent in turn: one step, and another step from there."""
    mutants: list[dict[str, Value]] = []
    points = [domain.canonical(parent) for parent in parents]
    try:
        while len(mutants) < count:
            mutants += domain.mutants(points[len(mutants) // 2 % len(points)], rng, 2)
    except SpaceError:  # a parent without free choices; uniform draws remain
        return mutants
    return mutants


def expected_improvement(mean: Vector, deviation: Vector, best: float | Vector) -> Vector:
    """Returns E[max(f - best, 0)] for scores f ~ N(mean, deviation^2)."""
    # Jones, Schonlau & Welch, Efficient Global Optimization of Expensive Black-Box Functions,
    # Journal of Global Optimization 13, 1998 (there for a minimum).
    z = (mean - best) / deviation
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    result: Vector = deviation * (z * ndtr(z) + density)  # eq. (15)
    return result


def hypervolume_improvement(
    mean: Vector, deviation: Vector, costs: Matrix, front: Matrix, worst: Vector
) -> Vector:
    """Returns by how much candidates are expected to enlarge the hypervolume of a front.

    Scores are N(mean, deviation^2), larger better; costs are taken for known, less is better. Then
    the integral over the scores (Emmerich, Giannakoglou & Naujoks, Single- and Multiobjective
    Evolutionary Optimization Assisted by Gaussian Random Field Metamodels, IEEE Transactions on
    Evolutionary Computation 10(4), 2006) is a sum of expected improvements: over each cell of the
    costs above a candidate's, that over the best score which the front has for so much.
    """
    # Of shapes (candidates,) twice, (candidates, costs), (members, 1 + costs) with the score first,
    # and (1 + costs,).
    scores, known = front[:, 0], front[:, 1:]
    edges = [np.unique(np.minimum(known[:, axis], worst[1 + axis])) for axis in range(len(costs.T))]
    volumes, corners = np.ones((len(mean), 1)), np.zeros((1, 0))
    for axis, inner in enumerate(edges):
        low, high = np.array([-np.inf, *inner]), np.array([*inner, worst[1 + axis]])
        width = np.maximum(high - np.maximum(low, costs[:, [axis]]), 0.0)
        volumes = (volumes[:, :, None] * width[:, None]).reshape(len(mean), -1)
        corners = np.hstack([np.repeat(corners, len(low), 0), np.tile(low, len(corners))[:, None]])
    within = np.all(known[None] <= corners[:, None], axis=2)  # (cells, members)
    best = np.where(within, scores, worst[0]).max(1, initial=worst[0])
    levels, level = np.unique(best, return_inverse=True)
    above = np.zeros((len(mean), len(levels)))
    np.add.at(above.T, level, volumes.T)
    gains = expected_improvement(mean[:, None], deviation[:, None], levels[None])
    result: Vector = (above * gains).sum(1)
    return result


_LATEST = 200
_RIDGE = 0.3


def predict_log_seconds(
    coder: PointEncoder, trials: Sequence[Trial], points: Sequence[Values]
) -> Vector:
    """Returns the predicted log-seconds of an epoch of each point; zeros where none is known."""
    # Ridge regression on the encoded choices: each multiplies the cost by a factor, and so does a
    # part of the space whose models have to be compiled first. (Snoek et al., NeurIPS 2012,
    # section 3.2, take a second Gaussian process.) The time of a trial that continues another is
    # not that of its epochs.
    telling = (t for t in trials[-_LATEST:] if t.duration_s > 0 and t.epochs and t.parent is None)
    timed = [trial for trial in telling if coder.knows(trial.values)]
    if not timed:
        return np.zeros(len(points))
    seconds = np.log([trial.duration_s / trial.epochs for trial in timed])
    rows, _ = coder.code([trial.values for trial in timed])
    return _ridge(rows, seconds, coder.code(points)[0])


def _ridge(rows: Matrix, targets: Vector, asked: Matrix) -> Vector:
    """Returns the predictions of a linear model of the rows, shrunk to the mean."""
    centre = rows.mean(0)
    rows = rows - centre
    gram = rows.T @ rows + _RIDGE * np.eye(rows.shape[1])
    weights = np.linalg.solve(gram, rows.T @ (targets - targets.mean()))
    predicted: Vector = targets.mean() + (asked - centre) @ weights
    return predicted


def predict_decades(
    coder: PointEncoder, trials: Sequence[Trial], cost: str, points: Sequence[Values]
) -> Vector:
    """Returns the predicted decimal logarithm of what points cost: choices multiply a cost."""
    told = [t for t in trials[-_LATEST:] if cost in t.costs and coder.knows(t.values)]
    rows, asked = (np.hstack(coder.code(each)) for each in ([t.values for t in told], points))
    spread = rows.std(0)
    scale = np.where(spread > _SAME, spread, 1.0)
    return _ridge(rows / scale, decades([t.costs[cost] for t in told]), asked / scale)


def decades(costs: Sequence[float]) -> Vector:
    """Returns decimal logarithms; of 0 that of 1."""
    return np.log10([cost if cost > 0 else 1.0 for cost in costs])


def shape_scores(scores: Vector, failed: int = 0) -> Vector:
    """Returns scores with the bad half compressed, failures appended, standardised."""
    # The surrogate has to tell good architectures apart; how bad the bad ones are would only bend
    # it. So below the median a gap g becomes s * log(1 + g / s), where s is the median gap of the
    # upper half. A failure counts as worse than the worst score, by s.
    scores = scores / (float(np.abs(scores).max()) or 1.0)  # so that no gap overflows
    gaps = np.median(scores) - scores
    scale = float(np.median(-gaps[gaps <= 0])) or float(np.abs(gaps).max()) or 1.0
    shaped = np.where(gaps > 0, -scale * np.log1p(np.maximum(gaps, 0.0) / scale), -gaps)
    shaped = np.concatenate([shaped, np.full(failed, shaped.min() - scale)])
    result: Vector = (shaped - shaped.mean()) / (float(shaped.std()) or 1.0)
    return result
