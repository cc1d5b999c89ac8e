"""The project folder; what makes a search the same as the one it holds; opening it again."""

from __future__ import annotations

import json
import os
import platform
import re
import secrets
import shlex
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_nb.data.dataset import data_differences, text_hash
from nas_nb.data.datasets import DATASET_NAMES, load_recipe
from nas_nb.environment import is_headless
from nas_nb.errors import JournalError, NasError, SearchError, shown
from nas_nb.evaluate.fidelity import Fidelity
from nas_nb.record import journal
from nas_nb.record.history import History
from nas_nb.record.journal import JOURNAL_FILE, interpreting
from nas_nb.record.trial import plain
from nas_nb.search import budget
from nas_nb.space.code_identity import code_differences, code_identity
from nas_nb.space.search_space import SearchSpace
from nas_nb.strategy.function import FunctionStrategy
from nas_nb.strategy.registry import STRATEGIES, why_unknown
from nas_nb.workers.checkpoints import foreign_files

if TYPE_CHECKING:
    from nas_nb.data.dataset import Data
    from nas_nb.record.events import Event
    from nas_nb.strategy.base import Strategy

RUNS_FOLDER = Path("nas_nb_runs")
_BY_TIME = re.compile(r"\d{8}-\d{6}-")


_ILLEGAL = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]+')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_LONGEST_NAME = 80
_LONGEST_PATH = 3900
"""Bytes of a folder's path: systems take 4096, and files have to be named in it."""


def folder_name(name: str, *, unique: bool = False) -> str:
    """Returns a name as one legal folder of any file system; `unique` keeps other names apart."""
    short = _ILLEGAL.sub("-", name).encode(errors="replace")[:_LONGEST_NAME]
    legal = short.decode(errors="ignore").strip(". -") or "search"
    if _RESERVED.match(legal):
        legal = f"_{legal}"
    return f"{legal}-{text_hash(name)[:4]}" if unique and legal != name else legal


def choose_folder(directory: str | Path | None, name: str) -> Path:
    """Returns the folder that is given, or a new one in `nas_nb_runs` that no other search gets.

    Where a grader runs the notebook, `nas_nb_runs` is in the system's folder for temporary files.
    """
    if directory is not None:
        return named_folder(directory)
    # From the system, not from `random`, whose state is the user's.
    mark = secrets.token_hex(4)
    runs = Path(tempfile.gettempdir()) / RUNS_FOLDER.name if is_headless() else RUNS_FOLDER
    return (runs / f"{time.strftime('%Y%m%d-%H%M%S')}-{folder_name(name)}-{mark}").absolute()


def named_folder(directory: str | Path) -> Path:
    """Returns a folder that somebody named, as an absolute path."""
    if not isinstance(directory, str | os.PathLike):
        raise SearchError(f"Expected a folder's path. Received: directory={directory!r}.")
    try:
        folder = Path(directory).expanduser().absolute()
        longest = max((len(os.fsencode(name)) for name in folder.parts), default=0)
        whole = len(os.fsencode(folder))
    except (OSError, RuntimeError, TypeError, ValueError) as error:  # an unknown ~user, bytes
        raise SearchError(
            f"Expected a folder's path. Received: directory={str(directory)[:60]!r} ({error})."
        ) from error
    if longest > 255 or whole > _LONGEST_PATH or "\0" in str(folder):
        raise SearchError(
            f"Expected a folder whose names have at most 255 bytes, and whose path at most "
            f"{_LONGEST_PATH:,}, without a zero byte. Received: "
            f"directory={str(directory)[:60]!r}... of {longest:,} and {whole:,} bytes."
        )
    return folder


def is_chosen(folder: Path) -> bool:
    """Tells whether somebody named the folder: `choose_folder` had not."""
    return folder.parent.name != RUNS_FOLDER.name or _BY_TIME.match(folder.name) is None


def folder_before_start(directory: str | Path, name: str, current: Path, history: History) -> Path:
    """Returns the folder that a search is to be kept in; once it began there is no other one."""
    folder = choose_folder(directory, name)
    if folder == current:
        return folder
    if history.opened:
        raise SearchError(
            f"The search '{name}' is kept in {current}: its folder can be changed before the "
            "first start alone."
        )
    check_free(folder)
    return folder


