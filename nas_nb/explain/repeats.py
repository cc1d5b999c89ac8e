"""Architectures trained again, outside of the search's record: other seeds, or one change."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nas_nb.errors import SearchError, check_whole
from nas_nb.evaluate.global_state import seeded, trial_seed
from nas_nb.evaluate.trainer import train
from nas_nb.record.trial import sign_of
from nas_nb.record.trial_facts import noise, number_text
from nas_nb.search.budget import parse_duration

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Values
    from nas_nb.search.search import Search

OnTraining = Callable[[int, int], None]
"""Called with how many trainings have ended, and of how many."""
_OTHER_SEEDS = 1_000_000
"""Beyond the numbers of trials: what is confirmed has seeds that the search never used."""


class _Deadline:
    """Ends a training when the time is up."""

    def __init__(self, max_time: float | str | None) -> None:
        limit_s = parse_duration(max_time)
        self._end = math.inf if limit_s is None else time.monotonic() + limit_s

    def checkpoint(self) -> bool:
        """Says whether training has to end."""
        return time.monotonic() >= self._end


class Repeats:
    """Trains architectures of a search as the search does, with seeds of choice.

    Args:
        search: The search, which must not be running.
        max_time: Seconds, or text as "2 min", after which training ends; None for no limit.
    """

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
        finite = [score for score in scores if math.isfinite(score)]
        if result.stopped or not finite:
            return None
        return max(finite) if self._direction == "max" else min(finite)


class Confirmed(NamedTuple):
    """One trial that was trained again.

    Attributes:
        number: Of the trial.
        recorded: Its score in the search.
        scores: One for each seed.
        mean: Their mean.
        behind: By how much the winner's mean is better, paired over seeds; 0 for the winner.
        margin: How much of that difference is noise: half its 95 % interval.
        params: Its number of parameters; infinite where it is not known.
    """

    number: int
    recorded: float
    scores: tuple[float, ...]
    mean: float
    behind: float
    margin: float
    params: float = math.inf


class Confirmation(NamedTuple):
    """What training again has shown.

    Attributes:
        objective: What is compared.
        seeds: How many seeds all of them were trained with.
        trials: The trials, best mean first.
    """

    objective: str
    seeds: int
    trials: tuple[Confirmed, ...]

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
