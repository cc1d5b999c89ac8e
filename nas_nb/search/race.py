"""A race: strategies side by side on one space, each with several seeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from nas_nb.errors import SearchError
from nas_nb.search.budget import Budget, Duration, parse_duration
from nas_nb.search.project import PARENT
from nas_nb.search.race_course import course_of
from nas_nb.search.race_lane import Lane, SearchLane, TableLane
from nas_nb.search.race_results import frame, summary, winner
from nas_nb.search.search import Search
from nas_nb.search.settings import SpaceLike, as_data, as_space
from nas_nb.search.waiting import interrupt_stops
from nas_nb.strategy.names import make_strategy
from nas_nb.strategy.strategy import Strategy, refuse_without_data

if TYPE_CHECKING:
    import keras_tuner as kt
    import pandas as pd

    from nas_nb.data import Data
    from nas_nb.record.history import History
    from nas_nb.search.race_table import TableLike
    from nas_nb.space.domain import Domain

Racer = str | Strategy | Callable[..., Any]
STRATEGIES = ("random", "evolution", "local")


class Race:
    """Strategies side by side: the same space, data and budget, each with the same seeds.

    Each strategy and seed is a search of its own, with its journal in a folder of the race's. So
    nothing that was measured is lost: a race that was interrupted goes on with `run()`, also in
    another kernel, when it is made with the same `directory`.

    Args:
        space: The search space, a dict or a `build(hp)` function; for a `table` also a `Domain`,
            or None where the table is a search that knows its space.
        data: The data, as for `Search`; not for a `table`.
        strategies: Names, strategies or functions; a dict gives them names of your own.
        seeds: How many, or which.
        max_trials: Trials that may end, of each search.
        max_time: Time of each search: "2 min", seconds or a timedelta.
        epochs: Epochs that each trial is granted.
        objective: What is compared, as for `Search`.
        table: Known scores in place of training: a function or an object with `score(values)`, a
            mapping, or a finished search, its history or its folder. Then it takes seconds. Of a
            search only its own architectures count: each proposal is answered by the nearest one
            that was not tried.
        direction: Which scores of a table are better, "max" or "min".
        directory: The race's folder; default: a new one in `nas_nb_runs`.
        **options: Others of `Search`, the same for all: `batch_size`, `max_params`, ...

    Raises:
        NasError: Something does not fit; said in one sentence before anything runs.
    """

    def __init__(
        self,
        space: SpaceLike | Domain | None = None,
        data: Data | str | None = None,
        *,
        strategies: Sequence[Racer] | Mapping[str, Racer] = STRATEGIES,
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
        budget = Budget(max_trials, parse_duration(max_time))
        racers = labelled(strategies)
        self.directory = _folder(directory)
        self.seeds = _seeds(seeds)
        self.interrupted = False
        lane: Callable[..., Lane]
        if table is None:
            limits = {"max_trials": max_trials, "max_time": max_time, "epochs": epochs}
            search = _searches(space, data, objective=objective, **limits, **options)
            lane = lambda *own: SearchLane(*own, search=search)  # noqa: E731
        else:
            course = course_of(space, table, budget, direction)
            if max_trials is None and course.table.points is None:
                raise SearchError("A race over a table ends by its trials: set max_trials=50.")
            for racer in racers.values():
                refuse_without_data(make_strategy(racer, course.domain))
            lane = lambda *own: TableLane(*own, course=course)  # noqa: E731
        # Seed by seed, so that all strategies can soon be compared.
        self.lanes: list[Lane] = [
            lane(label, racer, seed, self.directory / f"{label}-seed{seed}")
            for seed in self.seeds
            for label, racer in racers.items()
        ]

    @property
    def labels(self) -> tuple[str, ...]:
        """The strategies' names in the race, in order."""
        return tuple(dict.fromkeys(lane.label for lane in self.lanes))

    @property
    def histories(self) -> dict[tuple[str, int], History]:
        """What happened, by strategy and seed; it grows while the race runs."""
        return {(lane.label, lane.seed): lane.history for lane in self.lanes}

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
        """The strategy with the best mean of its seeds' incumbents; None before there are any."""
        return winner(self.histories, self.direction)

    def run(self) -> Self:
        """Runs what is left of the race in the calling thread; an interrupt stops it gracefully.

        Raises:
            NasError: A search ended by an error, or stopped by itself.
        """
        self.interrupted = False
        with interrupt_stops(self.stop):
            for lane in self.lanes:
                if self.interrupted or not lane.run():
                    self.interrupted = True
                    break
                self._on_lane(lane)
        return self

    def stop(self) -> None:
        """Asks the race to end within a batch or a second; `run()` goes on with it."""
        self.interrupted = True
        for lane in self.lanes:
            lane.stop()

    def frame(self) -> pd.DataFrame:
        """Returns one row for each trial that ended.

        Columns: strategy, seed, trial (1 for the first that ended), score (NaN if it failed),
        incumbent (the best score so far), epochs (spent so far), time_s (spent on trials so far).
        """
        return frame(self.histories)

    def summary(self) -> pd.DataFrame:
        """Returns one row for each strategy, the best first.

        Columns: seeds (that have an incumbent), mean (of the incumbents' scores),
        standard_error (of the mean; NaN for one seed), best, trials (mean), time_s (mean).
        """
        return summary(self.histories, self.direction)

    def _on_lane(self, lane: Lane) -> None:
        """Is told after each search that ended."""

    def __repr__(self) -> str:
        left = sum(1 for lane in self.lanes if not lane.history.finished)
        state = f"interrupted, {left} of {len(self.lanes)} searches not begun: `.run()` goes on"
        head = f"Race of {len(self.labels)} strategies, {len(self.seeds)} seeds, {self.objective}"
        table = self.summary().to_string(float_format="{:.4g}".format)
        return f"{head}{f' ({state})' if self.interrupted else ''}\n{table}"


def labelled(strategies: Sequence[Racer] | Mapping[str, Racer]) -> dict[str, Racer]:
    """Returns the strategies by names that differ and that a folder can have.

    Raises:
        SearchError: There is none, or a name is given twice.
    """
    if isinstance(strategies, str) or not strategies:
        raise SearchError(
            "Expected a list of strategies to race, for example "
            f'strategies=["random", "evolution"]. Received: {strategies!r}.'
        )
    if isinstance(strategies, Mapping):
        named = dict(strategies)
    else:
        named = {}
        for racer in strategies:
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
        if not label or any(character in label for character in '/\\:*?"<>|'):
            raise SearchError(f"A strategy's name names a folder, too. Received: {label!r}.")
    return named


def _seeds(seeds: int | Iterable[int]) -> tuple[int, ...]:
    known = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not known or len(set(known)) < len(known):
        raise SearchError(f"Expected one seed or more, each once. Received: seeds={seeds!r}.")
    return known


def _folder(directory: str | Path | None) -> Path:
    if directory is not None:
        return Path(directory).expanduser().absolute()
    stem = PARENT / f"{time.strftime('%Y%m%d-%H%M%S')}-race"
    folder, number = stem, 1
    while folder.exists():
        number += 1
        folder = stem.with_name(f"{stem.name}-{number}")
    return folder.absolute()


def _searches(space: Any, data: Data | str | None, **same: Any) -> Callable[..., Search]:
    """Returns what makes the searches; checks what they have in common by making settings."""
    if space is None:
        raise SearchError("Expected a space to race on, or a `table` that knows its own.")
    known = as_data(data)
    bound = as_space(space)
    bound.for_data(known.spec)
    return lambda **own: Search(bound, known, **same, **own)
