"""How sure a winner is: what shares its score, what that is believed to be, other seeds."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nas_nb.errors import SearchError, check_whole, reason_of
from nas_nb.evaluate.global_state import seeded, trial_seed
from nas_nb.evaluate.trainer import train
from nas_nb.explain.importance import ENOUGH, ScoreModel, comparable_trials, fenced_scores
from nas_nb.record.trial import best_score, sign_of
from nas_nb.record.trial_facts import noise, number_text, score_error, within_noise
from nas_nb.search.budget import parse_duration
from nas_nb.strategy.base import single_blas_thread

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Values
    from nas_nb.search.search import Search
    from nas_nb.space.domain import Domain


OnTraining = Callable[[int, int], None]
"""Called with how many trainings have ended, and of how many."""
_OTHER_SEEDS = 1_000_000
"""Beyond the numbers of trials: what is confirmed has seeds that the search never used."""


class _Deadline:
    """Ends a training when the time is up."""

    def __init__(self, max_time: float | str | None) -> None:
        limit_s = parse_duration(max_time)
        if limit_s is not None and not limit_s > 0:
            raise SearchError(f"Expected `max_time` above 0. Received: max_time={max_time!r}.")
        self._end = math.inf if limit_s is None else time.monotonic() + limit_s

    def checkpoint(self) -> bool:
        """Says whether training has to end."""
        return time.monotonic() >= self._end


class Repeats:
    """Trains architectures of a search as the search does, with seeds of choice."""

    def __init__(self, search: Search, max_time: float | str | None) -> None:
        if search.state.live:
            raise SearchError(
                f"Expected a search that has ended. Received: '{search.name}', which is "
                f"{search.state}. Stop it, or wait for it, first."
            )
        self._settings, self._direction = search.settings, search.direction
        self._deadline = _Deadline(max_time)

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return self._deadline.checkpoint()

    def score(self, values: Values, seed: int, fidelity: Mapping[str, float]) -> float | None:
        """Trains once; returns the best epoch's score, None if the time was up or it diverged."""
        granted = self._settings.fidelity.granted(fidelity)
        space, data = self._settings.fidelity_cache.of(granted)
        name, scores = str(self._settings.objective.name), []

        def on_epoch(epoch: int, logs: Mapping[str, float], duration_s: float) -> None:
            scores.append(float(logs[name]))

        try:
            with seeded(seed):
                model = space.build_values(values)
            result = train(
                model,
                data,
                epochs=granted.epochs,
                batch_size=granted.batch_size,
                seed=seed,
                on_epoch=on_epoch,
                control=self._deadline,
            )
        except Exception as error:  # a build function of the user's may raise anything
            raise SearchError(f"{dict(values)} can't be trained: {reason_of(error)}.") from error
        finite = [score for score in scores if math.isfinite(score)]
        if result.stopped or not finite:
            return None
        return best_score(finite, self._direction)


class Confirmed(NamedTuple):
    """One trial that was trained again."""

    number: int  # of the trial
    recorded: float  # its score in the search
    scores: tuple[float, ...]  # one for each seed
    mean: float  # their mean
    behind: float  # by how much the winner's mean is better, paired over seeds; 0 for the winner
    margin: float  # how much of that difference is noise: half its 95 % interval
    params: float = math.inf  # its number of parameters; infinite where it is not known


class Confirmation(NamedTuple):
    """What training again has shown."""

    objective: str  # what is compared
    seeds: int  # how many seeds all of them were trained with
    trials: tuple[Confirmed, ...]  # the trials, best mean first

    @property
    def verdict(self) -> str:
        """Whether the winner can be told from the others, in a sentence."""
        first, *rest = self.trials
        near = [one for one in rest if one.behind <= one.margin]
        mean = f"{self.objective} {number_text(first.mean)} over {self.seeds} new seeds"
        lucky = f"the search had measured {number_text(first.recorded)}"
        if not near:
            return f"Trial {first.number} is confirmed as the best: {mean} ({lucky})."
        names = ", ".join(str(one.number) for one in near)
        small = min((first, *near), key=lambda one: one.params)
        return (
            f"Trial {first.number} has the best mean, {mean} ({lucky}), but can't be told from "
            f"trial{'s' if len(near) > 1 else ''} {names}: take the smallest of them, trial "
            f"{small.number}, or use more seeds."
        )


