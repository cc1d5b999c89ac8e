"""The project folder of a search: where it is, and whether it belongs to the same search."""

from __future__ import annotations

import itertools
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from nas_nb.errors import SearchError
from nas_nb.record import reading
from nas_nb.record.history import History

if TYPE_CHECKING:
    from nas_nb.record.events import Event

JOURNAL = "journal.jsonl"
PARENT = Path("nas_nb_runs")
_BY_TIME = re.compile(r"\d{8}-\d{6}-")


def choose_folder(directory: str | Path | None, name: str) -> Path:
    """Returns the project folder: `directory`, or a new one in `nas_nb_runs`, named by the time."""
    if directory is not None:
        return Path(directory).expanduser().absolute()
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
    for suffix in itertools.count(1):
        folder = PARENT / (stem if suffix == 1 else f"{stem}-{suffix}")
        if not folder.exists():
            return folder.absolute()
    raise AssertionError("unreachable: the suffixes are endless")


def is_chosen(folder: Path) -> bool:
    """Tells whether somebody named the folder: `choose_folder` had not."""
    return folder.parent.name != PARENT.name or _BY_TIME.match(folder.name) is None


def check_free(folder: Path) -> None:
    """Checks that a search that has not started yet can be kept in a folder; makes nothing there.

    Raises:
        SearchError: It can't be written, holds a search, or one is being written there.
    """
    here = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not here.is_dir():
        raise SearchError(f"Expected a folder to keep the search in. Received: {here} is a file.")
    if not os.access(here, os.W_OK | os.X_OK):
        raise SearchError(f"Expected a folder that can be written. Received: {here}.")
    if _is_locked(folder):
        raise SearchError(f"Another search is being written in {folder}. Choose another folder.")
    if (trials := read_history(folder)).opened:
        raise SearchError(
            f"The folder {folder} holds a search of {len(trials)} trials. Choose another one, or "
            f"go on with that search: nas.open({str(folder)!r})."
        )


def _is_locked(folder: Path) -> bool:
    lock = folder / f"{JOURNAL}.lock"
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except (Timeout, OSError):
        return True


def read_history(folder: Path) -> History:
    """Returns what the project folder's journal holds; an empty history without one."""
    path = folder / JOURNAL
    return reading.read_history(path) if path.is_file() else History()


def read_opening(folder: Path) -> Event | None:
    """Returns what opened the project's latest session; None where there is no search."""
    path = folder / JOURNAL
    return reading.read_opening(path) if path.is_file() else None


def check_same_search(history: History, opening: dict[str, Any], folder: Path) -> None:
    """Checks that a project's trials can be compared with those that are about to come.

    The strategy and the budget may have changed; what defines the trials may not.

    Raises:
        SearchError: The space, data, objective, seed or fidelity differ.
    """
    if not history.opened:
        return
    earlier = history.opened[-1]
    for field in ("space", "data", "objective", "direction", "seed", "fidelity"):
        if earlier.get(field) != opening.get(field):
            was, now = earlier.get(field), opening.get(field)
            detail = "" if field == "space" else f" ({was!r}, now {now!r})"
            raise SearchError(
                f"The folder {folder} holds a search with another {field}{detail}: its "
                f"{len(history.trials)} trials could not be compared with new ones. "
                "Give another `directory`, or make the search as it was."
            )
