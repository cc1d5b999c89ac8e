"""Journals of format 1 in the words of today: names that changed with format 2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nas_nb.record.events import Event, EventKind, SteerAction

STRATEGIES = {
    "local": "local_search",
    "gradient": "darts",
    "pareto": "nsga2",
    "cma": "cma_es",
}
# Optuna's NSGA-II had the name that ours has now: what ours knows of its options stays.
OPTIONS = {"inherit": "inherit_weights", "population_size": "population"}
_OF_OPTUNA_ALONE = "window"
FIDELITIES = {
    "fraction": "data_fraction",
    "repeats": "executions_per_trial",
    "stop_early": "prune",
}
BUDGETS = {"max_flops": "max_macs"}
COSTS = {"flops": "macs"}
ACTIONS = {"release": SteerAction.UNRESTRICT.value}


def is_old(opening: Event) -> bool:
    """Tells whether a session, by the event that opened it, uses the names of format 1."""
    return (opening.get("journal") or 1) < 2


def translated(event: Event) -> Event:
    """Returns an event of a session of format 1 as format 2 writes it."""
    translate = _TRANSLATE.get(event["event"])
    return event if translate is None else translate(dict(event))


def _renamed(names: Mapping[str, Any] | None, new: Mapping[str, str]) -> dict[str, Any] | None:
    if not isinstance(names, Mapping):
        return names
    return {new.get(name, name): value for name, value in names.items()}


def _strategy(said: dict[str, Any]) -> dict[str, Any]:
    """Renames a strategy and its options, where something names them."""
    name, options = said.get("strategy"), said.get("options")
    if isinstance(name, str):
        said["strategy"] = STRATEGIES.get(name, name)
    if isinstance(options, Mapping):
        cost = {"cost": COSTS.get(options["cost"], options["cost"])} if "cost" in options else {}
        said["options"] = {**(_renamed(options, OPTIONS) or {}), **cost}
        if name == "nsga2":
            said["options"].pop(_OF_OPTUNA_ALONE, None)
    return said


def _opened(event: Event) -> Event:
    event = _strategy(event)
    for field, new in (("fidelity", FIDELITIES), ("budget", BUDGETS)):
        if field in event:
            event[field] = _renamed(event[field], new)
    if isinstance(event.get("given"), Mapping):
        given = _strategy(dict(event["given"]))
        event["given"] = {**given, "budget": _renamed(given.get("budget"), BUDGETS)}
    return event


def _prepared(event: Event) -> Event:
    detail = event.get("detail")
    if isinstance(detail, Mapping):
        event["detail"] = _strategy(dict(detail))
    return _strategy(event)


def _proposed(event: Event) -> Event:
    event["origin"] = STRATEGIES.get(event.get("origin", ""), event.get("origin"))
    if "fidelity" in event:
        event["fidelity"] = _renamed(event["fidelity"], FIDELITIES)
    return event


def _built(event: Event) -> Event:
    event["costs"] = _renamed(event.get("costs"), COSTS)
    return event


def _steered(event: Event) -> Event:
    action, detail = event.get("action"), event.get("detail")
    event["action"] = ACTIONS.get(action, action) if isinstance(action, str) else action
    if isinstance(detail, Mapping) and action == SteerAction.STRATEGY:
        event["detail"] = _strategy(dict(detail))
    if isinstance(detail, Mapping) and action == SteerAction.BUDGET:
        event["detail"] = _renamed(detail, BUDGETS)
    return event


_TRANSLATE: dict[str, Callable[[Event], Event]] = {
    EventKind.SEARCH_OPENED: _opened,
    EventKind.PREPARED: _prepared,
    EventKind.TRIAL_PROPOSED: _proposed,
    EventKind.TRIAL_BUILT: _built,
    EventKind.STEERED: _steered,
}
