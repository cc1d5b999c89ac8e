"""The journal that an oracle keeps in the project folder of its tuner."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import keras_tuner as kt

from nas_nb.errors import StrategyError
from nas_nb.record.events import EventKind
from nas_nb.record.journal import Journal
from nas_nb.record.reading import read_history
from nas_nb.space.hyperparameters import from_hyperparameter

if TYPE_CHECKING:
    from nas_nb.record.history import History

_SPACE = "space"
_WRITTEN: WeakValueDictionary[Path, Journal] = WeakValueDictionary()


def project_file(directory: str | Path, project_name: str) -> Path:
    """Returns where the journal of a tuner's project is."""
    return Path(directory, project_name, "journal.jsonl").absolute()


def read_project(path: Path) -> Journal:
    """Returns what a project's journal holds, without its lock: nothing is to be written to it."""
    journal = Journal.in_memory()
    journal.history = read_history(path)
    return journal


def write_project(path: Path) -> Journal:
    """Opens a project's journal to write.

    An oracle of this kernel that writes it gives it up: a cell that was interrupted and runs
    again makes a second tuner while the first is still there.

    Raises:
        JournalError: Another kernel writes it, or it can't be read.
    """
    if (earlier := _WRITTEN.get(path)) is not None:
        earlier.close()
    journal = _WRITTEN[path] = Journal.open(path)
    return journal


def record_space(journal: Journal, strategy: str, space: kt.HyperParameters) -> None:
    """Writes the space down, if it is not what was written last: a tuner that reloads needs it."""
    known = _recorded(journal.history)
    if known is None or len(known["space"]) != len(space.space):
        detail = space.get_config()
        journal.append(EventKind.PREPARED, strategy=strategy, what=_SPACE, detail=detail)


def recorded_space(history: History) -> kt.HyperParameters | None:
    """Returns the space that was written down last, or None."""
    known = _recorded(history)
    # KerasTuner changes the configuration that it reads, and the history's can't be.
    return None if known is None else kt.HyperParameters.from_config(json.loads(json.dumps(known)))


def _recorded(history: History) -> dict[str, Any] | None:
    spaces = (event["detail"] for event in reversed(history.prepared) if event["what"] == _SPACE)
    return next(spaces, None)


def check_same_space(given: kt.HyperParameters, known: kt.HyperParameters, path: Path) -> None:
    """Checks that a project's trials are points of the space that is given.

    Raises:
        StrategyError: A hyperparameter is another one.
    """
    earlier = [from_hyperparameter(parameter) for parameter in known.space]
    for parameter in given.space:
        if from_hyperparameter(parameter) not in earlier:
            raise another("space", f"without '{parameter.name}' as it is now", "", path)


def check_same_search(
    past: History, objective: tuple[str, str] | None, seed: int | None, path: Path
) -> None:
    """Checks that a project's trials can be compared with new ones; None is whatever it was.

    Raises:
        StrategyError: The objective's name or direction, or the seed, is another one.
    """
    known = {"objective": (past.objective, past.direction), "seed": past.seed}
    for what, now in {"objective": objective, "seed": seed}.items():
        if now is not None and now != known[what]:
            raise another(what, repr(known[what]), f", now {now!r}", path)


def unknown_space() -> StrategyError:
    """Returns what is raised where a tuner that reloads can't know the space."""
    return StrategyError(
        "Expected an oracle that knows the space, to go on with an earlier project. "
        "Received: neither a journal in the project, nor `hyperparameters`, nor a strategy "
        "with a domain. Pass `hyperparameters`, or start anew with overwrite=True or "
        "another project_name."
    )


def another(what: str, was: str, now: str, path: Path) -> StrategyError:
    """Returns what is raised where a project was made for another search."""
    return StrategyError(
        f"Expected the {what} of the search that the project {path.parent} holds. Received: "
        f"another one ({was}{now}). Its trials could not be compared with new ones: give another "
        "project_name, overwrite=True, or make the search as it was."
    )
