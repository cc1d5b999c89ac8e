"""The journal in a tuner's project folder, and whether its trials are of the same search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import keras_tuner as kt

from nas_nb.errors import SpaceError, StrategyError
from nas_nb.record.events import EventKind
from nas_nb.record.journal import Journal, read_history
from nas_nb.space.definition import WeightlessBuilder, undisturbed_random_state
from nas_nb.space.hypermodel import discover
from nas_nb.space.hyperparameters import Build, from_hyperparameter, record_build
from nas_nb.space.search_space import SearchSpace, has_own_fit

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.space.domain import Domain
    from nas_nb.space.parameter import Parameter


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
    """Opens a project's journal to write; an oracle of this kernel that writes it gives it up."""
    # A cell that was interrupted and runs again makes a second tuner beside the first.
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
    """Checks that a project's trials are points of the space that is given."""
    earlier = [from_hyperparameter(parameter) for parameter in known.space]
    for parameter in map(from_hyperparameter, given.space):
        if parameter not in earlier:
            raise _other_space(parameter, earlier, path)


def check_same_build(
    tuner: Any,
    known: kt.HyperParameters,
    given: set[str],
    history: History,
    path: Path,
    *,
    new_entries: bool,
) -> None:
    """Checks that a tuner's hypermodel still asks for what the project's trials have."""
    hypermodel = tuner.hypermodel

    def build(hp: kt.HyperParameters) -> Any:
        hypermodel.declare_hyperparameters(hp)
        return hypermodel.build(hp)

    builder = WeightlessBuilder()
    with undisturbed_random_state():
        try:
            usual = asked = record_build(build, {}, builder).asked
            if not _is_of_users(tuner):  # else a trial may not have built what it was given
                asked += record_build(build, history.finished[-1].values, builder).asked
        finally:
            builder.close()
    earlier = [from_hyperparameter(parameter) for parameter in known.space]
    names = {parameter.name for parameter in earlier}
    changed = [p for p in usual if p.name in names - given and p not in earlier]
    # A range may depend on a value; a name that such a trial did not ask for is new.
    added = [p for p in asked if p.name not in names] if new_entries else []
    for parameter in (*changed, *added):
        raise _other_space(parameter, earlier, path)
    domain = _space_of(tuner, build)
    if domain is None:
        return
    for name in sorted(names - given):
        found = [p for p in domain.parameters if p.name == name]
        was = [p.extent for p in earlier if p.name == name]
        if not found and not name.startswith("tuner/"):
            raise other_search_error("space", f"with '{name}'", ", now without it", path)
        if found and not any(p.extent in was for p in found):
            raise _other_space(found[0], earlier, path)


def _space_of(tuner: Any, build: Build) -> Domain | None:
    """Returns all that a tuner's trials ask for; None where more than `build` may ask."""
    if _is_of_users(tuner) or isinstance(tuner.hypermodel, SearchSpace):
        return None
    try:
        return discover(build)
    except SpaceError:  # no space can follow it
        return None


def _is_of_users(tuner: Any) -> bool:
    """Returns whether the code that builds and trains a trial is the user's own."""
    trains = type(tuner).run_trial.__module__
    return has_own_fit(tuner.hypermodel) or not trains.startswith(("keras_tuner.", "nas_nb."))


def _other_space(now: Parameter, earlier: list[Parameter], path: Path) -> StrategyError:
    before = next((p for p in earlier if p.name == now.name), None)
    was, text = before.range_text() if before else "not in it", now.range_text()
    if before and was == text:
        was, text = (
            f"{one} with the default {p.default}" for one, p in ((was, before), (text, now))
        )
    return other_search_error("space", f"'{now.name}' {was}", f", now {text}", path)


def check_same_project(
    past: History, objective: tuple[str, str] | None, seed: int | None, path: Path
) -> None:
    """Checks that a project's trials can be compared with new ones; None is whatever it was."""
    known = {"objective": (past.objective, past.direction), "seed": past.seed}
    for what, now in {"objective": objective, "seed": seed}.items():
        if now is not None and now != known[what]:
            raise other_search_error(what, repr(known[what]), f", now {now!r}", path)


def unknown_space() -> StrategyError:
    """Returns what is raised where a tuner that reloads can't know the space."""
    return StrategyError(
        "Expected an oracle that knows the space, to go on with an earlier project. "
        "Received: neither a journal in the project, nor `hyperparameters`, nor a strategy "
        "with a domain. Pass `hyperparameters`, or start anew with overwrite=True or "
        "another project_name."
    )


def other_search_error(what: str, was: str, now: str, path: Path) -> StrategyError:
    """Returns what is raised where a project was made for another search."""
    return StrategyError(
        f"Expected the {what} of the search that the project {path.parent} holds. Received: "
        f"another one ({was}{now}). Its trials could not be compared with new ones: give another "
        "project_name, overwrite=True, or make the search as it was."
    )
