"""Strategies side by side, each with several seeds."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import pandas as pd

from nas_nb.errors import SearchError, printable, tell
from nas_nb.record.trial_facts import noise
from nas_nb.search.budget import Budget, Duration
from nas_nb.search.folder import choose_folder
from nas_nb.search.race_runs import RaceRun, TabularRun, TrainedRun, race_task
from nas_nb.search.search import Search
from nas_nb.search.session import interrupt_stops
from nas_nb.search.settings import SpaceLike, as_data, as_space
from nas_nb.strategy.base import Strategy, refuse_without_data
from nas_nb.strategy.registry import make_strategy

if TYPE_CHECKING:
    import keras_tuner as kt

    from nas_nb.data.dataset import Data
    from nas_nb.record.history import History
    from nas_nb.search.race_runs import TableLike
    from nas_nb.space.domain import Domain

RaceEntry = str | Strategy | Callable[..., Any]
STRATEGIES = ("random", "evolution", "local_search")


class Race:
    """Strategies side by side: the same space, data and budget, each with the same seeds.

    Each strategy and seed is a search of its own, with its journal in a folder of the race's. So
    nothing that was measured is lost: a race that was interrupted goes on with `run()`, also in
    another kernel, when it is made with the same `directory`.
    """

    def __init__(
        self,
        space: SpaceLike | Domain | None = None,
        data: Data | str | None = None,
        *,
        strategies: Sequence[RaceEntry] | Mapping[str, RaceEntry] = STRATEGIES,
        seeds: int | Iterable[int] = 3,
        max_trials: int | None = None,
        max_time: Duration | None = None,
        epochs: int = 10,
        objective: str | kt.Objective | None = None,
        table: TableLike | None = None,
        direction: str = "max",
        directory: str | Path | None = None,
        **options: Any,
    ) -> None:
        budget = Budget.parse(max_trials=max_trials, max_time=max_time)
        racers = label_strategies(strategies)
        self.directory = choose_folder(directory, "race")
        self.seeds = _seeds(seeds)
        self.interrupted = False
        race_run: Callable[..., RaceRun]
        if table is None:
            limits = {"max_trials": max_trials, "max_time": max_time, "epochs": epochs}
            search = _searches(space, data, objective=objective, **limits, **options)
            race_run = lambda *own: TrainedRun(*own, search=search)  # noqa: E731
        else:
            task = race_task(space, table, budget, direction)
            if max_trials is None and task.table.points is None:
                raise SearchError("A race over a table ends by its trials: set max_trials=50.")
            for racer in racers.values():
                refuse_without_data(make_strategy(racer, task.domain))
            race_run = lambda *own: TabularRun(*own, task=task)  # noqa: E731
        # Seed by seed, so that all strategies can soon be compared.
        self.race_runs: list[RaceRun] = [
            race_run(label, racer, seed, self.directory)
            for seed in self.seeds
            for label, racer in racers.items()
        ]
        anew = {one.label: one.anew for one in self.race_runs if one.anew}
        if anew:
            said = "; ".join(f"'{label}' ({difference})" for label, difference in anew.items())
            tell(f"The race in {self.directory} runs anew what was changed since: {said}.")

    @property
    def labels(self) -> tuple[str, ...]:
        """The strategies' names in the race, in order."""
        return tuple(dict.fromkeys(race_run.label for race_run in self.race_runs))

    @property
    def histories(self) -> dict[tuple[str, int], History]:
        """What happened, by strategy and seed; it grows while the race runs."""
        return {(race_run.label, race_run.seed): race_run.history for race_run in self.race_runs}

    @property
    def objective(self) -> str:
        """What is compared."""
        return next((h.objective for h in self.histories.values() if h.opened), "score")

    @property
    def direction(self) -> str:
        """Which scores are better: "max" or "min"."""
        return next((h.direction for h in self.histories.values() if h.opened), "max")

    @property
    def winner(self) -> str | None:
        """The strategy with the best mean of its seeds' incumbents, beyond noise.

        None before there is one, and where others can't be told from it: see `leaders`.
        """
        leaders = self.leaders
        return leaders[0] if len(leaders) == 1 else None

    @property
    def leaders(self) -> tuple[str, ...]:
        """The best mean's strategy first, then those within noise of it; none before any is known.

        Noise is half the 95 % interval of a difference of two means over seeds (Welch's t). One
        seed tells no error, so no strategy is told from another.
        """
        return race_leaders(self.histories, self.direction)

    def run(self) -> Self:
        """Runs what is left of the race in the calling thread; an interrupt stops it gracefully."""
        self.interrupted = False
        with interrupt_stops(self.stop):
            for race_run in self.race_runs:
                if self.interrupted or not race_run.run():
                    self.interrupted = True
                    break
                self._on_race_run(race_run)
        return self

    def stop(self) -> None:
        """Asks the race to end within a batch or a second; `run()` goes on with it."""
        self.interrupted = True
        for race_run in self.race_runs:
            race_run.stop()

    def frame(self) -> pd.DataFrame:
        """Returns one row for each trial that ended.

        Columns: strategy, seed, trial (1 for the first that ended), score (NaN if it failed),
        incumbent (the best score so far), epochs (spent so far), time_s (spent on trials so far).
        """
        return race_frame(self.histories)

    def summary(self) -> pd.DataFrame:
        """Returns one row for each strategy, the best first.

        Columns: seeds (that have an incumbent), mean (of the incumbents' scores),
        standard_error (of the mean; NaN for one seed), best, trials (mean), time_s (mean).
        """
        return race_summary(self.histories, self.direction)

    def _on_race_run(self, race_run: RaceRun) -> None:
        """Is told after each search that ended."""

    def __repr__(self) -> str:
        left = sum(1 for race_run in self.race_runs if not race_run.history.finished)
        state = f"interrupted, {left} of {len(self.race_runs)} searches not begun: `.run()` goes on"
        head = f"Race of {len(self.labels)} strategies, {len(self.seeds)} seeds, {self.objective}"
        table = self.summary().to_string(float_format="{:.4g}".format)
        best = f"\nBest: {leaders_text(self)}." if len(self.leaders) > 1 else ""
        return printable(f"{head}{f' ({state})' if self.interrupted else ''}\n{table}{best}")


