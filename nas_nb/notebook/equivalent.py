"""The search in the panel, as code: the Python that makes it, and the magic's line."""

from __future__ import annotations

import dataclasses
import shlex
from typing import TYPE_CHECKING, Any

from nas_nb.evaluate.fidelity import Fidelity
from nas_nb.notebook.wording import folder_text
from nas_nb.search.budget import describe_duration
from nas_nb.search.objective import as_objective
from nas_nb.search.project import is_chosen
from nas_nb.strategy.names import STRATEGIES

if TYPE_CHECKING:
    from nas_nb.search.search import Search
    from nas_nb.strategy.strategy import Strategy

_COUNTS = ("max_trials", "max_epochs", "max_params", "max_flops", "max_memory_bytes")
_TIMES = ("max_time_s", "max_time_per_trial_s", "max_latency_s")
_LINE = 88


def arguments_of(search: Search) -> dict[str, Any]:
    """Returns what `Search` was given, or would have to be given, beyond space and data.

    Only what differs from the defaults, and the strategy, which one wants to see.
    """
    settings, budget = search.settings, search.settings.budget
    found: dict[str, Any] = {"strategy": settings.strategy.name}
    if options := changed_options(settings.strategy):
        found["options"] = options
    usual = as_objective(None, settings.data.task)
    if settings.objective.name != usual.name:
        found["objective"] = str(settings.objective.name)
    for name in _COUNTS:
        if getattr(budget, name) is not None:
            found[name.removesuffix("_bytes")] = getattr(budget, name)
    for name in _TIMES:
        seconds = getattr(budget, name)
        if seconds is not None:
            # A duration is written as people do where that loses nothing.
            whole = float(seconds).is_integer() and seconds >= 1
            found[name.removesuffix("_s")] = describe_duration(seconds) if whole else seconds
    usual_fidelity = dataclasses.asdict(Fidelity())
    given = dataclasses.asdict(settings.fidelity)
    found |= {name: value for name, value in given.items() if value != usual_fidelity[name]}
    if settings.seed:
        found["seed"] = settings.seed
    return found | ({"directory": folder_text(search)} if is_chosen(search.directory) else {})


def changed_options(strategy: Strategy) -> dict[str, Any]:
    """Returns the options of a strategy that are not at their defaults."""
    if strategy.name not in STRATEGIES:
        return {}
    defaults = {field.name: field.default for field in dataclasses.fields(strategy)}
    return {n: value for n, value in strategy.options.items() if value != defaults.get(n)}


def python_text(search: Search) -> str:
    """Returns the Python that makes this search of its space: `search = nas.Search(...)`."""
    written = [f"{name}={value!r}" for name, value in arguments_of(search).items()]
    if search.strategy.name not in STRATEGIES:
        written[0] = f"strategy={search.strategy.name}"
    data = f'nas.load("{search.data.name}")' if _is_ready(search.data.name) else "data"
    line = f"search = nas.Search({', '.join(['space', data, *written])})"
    if len(line) <= _LINE:
        return line
    body = "\n".join(f"    {argument}," for argument in ("space", data, *written))
    return f"search = nas.Search(\n{body}\n)"


def magic_text(search: Search) -> str:
    """Returns the first line of the cell that makes this search: `%%nas search --data ...`."""
    words = ["%%nas", "search", "--data", search.data.name]
    for name, value in arguments_of(search).items():
        if name == "options":
            for option, chosen in value.items():
                words += ["--option", f"{option}={chosen}"]
        else:
            flag = f"--{name.replace('_', '-')}"
            words += [flag] if value is True else [flag, str(value)]
    return " ".join(shlex.quote(word) if " " in word else word for word in words)


def _is_ready(name: str) -> bool:
    from nas_nb.data.ready import NAMES

    return name in NAMES
