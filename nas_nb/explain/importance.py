"""Which choices the scores depend on: omega squared, effects, pairs, and a model of the scores."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nas_nb.errors import SearchError
from nas_nb.space.encoding import feature_rows
from nas_nb.strategy.base import single_blas_thread
from nas_nb.strategy.gaussian_process import Points, Posterior, condition, fit
from nas_nb.strategy.surrogate import PointEncoder

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Value, Values
    from nas_nb.space.domain import Domain


Vector = np.ndarray[tuple[int], np.dtype[np.float64]]

LATEST = 250
"""No more trials than these are looked at."""
ENOUGH = 25
"""With fewer trials nothing is said about choices."""
_FENCE = 3.0
_FOLDS = 5
_FITTED_ON = 100


def comparable_trials(history: History, domain: Domain) -> list[Trial]:
    """Returns the latest completed trials of one fidelity: the full one, or the most frequent."""
    groups: dict[str, list[Trial]] = {}
    for trial in reversed(history.completed):
        known = trial.score is not None and math.isfinite(trial.score)
        if known and domain.contains(trial.values):
            group = groups.setdefault(repr(sorted(trial.fidelity.items())), [])
            group.append(trial)
            if len(group) == LATEST and not trial.fidelity:
                break
    full = groups.get("[]", [])
    most = full if len(full) >= ENOUGH else max(groups.values(), key=len, default=full)
    return most[:LATEST][::-1]


def fenced_scores(trials: Sequence[Trial], direction: str) -> Vector:
    """Returns the scores; bad ones beyond the outer fence (Tukey 1977, 3 IQR) stand on it."""
    scores = np.array([trial.score for trial in trials], dtype=float)
    if not len(scores):
        return scores
    low, high = np.quantile(scores, [0.25, 0.75])
    reach = _FENCE * (high - low)
    if reach == 0:
        return scores
    fenced: Vector = (
        np.maximum(scores, low - reach) if direction == "max" else np.minimum(scores, high + reach)
    )
    return fenced


class ScoreModel:
    """A Gaussian process fitted to scores (Rasmussen & Williams 2006), as in `predictor`."""

    # `error` is the standard error of a score, where it is known: its noise is no less.

    def __init__(
        self, domain: Domain, trials: Sequence[Trial], scores: Vector, error: float = 0.0
    ) -> None:
        self._encoder, self._domain = PointEncoder(domain), domain
        self._centre, self._scale = float(scores.mean()), float(scores.std()) or 1.0
        values = [domain.canonical(trial.values) for trial in trials]
        facts = feature_rows(domain, values)
        self._facts = facts.mean(0), np.where(facts.std(0) > 0, facts.std(0), 1.0)
        self._seen, self._scores = self._points(values), (scores - self._centre) / self._scale
        self._noise = (error / self._scale) ** 2

    @cached_property
    def _posterior(self) -> Posterior:
        return _fitted(self._seen, self._scores, self._noise)

    def predict(self, points: Sequence[Values]) -> tuple[Vector, Vector]:
        """Returns the predicted score of each point, and its standard deviation."""
        mean, deviation = self._posterior.predict(self._points(points))
        noise = self._posterior.covariance.noise
        return (
            self._centre + self._scale * mean,
            self._scale * np.sqrt(deviation**2 + noise),
        )

    def explained(self) -> float:
        """Returns the cross-validated R²: the share of variance it predicts on unseen trials."""
        scores, count = self._scores, len(self._scores)
        if count < _FOLDS or scores.std() == 0:
            return 0.0
        folds = np.random.default_rng(0).permutation(count) % _FOLDS
        missed = against = 0.0
        for fold in range(_FOLDS):
            seen, held = folds != fold, folds == fold
            posterior = _fitted(_part(self._seen, seen), scores[seen])
            guesses, _ = posterior.predict(_part(self._seen, held))
            missed += float(((guesses - scores[held]) ** 2).sum())
            against += float(((scores[seen].mean() - scores[held]) ** 2).sum())
        return 1 - missed / against

    def _points(self, values: Sequence[Values]) -> Points:
        rows, facts = self._encoder.code(values)
        centre, spread = self._facts
        return Points(rows, self._encoder.encoding.blocks, (facts - centre) / spread)


def _fitted(seen: Points, scores: Vector, noise: float = 0.0) -> Posterior:
    few = slice(-_FITTED_ON, None)
    found = fit(_part(seen, few), scores[few])
    return condition(replace(found, noise=max(found.noise, noise)), seen, scores)


def _part(points: Points, rows: slice | np.ndarray) -> Points:
    return Points(points.rows[rows], points.blocks, points.features[rows])


Groups = np.ndarray[tuple[int], np.dtype[np.intp]]
_Table = tuple[np.ndarray, Groups, int]
"""The trials that make both choices, the cell of each, degrees of freedom that are used up."""

ENOUGH_FOR_PAIRS = 80
_RIDGE = 1.0
_RESAMPLES, _SHUFFLES = 100, 40
_INTERVAL = (0.05, 0.95)
_MOST_LEVELS, _BINS, _MOST_PAIRED = 12, 4, 12
_INACTIVE = -1


class Effect(NamedTuple):
    """What one value of a choice does to the score."""

    value: str  # the value, or the range of values that it stands for
    shift: float  # by how much it scores above the other values, other choices being equal
    low: float  # the lower end of its bootstrap interval, 90 %
    high: float  # the upper end
    trials: int  # how many trials had it


class ChoiceImportance(NamedTuple):
    """How much the scores depend on one choice."""

    name: str  # of the choice
    share: float  # omega squared: the share of the scores' variance that it explains, 0 to 1
    low: float  # the lower end of its bootstrap interval, 90 %
    high: float  # the upper end
    trials: int  # in how many trials the choice was made
    effects: tuple[Effect, ...]  # one for each value that was tried, in the values' order


class PairImportance(NamedTuple):
    """How much more two choices explain together than each alone: `share` of the variance."""

    names: tuple[str, str]
    share: float


class Importance(NamedTuple):
    """What was found."""

    choices: tuple[ChoiceImportance, ...]  # the choices, heaviest first; empty without evidence
    pairs: tuple[PairImportance, ...]  # pairs that explain more than chance, heaviest first
    trials: int  # how many trials it rests on
    drawn: int  # how many of them were drawn at random
    explained: float  # the cross-validated R² of a model of the scores, at most 1
    missing: str  # why there is not enough evidence, in a sentence; "" where there is

    @property
    def basis(self) -> str:
        """Which trials it rests on, and what that does to it, in a sentence."""
        if self.drawn == self.trials:
            return f"It rests on {self.trials} trials that were drawn at random."
        return (
            f"It rests on {self.trials} trials, of which {self.trials - self.drawn} were chosen "
            "near good ones: it tells of that part of the space, and a choice that the best "
            "trials happen to share may look as if it mattered."
        )


class _Levels(NamedTuple):
    """A choice as groups of trials: the group of each, -1 where the choice is not made."""

    name: str
    labels: tuple[str, ...]
    groups: Groups


def choice_importance(history: History, domain: Domain, *, paired: bool = True) -> Importance:
    """Measures how much the score depends on each choice.

    An additive model of all choices is fitted first (ridge regression of the values that were
    chosen), and each choice is judged on its partial residuals, the scores less what the other
    choices explain (Larsen & McCleary, Technometrics 14, 1972). So a choice that merely went
    along with good ones gets little. On these, omega squared is the share of variance between the
    values beyond what chance would give (Hays, Statistics for Psychologists, 1963):

        omega² = (SS_between - (k - 1) MS_within) / (SS_total + MS_within).

    A choice that not all trials make is judged on those that do, and counts with their share of
    the variance. Trials that were drawn at random are taken alone where there are 25 of them.
    """
    with single_blas_thread():
        return _importance(history, domain, paired=paired)


def _importance(history: History, domain: Domain, *, paired: bool) -> Importance:
    trials = comparable_trials(history, domain)
    drawn = [trial for trial in trials if is_drawn(trial)]
    if len(drawn) >= ENOUGH:
        trials = drawn
    scores = fenced_scores(trials, history.direction)
    explained, missing = _evidence(domain, trials, scores)
    counts = len(trials), min(len(drawn), len(trials)), explained
    if missing:
        return Importance((), (), *counts, missing)
    levels = [level for name in domain.names if (level := _levels(name, trials, domain))]
    choices, residuals = _main_effects(levels, scores)
    pairs: tuple[PairImportance, ...] = ()
    if paired and len(trials) >= ENOUGH_FOR_PAIRS:
        names = [choice.name for choice in choices[:_MOST_PAIRED]]
        heavy = [level for level in levels if level.name in names]
        pairs = _pairs(heavy, residuals, float(((scores - scores.mean()) ** 2).sum()))
    return Importance(choices, pairs, *counts, "")


def optuna_importance(history: History, domain: Domain) -> dict[str, float]:
    """Returns a second opinion, Optuna's conditional PED-ANOVA: the share of each choice."""
    try:
        from optuna.importance import get_param_importances
        from optuna.samplers import RandomSampler

        from nas_nb.strategy.optuna_samplers import Translation, told_study, told_trials
    except ImportError as error:
        raise SearchError(
            "A second opinion on importance needs optuna, which isn't installed. Run "
            '`pip install "nas_nb[optuna]"`.'
        ) from error
    translation = Translation(domain)
    told = told_trials(translation, history, len(history.completed))
    if len(told) < ENOUGH:
        raise SearchError(
            f"Expected {ENOUGH} completed trials or more, to tell which choices mattered. "
            f"Received: {len(told)}. Let the search train more."
        )
    found = get_param_importances(told_study(RandomSampler(0), history.direction, told))
    shares = dict.fromkeys(domain.names, 0.0)
    for key, share in found.items():
        shares[key.partition(":")[2]] += float(share)
    return dict(sorted(shares.items(), key=lambda pair: -pair[1]))


