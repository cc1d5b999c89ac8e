"""`nas.benchmark("digits")`: a space whose every architecture was trained already."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nas_nb.course.table import DIGITS, Array, Table, read_published, unpack
from nas_nb.errors import (
    DataError,
    SearchError,
    SpaceError,
    can_iterate,
    check_flags,
    check_type,
    check_whole,
    is_whole,
    nearest,
    shown,
)
from nas_nb.record.history import History
from nas_nb.record.trial import TrialStatus
from nas_nb.strategy.base import (
    Proposal,
    SpaceExhausted,
    Strategy,
    proposal_rng,
    refuse_without_data,
)
from nas_nb.strategy.registry import StrategyLike, make_strategy

if TYPE_CHECKING:
    from nas_nb.record.trial import Trial, Value, Values
    from nas_nb.space.domain import Domain

TABLES = Path(__file__).parent / "tables"
SUFFIX = ".table"
OBJECTIVE = "val_accuracy"

ArchitectureLike = Any
"""Values, a `Trial`, or an architecture of `nas.SearchSpace`."""


@dataclass(frozen=True)
class Measured:
    """What is known of an architecture.

    Attributes:
        score: Validation accuracy, 0 to 1: of one seed, or the mean of all.
        standard_error: Of that mean; NaN for one seed.
        seeds: How many trainings are behind the score.
        epochs: After how many epochs.
        test: Test accuracy after the last epoch; NaN where not known. For reports only.
        loss: Validation loss, as the score; NaN where not known.
        duration_s: Processor seconds of the training for so many epochs.
        costs: E.g. {"params": 1234, "macs": 56789}.
    """

    score: float
    standard_error: float
    seeds: int
    epochs: int
    test: float
    loss: float
    duration_s: float
    costs: dict[str, float]


@dataclass(frozen=True)
class Ranked:
    """One line of the ranked list: the rank from 1, the values, and what is known of them."""

    rank: int
    values: dict[str, Value]
    measured: Measured


@dataclass(frozen=True, eq=False)
class Benchmark:
    """A space of architectures that were all really trained; it answers at once.

    Attributes:
        table: What was measured.
        pace: How much of a training's own time each trial of `search` takes: 0 answers at once,
            1 takes as long as it took.
    """

    table: Table
    pace: float = 0.0

    @property
    def name(self) -> str:
        """What it is called."""
        return self.table.name

    @property
    def space(self) -> Domain:
        """The architectures: `sample`, `mutate`, `neighbours`, `size`, `distance`."""
        return self.table.domain

    @property
    def epochs(self) -> int:
        """The epochs of a full training."""
        return self.table.epochs[-1]

    @property
    def seeds(self) -> int:
        """From how many seeds every architecture was trained; the best may have more."""
        known = ~np.isnan(vars(self.table)["scores"][:, :, -1])  # so no answer was read
        return int(known.all(axis=1).sum())

    def __len__(self) -> int:
        return len(self.table.points)

    def __repr__(self) -> str:
        seeds = f"{self.seeds} seed{'' if self.seeds == 1 else 's'}"
        return (
            f"<Benchmark {self.name}: {len(self):,} architectures, {self.epochs} epochs, {seeds}>"
        )

    def query(
        self, architecture: ArchitectureLike, epochs: int | None = None, seed: int | None = None
    ) -> Measured:
        """Returns what was measured of an architecture.

        Args:
            architecture: Its values, a trial, or an architecture of `nas.SearchSpace`.
            epochs: After how many; default: the full training.
            seed: Of one training, from 0; default: the mean of all.

        Raises:
            SpaceError: It is no architecture of this space.
            DataError: The table has no such epoch or seed.

        Example:
            >>> bench = nas.benchmark("digits")
            >>> one = bench.space.sample(np.random.default_rng(0))
            >>> 0 < bench.query(one, epochs=3).score < 1
            True
        """
        number, column = self._number(architecture), self._column(epochs)
        table, part = self.table, self._seed(architecture, seed)
        scores = table.scores[part, number, column]
        scores = scores[~np.isnan(scores)]
        if not len(scores):
            raise DataError(
                f"Expected a seed that this architecture was trained from. Received: seed={seed}."
            )
        spread = scores.std(ddof=1) / math.sqrt(len(scores)) if len(scores) > 1 else math.nan
        share = table.epochs[column] / self.epochs
        losses = None if table.losses is None else table.losses[part, number, column]
        return Measured(
            round(float(scores.mean()), DIGITS),
            round(float(spread), DIGITS),
            len(scores),
            table.epochs[column],
            _mean(table.test[part, number]),
            _mean(losses),
            _mean(table.seconds[part, number]) * share,
            {name: float(known[number]) for name, known in table.costs.items()},
        )

    def score(self, values: Values, epochs: int | None = None) -> float:
        """Returns the mean score; waits as `pace` says. For `nas.race(space, table=benchmark)`."""
        if self.pace:
            time.sleep(self.duration_s(values, epochs) * self.pace)
        return float(self.table.means[self._number(values), self._column(epochs)])

    def duration_s(self, values: Values, epochs: int | None = None) -> float:
        """Returns the seconds that the training took."""
        taken = self.table.mean_seconds[self._number(values)]
        return float(taken * self.table.epochs[self._column(epochs)] / self.epochs)

    def regret(self, found: ArchitectureLike | History) -> float:
        """Returns how far the mean score of an architecture is below the best one's; 0 or more.

        Args:
            found: An architecture, or a history, of which the incumbent counts.
        """
        if isinstance(found, History):
            if found.incumbent is None:
                raise SearchError("Expected a history with a completed trial. Received: none.")
            found = found.incumbent
        return float(self._full.max() - self._full[self._number(found)])

    def ranked(self, most: int | None = 10) -> list[Ranked]:
        """Returns the best architectures by their mean score, the best first; None for all."""
        if most is not None:
            check_whole("", "most", most, 1, error=SearchError)
        order = np.argsort(-self._full, kind="stable")[:most]
        points = [self.table.points[number] for number in order]
        return [Ranked(n, dict(p), self.query(p)) for n, p in enumerate(points, 1)]

    def search(
        self, strategy: StrategyLike, trials: int = 40, seed: int = 0, *, curves: bool = True
    ) -> History:
        """Lets a strategy search, and returns what happened; takes milliseconds a trial.

        Args:
            strategy: A name as "evolution", a `Strategy`, or a function `propose(history, rng)`.
            trials: How many, 1 or more.
            seed: 0 or more: with the strategy it decides all.
            curves: Whether the trials have the scores of their epochs; without it is quicker.

        Raises:
            StrategyError: There is no such strategy, or it proposed what is not legal.
        """
        check_whole("", "trials", trials, 1, error=SearchError)
        check_whole("", "seed", seed, 0, error=SearchError)
        check_flags(SearchError, curves=curves)
        made = self.bound(strategy)
        history = self.opened(seed, trials, made.name)
        for number in range(trials):
            try:
                proposed = made.propose(history, proposal_rng(seed, number))
            except SpaceExhausted:
                break
            self.add(history, proposed, made.name, curve=curves)
        return history

    def race(
        self, strategies: Iterable[StrategyLike], seeds: int = 20, trials: int = 40
    ) -> dict[str, list[History]]:
        """Lets each strategy search from the same seeds; returns the histories by name."""
        check_whole("", "seeds", seeds, 1, error=SearchError)
        if isinstance(strategies, str) or not can_iterate(strategies):
            raise SearchError(f"Expected a list of strategies. Received: {shown(strategies)}.")
        named = {self.bound(strategy).name: strategy for strategy in strategies}
        return {
            name: [self.search(strategy, trials, seed) for seed in range(seeds)]
            for name, strategy in named.items()
        }

    def paced(self, pace: float) -> Benchmark:
        """Returns the benchmark with trials that take their time, for a race on screen."""
        return dataclasses.replace(self, pace=pace)

    def bound(self, strategy: StrategyLike) -> Strategy:
        """Returns the strategy that is meant, over this space."""
        made = make_strategy(strategy, self.space)
        refuse_without_data(made)
        if made.needs_epochs:
            made = make_strategy(made, max_epochs=self.epochs)
        return made

    def opened(self, seed: int, trials: int, strategy: str) -> History:
        """Returns the history of a search that begins."""
        history = History()
        fields = {"seed": seed, "strategy": strategy, "budget": {"max_trials": trials}}
        fields |= {"objective": OBJECTIVE, "direction": "max", "data": self.name}
        _apply(history, "search_opened", **fields, fidelity={"epochs": self.epochs})
        return history

    def add(
        self,
        history: History,
        proposed: dict[str, Value] | Proposal,
        origin: str,
        of: Callable[[float], float] = float,
        *,
        curve: bool = True,
    ) -> Trial:
        """Adds the trial of a proposal to a history, with the curve and the score of the table.

        Args:
            history: What happened so far.
            proposed: What the strategy returned, checked.
            origin: The strategy's name.
            of: Makes another score of the table's; by default the same.
            curve: Whether with the scores of its epochs.
        """
        made = proposed if isinstance(proposed, Proposal) else Proposal(proposed)
        number, epochs = len(history), int(made.fidelity.get("epochs", self.epochs))
        place = self._number(made.values)
        more = {"fidelity": made.fidelity or None, "parent": made.parent, **made.lineage}
        _apply(
            history,
            "trial_proposed",
            trial=number,
            values=dict(made.values),
            origin=origin,
            **{name: field for name, field in more.items() if field is not None},
        )
        _apply(history, "trial_started", trial=number, attempt=1, epochs=epochs)
        costs = {name: float(known[place]) for name, known in self.table.costs.items()}
        _apply(history, "trial_built", trial=number, costs=costs)
        known = [at for at, count in enumerate(self.table.epochs) if curve and count <= epochs]
        for epoch, at in enumerate(known, 1):
            logs = {OBJECTIVE: of(self.table.means[place, at])}
            _apply(history, "epoch_ended", trial=number, epoch=epoch, logs=logs)
        granted = None if epochs >= self.epochs else epochs
        score, took_s = of(self.score(made.values, granted)), self.duration_s(made.values, granted)
        end = {"status": str(TrialStatus.COMPLETED), "score": score, "duration_s": took_s}
        _apply(history, "trial_ended", trial=number, **end)
        return history[number]

    @property
    def _full(self) -> Array:
        return np.asarray(self.table.means[:, -1])

    def _number(self, architecture: ArchitectureLike) -> int:
        given = architecture
        values = given if isinstance(given, Mapping) else getattr(given, "values", None)
        if not isinstance(values, Mapping):
            raise SpaceError(
                "Expected the values of an architecture, or a trial. Received: "
                f"{given!r:.200} (of type {type(given).__name__})."
            )
        return self.table.number(values)

    def _column(self, epochs: int | None) -> int:
        known = self.table.epochs
        if epochs is None:
            return len(known) - 1
        if not is_whole(epochs) or epochs not in known:
            raise DataError(
                f"Expected a number of epochs that {self.name} knows: {_listed(known)}. "
                f"Received: epochs={shown(epochs)}."
            )
        return known.index(epochs)

    def _seed(self, architecture: ArchitectureLike, seed: int | None) -> Any:
        if seed is None:
            return slice(None)
        check_whole("", "seed", seed, 0, len(self.table.scores) - 1, error=DataError)
        return [seed]


def benchmark(name: str | Path, task: str | None = None) -> Benchmark:
    """Returns a benchmark: a space whose every architecture was trained already.

    Args:
        name: "digits" (layers in a row on 8x8 images) or "breast_cancer" (dense layers on a table
            of 30 numbers); or the path of a packed table (`.table`), or of a published table of
            cells, in the form of NAS-Bench-201 as CSV (gzipped or not); see
            `nas_nb.course.table.read_published`.
        task: Of a published table with several. Default: the first.

    Raises:
        DataError: There is no such benchmark or file.

    Example:
        >>> bench = nas.benchmark("digits")
        >>> history = bench.search("evolution", trials=40, seed=0)
        >>> len(history.completed), bench.regret(history) < 0.1
        (40, True)
    """
    check_type("name", name, (str, Path), "a benchmark's name or a path", error=DataError)
    known = sorted(file.stem for file in TABLES.glob(f"*{SUFFIX}"))
    if str(name) in known:
        return _shipped(str(name))
    path = Path(name).expanduser()
    if not path.is_file():
        raise DataError(
            f"Expected a benchmark ({', '.join(known)}) or the path of a published table. "
            f"Received: {str(name)!r}.{nearest(str(name), known)}"
        )
    if path.suffix == SUFFIX:
        return Benchmark(unpack(path.read_bytes()))
    return Benchmark(read_published(path, task))


@lru_cache
def _shipped(name: str) -> Benchmark:
    return Benchmark(unpack((TABLES / f"{name}{SUFFIX}").read_bytes()))


def _apply(history: History, kind: str, **fields: Any) -> None:
    history.add({"event": kind, "time": 0.0, **fields})


def _mean(numbers: Any) -> float:
    known = np.asarray(math.nan if numbers is None else numbers, float)
    known = known[~np.isnan(known)]
    return float(known.mean()) if known.size else math.nan


def _listed(epochs: Sequence[int]) -> str:
    if len(epochs) > 3 and epochs == tuple(range(epochs[0], epochs[-1] + 1)):
        return f"{epochs[0]} to {epochs[-1]}"
    return ", ".join(map(str, epochs))