def check_free(folder: Path) -> None:
    """Checks that a search can be kept in a folder; makes nothing there."""
    here = next(parent for parent in (folder, *folder.parents) if os.path.lexists(parent))
    if not here.is_dir():
        raise SearchError(f"Expected a folder to keep the search in. Received: {here} is a file.")
    if not os.access(here, os.W_OK | os.X_OK):
        raise SearchError(f"Expected a folder that can be written. Received: {here}.")
    if is_locked(folder):
        raise SearchError(f"Another search is being written in {folder}. Choose another folder.")
    if (trials := read_history(folder)).opened:
        raise SearchError(
            f"The folder {folder} holds a search of {len(trials)} trials. Choose another one, or "
            f"go on with that search: nas.open({str(folder)!r})."
        )


def is_locked(folder: Path) -> bool:
    """Tells whether a search is being written in a folder."""
    path = folder / JOURNAL_FILE
    if not os.path.lexists(f"{path}.lock"):
        return False
    try:
        journal.JournalLock(path).release()
    except JournalError:
        return True
    return False


def read_history(folder: Path) -> History:
    """Returns what the project folder's journal holds; an empty history without one."""
    path = folder / JOURNAL_FILE
    return journal.read_history(path) if os.path.lexists(path) else History()


def find_opening(folder: Path) -> tuple[int, Event] | None:
    """Returns what opened the project's latest session, and its line; None without a search."""
    path = folder / JOURNAL_FILE
    return journal.find_opening(path) if os.path.lexists(path) else None


def check_same_search(history: History, opening: dict[str, Any], folder: Path) -> None:
    """Checks that what defines the trials is as before; strategy and budget may have changed."""
    if not history.opened:
        return
    earlier = history.opened[-1]
    for said in (earlier, *({"fidelity": trial.fidelity} for trial in history)):
        check_no_smaller_images(said, folder)
    fields = ["space", "objective", "direction", "minimised", "seed", "fidelity"]
    if not earlier.get("identity"):
        fields.insert(1, "data")
    for field in fields:
        if earlier.get(field) != opening.get(field):
            was, now = earlier.get(field), opening.get(field)
            told = space_differences(was, now) if field == "space" else [f"{was!r}, now {now!r}"]
            named = "list of costs to minimise" if field == "minimised" else field
            raise _other_search(history, folder, f"another {named} ({'; '.join(told)})")
    with reading(folder):
        found = search_differences(history, opening)
    if found:
        raise _other_search(history, folder, f"other data or code: {'; '.join(found)}")


def check_no_smaller_images(said: Mapping[str, Any], folder: Path) -> None:
    """Refuses a search with `resolution`, a fidelity that was withdrawn: nothing can compare."""
    if "resolution" in (said.get("fidelity") or {}):
        raise SearchError(
            f"The search in {folder} trained on smaller images (resolution="
            f"{said['fidelity']['resolution']!r}), which was withdrawn: it can be read and no "
            f"longer go on. See it with nas.replay({str(folder)!r}), or begin another search on "
            "images that were made smaller beforehand."
        )


def _other_search(history: History, folder: Path, difference: str) -> SearchError:
    known = len(history.trials)
    count = "one trial" if known == 1 else f"{known} trials"
    return SearchError(
        f"The folder {folder} holds a search with {difference}. Its {count} "
        "could not be compared with new ones. Give another `directory`, or make the search as it "
        "was."
    )


def check_own_files(folder: Path, history: History) -> None:
    """Checks that a search would overwrite and remove nothing in a folder but what it wrote."""
    foreign = foreign_files(folder, history)
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise SearchError(
            f"Expected a folder where the search would overwrite nothing of others. Received: "
            f"{folder} with {foreign[0]}{more}, which its journal doesn't know. Nothing was "
            "changed; move that away, or give another `directory`."
        )


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Turns what a journal's opening does to its readers into a sentence with its line."""
    try:
        yield
    except NasError:
        raise
    except Exception as error:
        number, _ = find_opening(folder) or (1, {})
        with interpreting("the opening of a search", number, folder / JOURNAL_FILE):
            raise error from None