def label_strategies(
    strategies: Sequence[RaceEntry] | Mapping[str, RaceEntry],
) -> dict[str, RaceEntry]:
    """Returns the strategies by names that differ and that a folder can have."""
    known: Any = strategies if isinstance(strategies, Mapping) else _listed(strategies)
    if not known:
        raise SearchError(
            "Expected a list of strategies to race, for example "
            f'strategies=["random", "evolution"]. Received: {strategies!r}.'
        )
    if isinstance(known, Mapping):
        named = dict(known)
    else:
        named = {}
        for racer in known:
            label = racer if isinstance(racer, str) else make_strategy(racer).name
            if label in named:
                raise SearchError(
                    f"Two strategies of the race are called '{label}': name them in a dict, for "
                    f"example strategies={{'{label} A': ..., '{label} B': ...}}."
                )
            named[label] = racer
    for racer in named.values():
        make_strategy(racer)  # refused here, before the first has run
    for label in named:
        if not isinstance(label, str) or not label.strip():
            raise SearchError(f"Expected names of strategies as text. Received: {label!r}.")
    return named


_MOST_SEEDS = 1000


def _seeds(seeds: int | Iterable[int]) -> tuple[int, ...]:
    known = _listed(range(seeds) if isinstance(seeds, int) and seeds <= _MOST_SEEDS else seeds)
    whole = all(isinstance(seed, int) and seed >= 0 for seed in known)
    if not 0 < len(known) <= _MOST_SEEDS or not whole or len(set(known)) < len(known):
        expected = f"Expected 1 to {_MOST_SEEDS} seeds, each once."
        raise SearchError(f"{expected} Received: seeds={reprlib.repr(seeds)}.")
    return known


def _listed(given: Any) -> tuple[Any, ...]:
    """The members of what is listed; none where it is text or no list."""
    try:
        return () if isinstance(given, str) else tuple(given)
    except TypeError:
        return ()


def _searches(space: Any, data: Data | str | None, **same: Any) -> Callable[..., Search]:
    """Returns what makes the searches; checks what they have in common by making settings."""
    if space is None:
        raise SearchError("Expected a space to race on, or a `table` that knows its own.")
    known = as_data(data)
    bound = as_space(space)
    bound.for_data(known.spec)
    return lambda **own: Search(bound, known, **same, **own)


Histories = Mapping[tuple[str, int], "History"]
"""What happened, by strategy and seed."""


class IncumbentCurve(NamedTuple):
    """A search as a line: of its ended trials in order."""

    scores: list[float]  # NaN where a trial failed
    incumbents: list[float]  # the best score so far; NaN before there is one
    epochs: list[int]  # spent so far
    times_s: list[float]  # seconds spent on trials so far


