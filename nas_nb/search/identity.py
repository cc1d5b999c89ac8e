"""What a search is: its data, its code and its versions; what differs from an earlier opening."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from nas_nb.data.dataset import data_differences, text_hash
from nas_nb.record.history import History
from nas_nb.record.trial import plain
from nas_nb.space.code_identity import code_differences, code_identity
from nas_nb.strategy.function import FunctionStrategy

if TYPE_CHECKING:
    from nas_nb.data.dataset import Data
    from nas_nb.space.search_space import SearchSpace
    from nas_nb.strategy.base import Strategy

_VERSIONS = ("nas_nb", "keras", "keras-tuner", "tensorflow", "numpy")


def search_identity(space: SearchSpace, data: Data, strategy: Strategy) -> dict[str, Any]:
    """Returns what the scores and proposals of a search depend on, for its opening event."""
    asked = [one for one in (data.loss, *data.metrics) if not isinstance(one, str | None)]
    names = {"loss": _named(data.loss), "metrics": [_named(one) for one in data.metrics]}
    return {
        "data": {**data.fingerprint, **names},
        "space": code_identity(space.definition.code) if space.recipe is None else {},
        "measures": code_identity(*asked),
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
        unchecked = " Whether functions were edited can't be told." if _other_python(was) else ""
        notes.append(
            f"Its trials were made with other versions ({'; '.join(changed)}): new scores may "
            f"differ a little from those.{unchecked}"
        )
    return notes


def _other_python(was: Mapping[str, str]) -> bool:
    return was.get("python") != recorded_versions()["python"]