def confirm(
    search: Search,
    top: int = 5,
    seeds: int = 3,
    max_time: float | str | None = None,
    on_training: OnTraining = lambda done, of: None,
) -> Confirmation:
    """Trains the best trials again, each with the same new seeds, and compares them in pairs.

    Differences within a seed are compared with Student's t over the seeds (paired t interval,
    95 %), so that what a seed does to all of them does not count.

    Args:
        search: A search that has ended.
        top: How many of the best, 2 or more.
        seeds: Trainings of each, 2 or more.
        max_time: Seconds, or text as "2 min": seeds that not all were trained with are left out.
        on_training: Is told the progress.

    Raises:
        SearchError: The search runs, fewer than 2 trials completed, or time was up too early.
    """
    check_whole("", "top", top, 2)
    check_whole("", "seeds", seeds, 2)
    repeats, history = Repeats(search, max_time), search.history
    trials = sorted((t for t in history.completed if t.score is not None), key=history.rank)[:top]
    if len(trials) < 2:
        raise SearchError(
            f"Expected 2 completed trials or more, to compare them. Received: {len(trials)}. Let "
            "the search train more."
        )
    rows: list[list[float]] = []
    for repeat in range(seeds):
        row: list[float] = []
        for trial in trials:
            seed = trial_seed(search.seed, _OTHER_SEEDS + repeat)
            score = None if repeats.is_over else repeats.score(trial.values, seed, trial.fidelity)
            if score is None:
                break
            row.append(score)
            on_training(repeat * len(trials) + len(row), seeds * len(trials))
        if len(row) < len(trials):
            break
        rows.append(row)
    if len(rows) < 2:
        raise SearchError(
            f"Expected time for 2 trainings or more of each of {len(trials)} trials. Received: "
            f"max_time={max_time!r}, enough for {len(rows)}. Give more time, or a smaller `top`."
        )
    return _compared(search.objective, search.direction, trials, np.array(rows))


def _compared(
    objective: str, direction: str, trials: Sequence[Trial], scores: np.ndarray
) -> Confirmation:
    """Returns the comparison; `scores` has a row a seed and a column a trial."""
    sign, count = sign_of(direction), len(scores)
    means = scores.mean(0)
    order = np.argsort(-sign * means, kind="stable")
    found = []
    for place in order:
        gaps = sign * (scores[:, order[0]] - scores[:, place])
        margin = noise(float(gaps.std(ddof=1)) / math.sqrt(count), degrees=count - 1)
        trial = trials[place]
        own = tuple(map(float, scores[:, place]))
        told = (trial.score or 0.0, own, float(means[place]), float(gaps.mean()), margin)
        found.append(Confirmed(trial.number, *told, trial.costs.get("params", math.inf)))
    return Confirmation(objective, count, tuple(found))


def winner_of(history: History) -> Trial:
    """Returns the incumbent; raises a `SearchError` where there is none."""
    best = history.incumbent
    if best is None:
        raise SearchError(
            f"Expected a completed trial. Received: {len(history.finished)} trials that ended, and "
            "none completed. Let the search train more; `search.trials` has the reasons."
        )
    return best


Vector = np.ndarray[tuple[int], np.dtype[np.float64]]

_TOP = 5
_ATOMS, _STEPS, _REACH, _MOST_SCORES = 100, 200, 8, 1000


class NearBest(NamedTuple):
    """The trials that the winner can't be told from."""

    error: float  # the standard error of the winner's score
    trials: tuple[Trial, ...]  # the others, best first
    smallest: Trial | None  # the smallest, the winner included; None if unknown


