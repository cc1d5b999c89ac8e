"""What steering has left in force, as a function of the history."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from nas_nb.errors import SearchError
from nas_nb.record.events import SteerAction
from nas_nb.search.budget import LIMITS
from nas_nb.search.identity import strategy_identity
from nas_nb.space.restriction import Rules
from nas_nb.strategy.registry import STRATEGIES, make_strategy, why_unknown

if TYPE_CHECKING:
    from nas_nb.record.events import Event
    from nas_nb.record.history import History
    from nas_nb.search.settings import Settings
    from nas_nb.strategy.base import Strategy


@dataclass(frozen=True)
class ActiveSteering:
    """What holds for the next proposal, as far as steering has decided it.

    Attributes:
        rules: What is left of the space; none for all of it.
        strategy: Name and options of who proposes, or None if the session's opening says it.
        limits: Limits of the budget that are not those of the opening; None for no limit.
    """

    rules: Rules = field(default=Rules())
    strategy: tuple[str, dict[str, Any]] | None = field(default=None, hash=False)
    limits: dict[str, Any] = field(default_factory=dict, compare=False)


def active_steering(history: History, more: Iterable[Event] = ()) -> ActiveSteering:
    """Returns the plan that a history adds up to: a function of its events alone."""
    rules = Rules()
    for event in (*history.steering, *more):
        detail = event.get("detail") or {}
        if event["action"] == SteerAction.RESTRICT:
            rules = rules.added(Rules.from_json(detail))
        elif event["action"] == SteerAction.UNRESTRICT:
            rules = rules.lifted(detail.get("names") or ())
    strategy: tuple[str, dict[str, Any]] | None = None
    limits: dict[str, Any] = {}
    for event in history.session_steering:
        detail = event.get("detail") or {}
        if event["action"] == SteerAction.STRATEGY:
            strategy = detail["strategy"], detail.get("options") or {}
        elif event["action"] == SteerAction.BUDGET:
            limits |= detail
    return ActiveSteering(rules, strategy, limits)


def requested_settings(settings: Settings) -> dict[str, Any]:
    """Returns what code asked for, of what steering may change, as a journal keeps it."""
    budget = settings.budget.to_json()
    who = {"strategy": settings.strategy.name, "options": settings.strategy.options}
    plain: dict[str, Any] = json.loads(json.dumps({**who, "budget": budget}))
    return plain


def resumed_settings(settings: Settings, history: History) -> Settings:
    """Returns settings as an earlier session left them, where code asks for the same as then.

    So a search whose strategy or budget was changed while it ran goes on with the changed one
    when its cell runs again; code that was changed since then wins.
    """
    if not history.opened:
        return settings
    opening, now, plan = history.opened[-1], requested_settings(settings), active_steering(history)
    then: dict[str, Any] = opening.get("given") or opening
    left = plan.strategy or (opening.get("strategy"), opening.get("options") or {})
    asked = now["strategy"], now["options"]
    if asked == (then.get("strategy"), then.get("options") or {}) and left != asked:
        settings = settings.with_strategy(_strategy(left, settings))
    kept: Mapping[str, Any] = {**(opening.get("budget") or {}), **plan.limits}
    before = then.get("budget") or {}
    limits = {
        limit.field: kept.get(limit.field)
        for limit in LIMITS
        if now["budget"].get(limit.field) == before.get(limit.field)
        and opening.get("budget") is not None
    }
    return replace(settings, budget=replace(settings.budget, **limits))


def _strategy(left: tuple[Any, dict[str, Any]], settings: Settings) -> Strategy:
    name, options = left
    if name not in STRATEGIES:
        raise SearchError(
            f"The search was left with the strategy '{name}', which {why_unknown(name)}: pass it, "
            "or another one, as `strategy`."
        )
    return make_strategy(name, settings.space.domain, **options)


LOCK_TIMEOUT_S = 2.0


class SteeringState:
    """What the threads of a project share that steer and that propose.

    Attributes:
        guard: Held while steering is written down, and while a proposal is: so each proposal is
            that of the steering before it in the journal, and a resumed search makes the same.
        waiting: Steering of a search that has not started: its journal does not exist yet.
    """

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.waiting: list[Event] = []
        self._strategies: dict[str, Strategy] = {}

    def remember(self, strategy: Strategy) -> dict[str, Any]:
        """Keeps a strategy for the worker, and returns what the journal says about it."""
        said = {"strategy": strategy.name, "options": strategy.options}
        self._strategies[_key(strategy.name, strategy.options)] = strategy
        code = strategy_identity(strategy)
        return {**said, "code": code} if code else said

    def strategy(self, name: str, options: dict[str, Any]) -> Strategy:
        """Returns the strategy that the journal names."""
        known = self._strategies.get(_key(name, options))
        if known is not None:
            return known
        if name not in STRATEGIES:
            raise SearchError(
                f"The strategy '{name}' of an earlier session {why_unknown(name)}: give it again, "
                "or another one, with `search.steer.strategy(...)`."
            )
        return make_strategy(name, **options)


def _key(name: str, options: dict[str, Any]) -> str:
    return json.dumps([name, options], sort_keys=True)
