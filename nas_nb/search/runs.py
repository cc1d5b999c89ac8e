"""`nas.runs`: the searches under a folder as a table; open and delete them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nas_nb.errors import JournalError, SearchError, nearest
from nas_nb.record.files import leads_out
from nas_nb.record.journal import JOURNAL_FILE
from nas_nb.search.budget import Budget, limit_arguments
from nas_nb.search.folder import is_locked, named_folder, read_history
from nas_nb.workers.control import SearchState

if TYPE_CHECKING:
    from collections.abc import Callable

    from nas_nb.record.history import History

COLUMNS = ("search", "state", "data", "strategy", "trials", "best", "objective", "size_mb")


class Runs:
    """The searches under a folder: shown as a table, one row a project folder.

    Attributes:
        folder: Where they were looked for.
    """

    def __init__(self, folder: str | Path, opener: Callable[..., Any]) -> None:
        self.folder = named_folder(folder)
        self._opener = opener
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
        index = pd.Index(self.names, name="folder")
        return pd.DataFrame(rows, index=index, columns=[*COLUMNS])

    def open(self, name: str, **given: Any) -> Any:
        """Opens one of the searches; the arguments are those of `nas.open`."""
        return self._opener(self._folder(name), **given)

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
        if name not in self.names:
            raise SearchError(
                f"Expected the folder of a search in {self.folder}. Received: {name!r}."
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
        return f"<Runs in {self.folder}: {len(self.names)} searches>\n{self.frame().to_string()}"

    def _repr_html_(self) -> str:
        return self.frame().to_html()


def _state(history: History) -> str:
    limits = limit_arguments(history.budget)
    spent = Budget.parse(**limits).spent(history, history.busy_s) if limits else None
    return str(SearchState.STOPPED if spent is None else SearchState.FINISHED)
