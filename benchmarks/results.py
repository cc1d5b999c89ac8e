"""The searches of a benchmark, kept in a file as they end, and their means."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import NamedTuple

Key = tuple[str, str, int]
"""The table, the strategy and the seed."""


class Run(NamedTuple):
    """One search.

    Attributes:
        test: The test score of the best by validation, at each mark.
        validation: Its validation score.
        proposal_ms: Mean CPU milliseconds of a proposal.
    """

    test: list[float]
    validation: list[float]
    proposal_ms: float


class Results(dict[Key, Run]):
    """What was run already, by table, strategy and seed.

    Args:
        path: A JSONL file that is read now and appended to; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        super().__init__()
        self.path = path
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                entry = json.loads(line)
                key = tuple(entry.pop("key"))
                self[key] = Run(**entry)  # type: ignore[index]

    def add(self, key: Key, run: Run) -> None:
        """Keeps one more."""
        self[key] = run
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(json.dumps({"key": key, **run._asdict()}) + "\n")


def summary(runs: list[Run]) -> str:
    """Returns the means at the marks, with standard errors, and the milliseconds."""
    marks = range(len(runs[0].test))
    tests = [mean_and_error([run.test[mark] for run in runs]) for mark in marks]
    seen = [statistics.fmean(run.validation[mark] for run in runs) for mark in marks]
    cells = "  ".join(f"{t} [{v:.3f}]" for t, v in zip(tests, seen, strict=True))
    return f"{cells}  {statistics.fmean(run.proposal_ms for run in runs):6.2f} ms"


def markdown(results: Results, mark: int, by: str = "test") -> str:
    """Returns a table in Markdown: a row a strategy, a column a table of the benchmark.

    Args:
        results: What was run.
        mark: Which of the marks to show, counted from 0.
        by: "test", the test score of the best by validation; "validation", its validation score;
            or "best", how many runs had found what is best by validation in all of `results`.
    """
    tables = list(dict.fromkeys(table for table, _, _ in results))
    strategies = list(dict.fromkeys(strategy for _, strategy, _ in results))
    lines = [f"| strategy | {' | '.join(tables)} |", "|---" * (len(tables) + 1) + "|"]
    for strategy in strategies:
        cells = []
        for table in tables:
            runs = [run for key, run in results.items() if key[:2] == (table, strategy)]
            best = max(max(run.validation) for key, run in results.items() if key[0] == table)
            cells.append(_cell(runs, mark, by, best) if runs else "")
        lines.append(f"| {strategy} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(runs: list[Run], mark: int, by: str, best: float) -> str:
    if by == "best":
        return f"{sum(run.validation[mark] >= best for run in runs)} of {len(runs)}"
    scores = [(run.test if by == "test" else run.validation)[mark] for run in runs]
    return f"{mean_and_error(scores).strip()} ({len(runs)})"


class Shortfall(NamedTuple):
    """Where a strategy is worse than random search, by more than one standard error.

    Attributes:
        table: Of the benchmark.
        strategy: Which one.
        mark: Counted from 0.
        errors: By how many standard errors of the difference.
        seeds: Of the strategy and of random search.
    """

    table: str
    strategy: str
    mark: int
    errors: float
    seeds: tuple[int, int]


def shortfalls(results: Results, random: str = "random") -> list[Shortfall]:
    """Returns every place where a strategy falls short of random search on the same table.

    Args:
        results: What was run; tables without random search are passed over.
        random: Under which name it was run.
    """
    grouped: dict[tuple[str, str], list[Run]] = {}
    for (table, strategy, _), run in sorted(results.items()):
        grouped.setdefault((table, strategy), []).append(run)
    found = []
    for (table, strategy), runs in grouped.items():
        chance = grouped.get((table, random), runs)
        for mark in behind(runs, chance):
            error = _error(runs, chance, mark)
            gap = _mean(chance, mark) - _mean(runs, mark)
            by = gap / error if error else float("inf")
            found.append(Shortfall(table, strategy, mark, by, (len(runs), len(chance))))
    return found


def behind(runs: list[Run], random: list[Run]) -> list[int]:
    """Returns the marks at which the mean test score is worse than random's.

    That is by more than one standard error of the difference.
    """
    return [
        mark
        for mark in range(len(runs[0].test))
        if _mean(runs, mark) < _mean(random, mark) - _error(runs, random, mark)
    ]


def _error(runs: list[Run], others: list[Run], mark: int) -> float:
    """The standard error of the difference of the means."""
    return float((_square(runs, mark) + _square(others, mark)) ** 0.5)


def _mean(runs: list[Run], mark: int) -> float:
    return statistics.fmean(run.test[mark] for run in runs)


def _square(runs: list[Run], mark: int) -> float:
    """The square of the standard error of the mean."""
    scores = [run.test[mark] for run in runs]
    return statistics.variance(scores) / len(scores) if len(scores) > 1 else 0.0


def mean_and_error(numbers: list[float]) -> str:
    """Returns "mean ± standard error"."""
    error = statistics.stdev(numbers) / len(numbers) ** 0.5 if len(numbers) > 1 else 0.0
    return f"{statistics.fmean(numbers):8.3f} ± {error:.3f}"