def is_drawn(trial: Trial) -> bool:
    """Returns whether its values were drawn, and not made from the scores of others."""
    return trial.how == "drawn" or trial.origin in ("random", "grid")


def _evidence(domain: Domain, trials: Sequence[Trial], scores: Vector) -> tuple[float, str]:
    """Returns the cross-validated R², and why that or the trials are no evidence."""
    if len(trials) < ENOUGH:
        return 0.0, (
            f"Not enough evidence on which choices mattered: {len(trials)} comparable trials have "
            f"completed, and {ENOUGH} are needed."
        )
    if scores.std() == 0:
        return 0.0, f"All {len(trials)} trials have the same score: no choice made a difference."
    explained = ScoreModel(domain, trials, scores).explained()
    if explained > 0:
        return explained, ""
    return explained, (
        f"Not enough evidence on which choices mattered: from the choices of {len(trials)} trials "
        f"the scores of others can't be predicted (cross-validated R² {explained:.2f})."
    )


def _levels(name: str, trials: Sequence[Trial], domain: Domain) -> _Levels | None:
    """Returns a choice as groups of trials; None where all that make it chose the same."""
    values = [trial.values.get(name) for trial in trials]
    known = {value for value in values if value is not None}
    parameters = [p for p in domain.parameters if p.name == name]
    if len(known) < 2:
        return None
    if len(known) > _MOST_LEVELS and all(p.is_ordered for p in parameters):
        return _binned(name, values)
    order = {v: at for p in reversed(parameters) for at, v in enumerate(p.choices)}
    ordered = sorted(known, key=lambda v: (order.get(v, 0), v if not isinstance(v, str) else 0))
    at = {value: group for group, value in enumerate(ordered)}
    groups = np.array([_INACTIVE if v is None else at[v] for v in values], dtype=np.intp)
    return _Levels(name, tuple(map(_text, ordered)), groups)