def incumbent_curve(history: History) -> IncumbentCurve:
    """Returns the line of a search."""
    run = IncumbentCurve([], [], [], [])
    best, epochs, time_s = math.nan, 0, 0.0
    for trial in history.finished:
        score = math.nan if trial.score is None else trial.score
        if history.is_better(score, best):
            best = score
        parent = None if trial.parent is None else history[trial.parent]
        continued = parent is not None and parent.values == trial.values
        epochs += trial.epochs - (parent.epochs if parent is not None and continued else 0)
        time_s += trial.duration_s
        run.scores.append(score)
        run.incumbents.append(best)
        run.epochs.append(epochs)
        run.times_s.append(time_s)
    return run


def race_frame(histories: Histories) -> pd.DataFrame:
    """Returns one row for each trial that ended; see `NotebookRace.frame`."""
    parts = []
    for (label, seed), history in histories.items():
        run = incumbent_curve(history)
        parts.append(
            pd.DataFrame(
                {
                    "strategy": pd.Series([label] * len(run.scores), dtype="object"),
                    "seed": seed,
                    "trial": np.arange(1, len(run.scores) + 1),
                    "score": np.array(run.scores, dtype=float),
                    "incumbent": np.array(run.incumbents, dtype=float),
                    "epochs": np.array(run.epochs, dtype=int),
                    "time_s": np.array(run.times_s, dtype=float),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def race_summary(histories: Histories, direction: str) -> pd.DataFrame:
    """Returns one row for each strategy, the best first; see `NotebookRace.summary`."""
    rows = {}
    for label in dict.fromkeys(label for label, _ in histories):
        own = [history for (name, _), history in histories.items() if name == label]
        scores = [h.incumbent.score for h in own if h.incumbent is not None]
        finals = np.array([score for score in scores if score is not None], dtype=float)
        begun = [history for history in own if history.finished]
        rows[label] = {
            "seeds": len(finals),
            # Exactly summed, so that the order of the seeds decides no tie.
            "mean": math.fsum(finals) / len(finals) if len(finals) else math.nan,
            "standard_error": _standard_error(finals),
            "best": _best(finals, direction),
            "trials": float(np.mean([len(h.finished) for h in begun])) if begun else 0.0,
            "time_s": float(np.mean([h.busy_s for h in begun])) if begun else 0.0,
        }
    # As objects: pandas on pyarrow refuses names that are no Unicode.
    labels = pd.Index(list(rows), dtype="object", name="strategy")
    table = pd.DataFrame(list(rows.values()), index=labels)
    return table.sort_values("mean", ascending=direction == "min", kind="stable")


def race_leaders(histories: Histories, direction: str) -> tuple[str, ...]:
    """Returns the strategy with the best mean, then those within noise of it."""
    table = race_summary(histories, direction).dropna(subset="mean")
    rows = list(zip(table["mean"], table["standard_error"], table["seeds"], strict=True))
    near = [abs(row[0] - rows[0][0]) <= _noise_of_means(rows[0], row) for row in rows]
    return tuple(str(label) for label, is_near in zip(table.index, near, strict=True) if is_near)


def leaders_text(race: Race) -> str:
    """Returns who leads: a tie is called one, and so is what can't be told from it."""
    means = race.summary()["mean"]
    tied = [label for label in race.leaders if means[label] == means.iloc[0]]
    near = [label for label in race.leaders if label not in tied]
    told = f"a tie of {' and '.join(tied)}" if len(tied) > 1 else tied[0]
    return f"{told} (can't be told from {', '.join(near)})" if near else told


def _noise_of_means(*rows: tuple[float, float, int]) -> float:
    """Returns the noise of two means by Welch's t, each (mean, standard error, seeds)."""
    if min(seeds for _, _, seeds in rows) < 2:
        return math.inf
    variances = [error**2 for _, error, _ in rows]
    freedom = sum(v**2 / (row[2] - 1) for v, row in zip(variances, rows, strict=True))
    degrees = sum(variances) ** 2 / freedom if freedom else math.inf
    return noise(*(error for _, error, _ in rows), degrees=degrees)


def _standard_error(scores: np.ndarray) -> float:
    if len(scores) < 2:
        return math.nan
    if np.ptp(scores) <= 1e-12 * np.abs(scores).max():
        return 0.0  # equal but for rounding
    return float(scores.std(ddof=1) / math.sqrt(len(scores)))


def _best(scores: np.ndarray, direction: str) -> float:
    if not len(scores):
        return math.nan
    return float(scores.max() if direction == "max" else scores.min())