def near_best(history: History, error: float | None = None) -> NearBest | None:
    """Returns which trials are within `noise` of the best; None if that is unknown."""
    best, near = history.incumbent, within_noise(history, error)
    error = score_error(history, best) if error is None and best is not None else error
    if best is None or near is None or error is None:
        return None
    sized = [trial for trial in (best, *near) if "params" in trial.costs]
    smallest = min(sized, key=lambda trial: trial.costs["params"], default=None)
    return NearBest(error, tuple(sorted(near, key=history.rank)), smallest)


def believed_score(history: History, trial: Trial, error: float | None = None) -> float | None:
    """Returns a score less the luck that a search selects for; None if its error is unknown.

    The winner of many noisy measurements is also the luckiest. What a score is believed to be is
    its posterior mean, where the prior is the distribution of true scores under which all scores
    of the search are most likely (Kiefer & Wolfowitz, Annals of Mathematical Statistics 27, 1956;
    Jiang & Zhang, General Maximum Likelihood Empirical Bayes Estimation of Normal Means, Annals of
    Statistics 37, 2009). The more trials crowd below the winner, the further it goes back.
    """
    error = score_error(history, trial) if error is None else error
    if error is None or trial.score is None:
        return None
    others = [t for t in history.completed if t.fidelity == trial.fidelity]
    scores = np.array([t.score for t in others if t.score is not None], dtype=float)
    scores = scores[np.isfinite(scores)]
    return shrunk(trial.score, scores, error)


def shrunk(score: float, scores: Vector, error: float) -> float:
    """Returns the posterior mean of what a score was measured of; `scores` holds it, too."""
    near = np.sort(scores[np.abs(scores - score) <= _REACH * error])
    if error <= 0 or not len(near):
        return score
    near = near[:: -(-len(near) // _MOST_SCORES)]
    atoms = np.linspace(near[0], near[-1], _ATOMS)
    likelihood = np.exp(-0.5 * ((near[:, None] - atoms) / error) ** 2)
    weights = np.full(_ATOMS, 1 / _ATOMS)
    for _ in range(_STEPS):  # expectation-maximisation
        shares = likelihood * weights
        weights = (shares / shares.sum(1, keepdims=True)).mean(0)
    own = np.exp(-0.5 * ((score - atoms) / error) ** 2) * weights
    return float((own * atoms).sum() / own.sum())


def believed_best(history: History, domain: Domain, error: float | None = None) -> Trial:
    """Returns which of the five best scores is believed to belong to the best architecture.

    The highest score was also the luckiest, and trials of like architectures tell who was: of those
    five the one with the highest posterior mean of a Gaussian process of all is taken (Picheny,
    Wagner & Ginsbourger, A Benchmark of Kriging-Based Infill Criteria for Noisy Optimization,
    Structural and Multidisciplinary Optimization 48, 2013); below 25 trials the winner.
    """
    best, trials = winner_of(history), comparable_trials(history, domain)
    error = score_error(history, best) if error is None else error
    alike = (t for t in trials if t.fidelity == best.fidelity)
    top = [best, *(t for t in sorted(alike, key=history.rank)[:_TOP] if t.number != best.number)]
    if len(trials) < ENOUGH or not domain.contains(best.values):
        return best
    seen = [*{trial.number: trial for trial in (*trials, *top)}.values()]
    with single_blas_thread():
        model = ScoreModel(domain, seen, fenced_scores(seen, history.direction), error or 0.0)
        means, _ = model.predict([trial.values for trial in top])
    return top[int(np.argmax(history.sign * means))]


def last_epoch_score(history: History, trial: Trial) -> float | None:
    """Returns the objective after the trial's last epoch: its score is that of its best one."""
    last = trial.curve[-1].get(history.objective) if len(trial.curve) else None
    return last if last is not None and math.isfinite(last) else None