def _binned(name: str, values: Sequence[Value | None]) -> _Levels:
    """Returns the numbers in four groups of about equal size."""
    numbers = np.array([np.nan if v is None else float(v) for v in values])
    here = np.isfinite(numbers)
    edges = np.unique(np.quantile(numbers[here], np.linspace(0, 1, _BINS + 1)[1:-1]))
    groups = np.where(here, np.searchsorted(edges, numbers, side="right"), _INACTIVE)
    parts = [numbers[groups == group] for group in range(len(edges) + 1)]
    labels = tuple(f"{_text(p.min())} to {_text(p.max())}" if len(p) else "" for p in parts)
    return _Levels(name, labels, groups.astype(np.intp))


def _text(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _main_effects(
    levels: Sequence[_Levels], scores: Vector
) -> tuple[tuple[ChoiceImportance, ...], Vector]:
    """Returns all choices, heaviest first, and what the additive model leaves of the scores."""
    rng, count = np.random.default_rng(0), len(scores)
    groups = np.array([level.groups for level in levels], dtype=np.intp).reshape(-1, count)
    shares, shifts, residuals = _judged(levels, groups, scores)
    resampled = [rng.integers(count, size=count) for _ in range(_RESAMPLES)]
    again = [_judged(levels, groups[:, rows], scores[rows])[:2] for rows in resampled]
    found = []
    for place, level in enumerate(levels):
        low, high = _interval(shares[place], np.array([one[0][place] for one in again]))
        effects = []
        for group, label in enumerate(level.labels):
            shift = shifts[place][group]
            ends = np.nanquantile([one[1][place][group] for one in again] + [shift], _INTERVAL)
            size = int((level.groups == group).sum())
            if size:
                effects.append(Effect(label, float(shift), float(ends[0]), float(ends[1]), size))
        made = int((level.groups != _INACTIVE).sum())
        share = max(0.0, shares[place])
        found.append(ChoiceImportance(level.name, share, low, high, made, tuple(effects)))
    return tuple(sorted(found, key=lambda one: -one.share)), residuals


def _interval(share: float, again: Vector) -> tuple[float, float]:
    """Returns the percentiles, less the bias: a resample repeats rows, and so finds too much."""
    low, high = np.quantile(again - (again.mean() - share), _INTERVAL)
    return max(0.0, min(float(low), share)), min(1.0, max(float(high), share, 0.0))


def _judged(
    levels: Sequence[_Levels], groups: np.ndarray, scores: Vector
) -> tuple[list[float], list[Vector], Vector]:
    """Returns omega squared and the shifts of each choice, and the additive model's residuals."""
    centred = scores - scores.mean()
    total = float((centred**2).sum()) or 1.0
    blocks = []
    for level, mine in zip(levels, groups, strict=True):
        block = (mine[:, None] == np.arange(len(level.labels))).astype(float)
        blocks.append(block - block.mean(0))
    columns = np.concatenate(blocks, axis=1) if blocks else np.empty((len(scores), 0))
    if columns.shape[1] < len(scores):
        gram = columns.T @ columns + _RIDGE * np.eye(columns.shape[1])
        weights = np.linalg.solve(gram, columns.T @ centred)
    else:  # the dual form: trials are fewer than the columns of large spaces
        gram = columns @ columns.T + _RIDGE * np.eye(len(scores))
        weights = columns.T @ np.linalg.solve(gram, centred)
    residuals = centred - columns @ weights
    shares, shifts, at = [], [], 0
    for level, made, block in zip(levels, groups, blocks, strict=True):
        own = block @ weights[at : at + block.shape[1]]
        at += block.shape[1]
        active = made != _INACTIVE
        part, mine = (residuals + own)[active], made[active]
        shares.append(_omega_squared(mine, part) * _varied(part) / total)
        shifts.append(_shifts(mine, part, len(level.labels)))
    return shares, shifts, residuals


def _omega_squared(groups: Groups, scores: Vector, fitted: int = 0) -> float:
    """Returns omega squared, which chance makes negative as often as positive."""
    # `fitted` are the degrees of freedom between the groups that another model has used up.
    sizes = np.bincount(groups) if len(groups) else np.zeros(1)
    kept = sizes > 0
    count, free = len(scores), int(kept.sum()) - 1 - fitted
    within = count - int(kept.sum())
    if free < 1 or within < 1:
        return 0.0
    sums = np.bincount(groups, weights=scores)[kept]
    between = float((sums**2 / sizes[kept]).sum()) - count * float(scores.mean()) ** 2
    total = float(((scores - scores.mean()) ** 2).sum())
    noise = (total - between) / within
    return (between - free * noise) / (total + noise) if total > 0 else 0.0


def _shifts(groups: Groups, scores: Vector, count: int) -> Vector:
    """Returns the mean of each group less the mean of all others; NaN for an empty one."""
    sizes = np.bincount(groups, minlength=count)
    sums = np.bincount(groups, weights=scores, minlength=count)
    with np.errstate(invalid="ignore", divide="ignore"):
        shifts: Vector = sums / sizes - (scores.sum() - sums) / (len(scores) - sizes)
    return shifts


def _pairs(
    levels: Sequence[_Levels], residuals: Vector, total: float
) -> tuple[PairImportance, ...]:
    """Returns the pairs whose table explains more of the residuals than shuffled ones would."""
    tables: dict[tuple[str, str], _Table] = {}
    for one, other in itertools.combinations(levels, 2):
        both = (one.groups != _INACTIVE) & (other.groups != _INACTIVE)
        cells = one.groups[both] * len(other.labels) + other.groups[both]
        used = len(set(one.groups[both])) + len(set(other.groups[both])) - 2
        tables[one.name, other.name] = both, cells, used
    found = _shares(tables, residuals, total)
    rng = np.random.default_rng(0)
    chance = [
        max(_shares(tables, rng.permutation(residuals), total).values(), default=0.0)
        for _ in range(_SHUFFLES)
    ]
    bar = float(np.quantile(chance, _INTERVAL[1])) if chance else 0.0
    kept = [PairImportance(names, share) for names, share in found.items() if share > bar]
    return tuple(sorted(kept, key=lambda pair: -pair.share))


def _shares(
    tables: Mapping[tuple[str, str], _Table], residuals: Vector, total: float
) -> dict[tuple[str, str], float]:
    shares = {}
    for names, (both, cells, used) in tables.items():
        part = residuals[both]
        shares[names] = max(0.0, _omega_squared(cells, part, used)) * _varied(part) / total
    return shares


def _varied(scores: Vector) -> float:
    """Returns the sum of squares around the mean."""
    return float(((scores - scores.mean()) ** 2).sum()) if len(scores) else 0.0