def recorded_arguments(directory: str | Path, given: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments of `Search` that go on with the search in a folder."""
    # Nothing in the folder is evaluated or unpickled: names are looked up, numbers are taken.
    folder = named_folder(directory)
    found_line = find_opening(folder)
    if found_line is None:
        if os.path.lexists(folder / JOURNAL_FILE):
            journal.read_history(folder / JOURNAL_FILE)  # raises the error of what isn't one
        raise SearchError(
            f"There is no search in {folder}: expected a {JOURNAL_FILE} there. A search writes to "
            "its `directory`, by default a folder in nas_nb_runs."
        )
    number, opening = found_line
    path = folder / JOURNAL_FILE
    # What code asked for then: `Search` finds out itself what steering has made of it.
    asked = {**opening, **(opening.get("given") or {})}
    _check_given(opening, asked, given, folder)
    check_no_smaller_images(opening, folder)
    found = {"directory": folder, "name": opening.get("search"), "seed": opening["seed"]}
    with interpreting("an objective", number, path):
        found["objective"] = _objective(opening)
    with interpreting("a fidelity", number, path):
        # Its names alone: another one would be another argument, `directory` for example.
        found |= asdict(Fidelity(**(opening.get("fidelity") or {})))
    with interpreting("a budget", number, path):
        limits = budget.limit_arguments(asked.get("budget") or {})
        budget.Budget.parse(**limits)
        found |= limits
    if "space" not in given:
        with interpreting("a space", number, path):
            found["space"] = SearchSpace.from_recipe(opening["recipe"])
    if "data" not in given:
        found["data"] = load_recipe(_data_recipe(opening))
    if "strategy" not in given:
        found |= {"strategy": asked["strategy"], "strategy_options": asked.get("options") or {}}
    return found | given


def missing_arguments(opening: Mapping[str, Any]) -> dict[str, str]:
    """Returns what `nas.open` has to be given since no journal can hold it, by argument."""
    strategy = opening.get("strategy", "")
    missing = {
        "space": "" if opening.get("recipe") else _space(opening, _FUNCTION),
        "data": "" if _loads(_data_recipe(opening)) else f"its data{_called(opening)}",
        "strategy": ""
        if strategy in STRATEGIES
        else f"its strategy '{strategy}' ({why_unknown(strategy)})",
    }
    return {argument: what for argument, what in missing.items() if what}


_FUNCTION = "the function that builds its models"
_READY = {
    "DartsSpace": "darts_cell",
    "ImageSpace": "image",
    "MacroSpace": "macro",
    "NasBench101Space": "nasbench101_cell",
    "NasBench201Space": "nasbench201_cell",
    "TabularSpace": "tabular",
    "TextSpace": "text",
    "TimeSeriesSpace": "timeseries",
}


def _space(opening: Mapping[str, Any], unknown: str) -> str:
    """Returns the call that made a ready space, without its options."""
    parts = (opening.get("identity") or {}).get("space") or {}
    made = {str(name).partition("(")[0] for name in parts} & set(_READY)
    return f"nas.spaces.{_READY[made.pop()]}(...)" if len(made) == 1 else unknown


def _called(opening: Mapping[str, Any]) -> str:
    return "" if opening.get("data") == "data" else f" '{opening.get('data')}'"


def _check_given(
    opening: dict[str, Any], asked: dict[str, Any], given: dict[str, Any], folder: Path
) -> None:
    wanted = missing_arguments({**opening, "strategy": asked.get("strategy", "")})
    missing = {argument: what for argument, what in wanted.items() if argument not in given}
    if not missing:
        return
    calls = {"data": _call(opening.get("data_recipe"), opening.get("identity") or {})}
    calls["space"] = _space(opening, "...")
    arguments = ", ".join(f"{argument}={calls.get(argument, '...')}" for argument in missing)
    magic = " ".join(f"--{argument} NAME" for argument in missing)
    *others, last = missing.values()
    what = f"{', '.join(others)} and {last} are" if others else f"{last} is"
    raise SearchError(
        f"The search in {folder} can't be opened by its folder alone: {what} not in its journal. "
        f"Give what is missing: nas.open({str(folder)!r}, {arguments}) or "
        f"`%nas open {shlex.quote(str(folder))} {magic}`."
    )


def _objective(opening: dict[str, Any]) -> Any:
    import keras_tuner as kt

    scored = kt.Objective(opening["objective"], opening["direction"])
    minimised = opening.get("minimised") or ()
    return [scored, *minimised] if minimised else scored


def _data_recipe(opening: Mapping[str, Any]) -> Any:
    recipe = opening.get("data_recipe")
    if recipe is None and not opening.get("identity"):  # by an earlier version, which kept a name
        return {"load": {"name": opening.get("data"), "source": "download"}}
    return recipe


def _loads(recipe: Any) -> bool:
    given = recipe.get("load") if isinstance(recipe, dict) else None
    return isinstance(given, dict) and given.get("name") in DATASET_NAMES


def _call(recipe: Any, identity: Mapping[str, Any]) -> str:
    """Returns the constructor that made the data, with its arguments but for the rows."""
    for name, given in recipe.items() if isinstance(recipe, dict) else ():
        if isinstance(given, dict) and name != "load":
            arguments = {key: repr(value) for key, value in given.items()}
            arguments |= _measures(identity.get("data") or {}, identity.get("measures") or {})
            told = "".join(f", {key}={value}" for key, value in arguments.items())
            return f"nas.Data.{name}(...{told})"
    return "..."


def _measures(data: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, str]:
    """Returns the loss and the metrics that the data had; those of the user's own by name."""
    named = {key: data[key] for key in ("loss", "metrics") if data.get(key)}
    return {
        key: f"[{', '.join(_measure(one, own) for one in value)}]"
        if isinstance(value, list)
        else _measure(value, own)
        for key, value in named.items()
    }


def _measure(name: str, own: Mapping[str, Any]) -> str:
    if name == "object":
        return "..."
    return name if any(part.rpartition(".")[2] == name for part in own) else repr(name)


_VERSIONS = ("nas_nb", "keras", "keras-tuner", "tensorflow", "numpy")


def search_identity(space: SearchSpace, data: Data, strategy: Strategy) -> dict[str, Any]:
    """Returns what the scores and proposals of a search depend on, for its opening event."""
    asked = [one for one in (data.loss, *data.metrics) if not isinstance(one, str | None)]
    names = {"loss": _named(data.loss), "metrics": [_named(one) for one in data.metrics]}
    return {
        "data": {**data.fingerprint, **names},
        "space": code_identity(space.definition.code) if space.recipe is None else {},
        "measures": code_identity(*asked) if asked else {},
        "strategy": strategy_identity(strategy),
    }


def strategy_identity(strategy: Strategy) -> dict[str, str]:
    """Returns the code of a strategy of the user's own; nothing for one of the package's."""
    if isinstance(strategy, FunctionStrategy):
        return code_identity(strategy.function)
    own = type(strategy)
    return {} if own.__module__.startswith("nas_nb.") else code_identity(own)


def _named(measure: Any) -> Any:
    return measure if isinstance(measure, str | None) else getattr(measure, "__name__", "object")


def recorded_versions() -> dict[str, str]:
    """Returns the versions that arithmetic and proposals depend on."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {**{name: version(name) for name in _VERSIONS}, "python": python}


_MOST_TOLD = 3


def space_differences(was: Any, now: Any) -> list[str]:
    """Says in what two spaces differ, as openings hold them; an empty list for nothing."""
    one, other = (
        {parameter["name"]: parameter for parameter in (space or {}).get("parameters", ())}
        for space in (json.loads(json.dumps(was)), json.loads(json.dumps(now)))
    )
    if [*one.items()] == [*other.items()]:
        return []
    found = [
        _parameter_difference(name, one.get(name), other.get(name))
        for name in dict.fromkeys((*one, *other))
        if one.get(name) != other.get(name)
    ]
    more = [f"and {len(found) - _MOST_TOLD} more"] if len(found) > _MOST_TOLD else []
    return found[:_MOST_TOLD] + more or ["its parameters in another order"]


def _parameter_difference(name: str, was: Any, now: Any) -> str:
    if was is None or now is None:
        return f"{name}, which it did not have" if was is None else f"no {name} any more"
    changed = [part for part in (was | now) if was.get(part) != now.get(part)]
    follows = ("kind", "ordered", "default")  # from the choices, mostly
    changed = [part for part in changed if part not in follows] or changed
    told = [f"{part} {shown(was.get(part))}, now {shown(now.get(part))}" for part in changed]
    return f"{name}: {' and '.join(told)}"


def search_differences(history: History, now: Mapping[str, Any]) -> list[str]:
    """Says in what a search differs from the one that a journal holds."""
    known = [opening for opening in history.opened if opening.get("identity")]
    if not known:
        return []
    last = known[-1]
    was, own, versions = last["identity"], now["identity"], last.get("versions") or {}
    found = data_differences(was["data"], own["data"])
    for name in ("loss", "metrics"):
        if was["data"].get(name) != own["data"][name]:
            found.append(f"{name} {was['data'].get(name)}, now {own['data'][name]}")
    compared = [(was.get(part) or {}, own[part], versions) for part in ("space", "measures")]
    codes = list(_strategy_codes(history, str(now["strategy"])))
    compared += [(code, own["strategy"], made_with) for code, made_with in codes[-1:]]
    for one, other, made_with in compared:
        found += _code_differences(one, other, made_with, now["versions"])
    return found


def _strategy_codes(
    history: History, name: str
) -> Iterator[tuple[dict[str, str], Mapping[str, str]]]:
    """Yields the code that a strategy of this name had, with the versions of then."""
    versions: Mapping[str, str] = {}
    for opening in history.opened:
        versions = opening.get("versions") or {}
        if opening.get("identity") and opening.get("strategy") == name:
            yield opening["identity"].get("strategy") or {}, versions
    for event in history.steering:
        detail = event.get("detail") or {}
        if detail.get("strategy") == name and "code" in detail:
            yield detail["code"], versions


def _code_differences(
    was: dict[str, str], now: dict[str, str], made_with: Mapping[str, str], own: Mapping[str, str]
) -> list[str]:
    if made_with.get("python") != own["python"]:
        return []  # another Python has other instructions for the same code
    return code_differences(was, now, same_version=made_with.get("nas_nb") == own["nas_nb"])


def table_identity(table: Any) -> dict[str, str]:
    """Returns what known scores are: a hash of them, or the code that they are computed by."""
    if isinstance(table, History):
        told = [
            (t.key, str(t.status), t.score, t.duration_s, tuple(t.curve)) for t in table.finished
        ]
        return {"trials": text_hash(json.dumps(plain(told), default=repr))}
    if isinstance(table, Mapping):
        return code_identity(dict(table))
    return code_identity(table)


def run_differences(history: History, now: Mapping[str, Any]) -> list[str]:
    """Says in what a race's run differs from the one that its folder holds: strategy and table."""
    if not history.opened:
        return []
    last = history.opened[-1]
    found = [
        f"{name} {last.get(name)!r}, now {now[name]!r}"
        for name in ("strategy", "options")
        if last.get(name) != now[name]
    ]
    was, own = last.get("identity") or {}, now["identity"]
    for part in ("strategy", "table"):
        one, other = was.get(part), own[part]
        if one is not None and other is not None:
            found += _code_differences(one, other, last.get("versions") or {}, now["versions"])
    return found


def notes_on_reopening(history: History, now: Mapping[str, Any]) -> list[str]:
    """Says what is no reason to refuse: other versions, or a journal without fingerprints."""
    if not history.opened:
        return []
    notes, last = [], history.opened[-1]
    if not last.get("identity"):
        notes.append(
            "Its journal is of an earlier version and holds no fingerprint: whether data and code "
            "are those of its trials is not checked."
        )
    was, own = last.get("versions") or {}, now["versions"]
    changed = [f"{n} {was[n]}, now {own[n]}" for n in own if n in was and was[n] != own[n]]
    if changed:
        other_python = was.get("python") != own["python"]
        unchecked = " Whether functions were edited can't be told." if other_python else ""
        notes.append(
            f"Its trials were made with other versions ({'; '.join(changed)}): new scores may "
            f"differ a little from those.{unchecked}"
        )
    return notes
