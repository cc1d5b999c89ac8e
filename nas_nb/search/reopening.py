"""Opening a project again: the arguments of its search, read from its journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nas_nb.data import load
from nas_nb.errors import DataError, SearchError
from nas_nb.search.project import JOURNAL, read_history, read_opening
from nas_nb.space.search_space import SearchSpace
from nas_nb.strategy.names import STRATEGIES

_LIMITS = {
    "max_trials": "max_trials",
    "max_time_s": "max_time",
    "max_epochs": "max_epochs",
    "max_params": "max_params",
    "max_flops": "max_flops",
    "max_time_per_trial_s": "max_time_per_trial",
    "max_memory_bytes": "max_memory",
    "max_latency_s": "max_latency",
}


def arguments_of(directory: str | Path, given: dict[str, Any]) -> dict[str, Any]:
    """Returns what `Search` has to be given to go on with the search in a project folder.

    Nothing in the folder is evaluated or unpickled: names are looked up, numbers are taken.

    Args:
        directory: The project folder.
        given: Arguments of `Search` that take the place of what the journal says.

    Raises:
        SearchError: There is no search, or what it needs (data of the user's own, a `build(hp)`
            function) is not in the journal and was not given.
    """
    folder = Path(directory).expanduser().absolute()
    opening = read_opening(folder)
    if opening is None:
        raise SearchError(
            f"There is no search in {folder}: expected a {JOURNAL} there. A search writes to its "
            "`directory`, by default a folder in nas_nb_runs."
        )
    # What code asked for then: `Search` finds out itself what steering has made of it.
    asked = {**opening, **(opening.get("given") or {})}
    found = {
        "directory": folder,
        "name": opening.get("search"),
        "objective": _objective(opening),
        "seed": opening["seed"],
        **opening.get("fidelity", {}),
        **{_LIMITS[name]: limit for name, limit in asked.get("budget", {}).items()},
    }
    if "space" not in given:
        found["space"] = _space(opening, folder)
    if "data" not in given:
        found["data"] = _data(opening, folder)
    if "strategy" not in given:
        found |= _strategy(asked, folder)
    return found | given


def _objective(opening: dict[str, Any]) -> Any:
    import keras_tuner as kt

    return kt.Objective(opening["objective"], opening["direction"])


def _missing(what: str, argument: str, folder: Path) -> SearchError:
    count = len(read_history(folder).completed)
    return SearchError(
        f"The search in {folder} has {count} completed trials, but {what} is not in its "
        f"journal: open it with nas.open({str(folder)!r}, {argument})."
    )


def _space(opening: dict[str, Any], folder: Path) -> SearchSpace:
    recipe = opening.get("recipe")
    if recipe is None:
        raise _missing("the function that builds its models", "space=...", folder)
    return SearchSpace.from_recipe(recipe)


def _data(opening: dict[str, Any], folder: Path) -> Any:
    try:
        return load(opening["data"])
    except DataError as error:
        named = f"its data '{opening['data']}'"
        raise _missing(named, "data=...", folder) from error


def _strategy(opening: dict[str, Any], folder: Path) -> dict[str, Any]:
    name = opening.get("strategy", "")
    if name not in STRATEGIES:
        raise SearchError(
            f"The strategy '{name}' of the search in {folder} is a function: pass it, or another "
            f"one, as nas.open({str(folder)!r}, strategy=...)."
        )
    return {"strategy": name, "options": opening.get("options") or {}}
