"""Which choices the scores depend on: omega squared, the effect of each value, pairs."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nas_nb.errors import SearchError
from nas_nb.explain.prediction import ENOUGH, ScoreModel, comparable_trials, fenced_scores
from nas_nb.strategy.base import single_blas_thread

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Value
    from nas_nb.space.domain import Domain

Vector = np.ndarray[tuple[int], np.dtype[np.float64]]
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
    """What one value of a choice does to the score.

    Attributes:
        value: The value, or the range of values that it stands for.
        shift: By how much trials with it score above those with the choice's other values, the
            other choices being equal, in units of the score.
        low: The lower end of its bootstrap interval, 90 %.
        high: The upper end.
        trials: How many trials had it.
    """

    value: str
    shift: float
    low: float
    high: float
    trials: int


class ChoiceImportance(NamedTuple):
    """How much the scores depend on one choice.

    Attributes:
        name: Of the choice.
        share: Omega squared: the share of the scores' variance that it explains, 0 to 1.
        low: The lower end of its bootstrap interval, 90 %.
        high: The upper end.
        trials: In how many trials the choice was made.
        effects: One for each value that was tried, in the values' order.
    """

    name: str
    share: float
    low: float
    high: float
    trials: int
    effects: tuple[Effect, ...]


class PairImportance(NamedTuple):
    """How much more two choices explain together than each alone: `share` of the variance."""

    names: tuple[str, str]
    share: float


class Importance(NamedTuple):
    """What was found.

    Attributes:
        choices: The choices, heaviest first; empty without evidence.
        pairs: Pairs that explain more than chance, heaviest first; of 80 trials or more.
        trials: How many trials it rests on.
        drawn: How many of them were drawn at random.
        explained: The cross-validated R² of a model of the scores, at most 1.
        missing: Why there is not enough evidence, in a sentence; "" where there is.
    """

    choices: tuple[ChoiceImportance, ...]
    pairs: tuple[PairImportance, ...]
    trials: int
    drawn: int
    explained: float
    missing: str

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


def choice_importance(history: History, domain: Domain) -> Importance:
    """Measures how much the score depends on each choice.

    An additive model of all choices is fitted first (ridge regression of the values that were
    chosen), and each choice is judged on its partial residuals, the scores less what the other
    choices explain (Larsen & McCleary, Technometrics 14, 1972). So a choice that merely went
    along with good ones gets little. On these, omega squared is the share of variance between the
    values beyond what chance would give (Hays, Statistics for Psychologists, 1963):

        omega² = (SS_between - (k - 1) MS_within) / (SS_total + MS_within).

    A choice that not all trials make is judged on those that do, and counts with their share of
    the variance. Trials that were drawn at random are taken alone where there are 25 of them.

    Args:
        history: What happened; its latest 250 comparable trials count.
        domain: The space.
    """
    with single_blas_thread():
        return _importance(history, domain)


def _importance(history: History, domain: Domain) -> Importance:
    trials = comparable_trials(history, domain)
    drawn = [trial for trial in trials if _is_drawn(trial)]
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
    if len(trials) >= ENOUGH_FOR_PAIRS:
        names = [choice.name for choice in choices[:_MOST_PAIRED]]
        paired = [level for level in levels if level.name in names]
        pairs = _pairs(paired, residuals, float(((scores - scores.mean()) ** 2).sum()))
    return Importance(choices, pairs, *counts, "")


def optuna_importance(history: History, domain: Domain) -> dict[str, float]:
    """Returns a second opinion, Optuna's conditional PED-ANOVA: the share of each choice.

    Raises:
        SearchError: Optuna is not installed, or there are fewer than 25 trials.
    """
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


def _is_drawn(trial: Trial) -> bool:
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
    # The dual form: trials are fewer than the columns of large spaces.
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
    """Returns omega squared, which chance makes negative as often as positive.

    Args:
        groups: The group of each score.
        scores: The scores.
        fitted: Degrees of freedom between the groups that another model has used up.
    """
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
