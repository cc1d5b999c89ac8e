"""`nas.runs`: the searches under a folder as a table; open, compare and delete them."""

from __future__ import annotations

import html
import math
import shutil
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nas_nb.errors import JournalError, SearchError, nearest, printable_values, shown
from nas_nb.record.files import leads_out
from nas_nb.record.journal import JOURNAL_FILE
from nas_nb.record.trial import sign_of
from nas_nb.record.trial_facts import noise, score_error
from nas_nb.search.budget import Budget, limit_arguments
from nas_nb.search.folder import is_locked, named_folder, read_history
from nas_nb.search.race import incumbent_curve
from nas_nb.workers.control import SearchState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nas_nb.record.history import History

COLUMNS = ("search", "state", "data", "strategy", "trials", "best", "objective", "size_mb")


class Comparison:
    """Searches side by side.

    Attributes:
        histories: What happened in each, by name; the second part of a key is 0.

    Raises:
        SearchError: There are fewer than two, or they have another objective.
    """

    seeds = (0,)

    def __init__(self, histories: Mapping[str, History]) -> None:
        self.histories = {(name, 0): history for name, history in histories.items()}
        kinds = {(h.objective, h.direction) for h in histories.values()}
        if len(histories) < 2 or len(kinds) > 1:
            told = " and ".join(f"{objective} ({way})" for objective, way in sorted(kinds))
            raise SearchError(
                "Expected two or more searches with one objective to compare. "
                f"Received: {len(histories)} with {told or 'none'}."
            )
        (self.objective, self.direction), *_ = kinds

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the searches, the one of the best score first."""
        known = {name: h.incumbent for (name, _), h in self.histories.items()}

        def loss(name: str) -> float:
            best = known[name]
            score = None if best is None else best.score
            return math.inf if score is None else -sign_of(self.direction) * score

        return tuple(sorted(known, key=loss))

    def frame(self) -> pd.DataFrame:
        """Returns one row a search, the best first.

        Columns: data, strategy, trials, failed, epochs, time_s (spent on trials), best (score),
        error (its standard error, where it is known), trial (its number), params (of that model),
        median (of all scores).
        """
        rows = [printable_values(self._row(name)) for name in self.labels]
        return pd.DataFrame(rows, pd.Index(self.labels, dtype="object"))

    def curves(self) -> pd.DataFrame:
        """Returns the best score after each trial that ended, one column a search."""
        found = {name: incumbent_curve(h).incumbents for (name, _), h in self.histories.items()}
        curves = pd.DataFrame(
            dict(enumerate(pd.Series(line, dtype=float) for line in found.values()))
        )
        curves = curves.set_axis(pd.Index(list(found), dtype="object"), axis=1)
        return curves.set_index(pd.RangeIndex(1, len(curves) + 1, name="trials"))

    @property
    def text(self) -> str:
        """Whether the two best can be told apart, in sentences."""
        first, second = (self._history(name) for name in self.labels[:2])
        one, other = first.incumbent, second.incumbent
        if one is None or other is None or one.score is None or other.score is None:
            return "Fewer than two of the searches have a completed trial."
        ahead = abs(one.score - other.score)
        errors = [score_error(h, trial) for h, trial in ((first, one), (second, other))]
        told = f"{self.labels[0]} is {ahead:.4g} ahead of {self.labels[1]} in {self.objective}"
        if None in errors:
            told += "; the error of these scores is not known."
        else:
            most = noise(*(error for error in errors if error is not None))
            within = "within" if ahead <= most else "beyond"
            told += f", which is {within} noise ({most:.2g}: 95 % of differences by chance)."
        data = [(h.opened[-1].get("identity") or {}).get("data") for h in (first, second)]
        if data[0] != data[1]:
            told += " They were measured on other data, so their scores can't be compared."
        return (
            f"{told} Each is one run: with another seed a strategy finds something else, which "
            "`nas.race` measures."
        )

    def _history(self, name: str) -> History:
        return self.histories[name, 0]

    def _row(self, name: str) -> dict[str, Any]:
        history = self._history(name)
        opening, best = history.opened[-1] if history.opened else {}, history.incumbent
        scores = [trial.score for trial in history.completed if trial.score is not None]
        return {
            "data": opening.get("data"),
            "strategy": opening.get("strategy"),
            "trials": len(history),
            "failed": len(history.finished) - len(history.completed),
            "epochs": history.epochs_spent,
            "time_s": round(history.busy_s, 1),
            "best": None if best is None else best.score,
            "error": None if best is None else score_error(history, best),
            "trial": None if best is None else best.number,
            "params": None if best is None else best.costs.get("params"),
            "median": statistics.median(scores) if scores else None,
        }

    def __repr__(self) -> str:
        return f"{self.text}\n{self.frame().to_string()}"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.text)}</p>{self.frame().to_html()}"


class Runs:
    """The searches under a folder: shown as a table, one row a project folder.

    Attributes:
        folder: Where they were looked for.
    """

    def __init__(
        self,
        folder: str | Path,
        opener: Callable[..., Any],
        comparison: Callable[[Mapping[str, History]], Comparison] = Comparison,
    ) -> None:
        self.folder = named_folder(folder)
        self._opener, self._comparison = opener, comparison
        if not self.folder.is_dir():
            raise SearchError(f"Expected a folder with searches. Received: {self.folder}.")

    @property
    def names(self) -> list[str]:
        """The project folders that hold a journal, relative to `folder`."""
        found = (file.parent for file in self.folder.rglob(JOURNAL_FILE))
        inside = (one for one in found if not leads_out(one, self.folder))
        return sorted(one.relative_to(self.folder).as_posix() for one in inside)

    def frame(self) -> pd.DataFrame:
        """Returns one row for each search, read anew from its journal.

        Columns: search (its name), state, data, strategy, trials, best (score), objective, size_mb
        (of all its files). A journal that can't be read has the state "unreadable".
        """
        rows = [self._row(self.folder / name) for name in self.names]
        index = pd.Index(self.names, dtype="object", name="folder")  # a name may be no Unicode
        return pd.DataFrame(map(printable_values, rows), index=index, columns=[*COLUMNS])

    def open(self, name: str, **given: Any) -> Any:
        """Opens one of the searches; the arguments are those of `nas.open`."""
        return self._opener(self._folder(name), **given)

    def compare(self, *names: str) -> Comparison:
        """Returns searches side by side: their bests, trials and curves, and what is noise.

        Args:
            *names: Two or more of `names`, with the same objective; default: all.
        """
        chosen = dict.fromkeys(names or self.names)
        return self._comparison({name: read_history(self._folder(name)) for name in chosen})

    def delete(self, name: str, *, ask: bool = True) -> bool:
        """Deletes the folder of one search, with its journal and weights; returns whether it did.

        Args:
            name: One of `names`.
            ask: Whether to ask first, on the keyboard.

        Raises:
            SearchError: There is none of that name, or it is being written now.
        """
        folder = self._folder(name)
        if is_locked(folder):
            raise SearchError(f"The search in {folder} is being written: stop it first.")
        about = f"{folder}, {len(read_history(folder))} trials"
        if ask and input(f"Delete {about}? [y/N] ").strip().lower() not in ("y", "yes"):
            return False
        shutil.rmtree(folder)
        return True

    def _folder(self, name: str) -> Path:
        if not isinstance(name, str) or name not in self.names:
            raise SearchError(
                f"Expected the folder of a search in {self.folder}. Received: {shown(name)}."
                f"{nearest(str(name), self.names)}"
            )
        return self.folder / name

    def _row(self, folder: Path) -> dict[str, Any]:
        size = sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir())
        row: dict[str, Any] = {"size_mb": round(size / 1e6, 3)}
        try:
            history = read_history(folder)
        except JournalError:
            return {**row, "state": "unreadable"}
        opening = history.opened[-1] if history.opened else {}
        row |= {name: opening.get(name) for name in ("search", "data", "strategy", "objective")}
        best = history.incumbent
        state = "running" if is_locked(folder) else _state(history)
        score = None if best is None else best.score
        return {**row, "state": state, "trials": len(history), "best": score}

    def __repr__(self) -> str:
        count = len(self.names)
        told = f"<Runs in {self.folder}: {count} search{'' if count == 1 else 'es'}>"
        return f"{told}\n{self.frame().to_string()}"

    def _repr_html_(self) -> str:
        return self.frame().to_html()


def _state(history: History) -> str:
    limits = limit_arguments(history.budget)
    spent = Budget.parse(**limits).spent(history, history.busy_s) if limits else None
    return str(SearchState.STOPPED if spent is None else SearchState.FINISHED)
