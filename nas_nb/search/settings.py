"""`Settings`: what defines a search, checked; as code asks for it, and as steering left it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nas_nb.data.dataset import Data
from nas_nb.data.datasets import default_data, load
from nas_nb.errors import SearchError, check_whole, nearest
from nas_nb.evaluate.fidelity import Fidelity, FidelityCache, share
from nas_nb.evaluate.trainer import steps_per_epoch
from nas_nb.record.events import SteerAction
from nas_nb.record.trial import changed_values
from nas_nb.search.budget import LIMITS, Budget, limit_arguments
from nas_nb.search.folder import recorded_versions, search_identity, strategy_identity
from nas_nb.search.objective import as_objective, split_objectives
from nas_nb.space.restriction import Rules
from nas_nb.space.search_space import SearchSpace, has_own_fit
from nas_nb.strategy.registry import STRATEGIES, make_strategy, named_options, why_unknown
from nas_nb.workers.local_process import KERNEL, check_workers

if TYPE_CHECKING:
    import keras_tuner as kt

    from nas_nb.record.events import Event
    from nas_nb.record.history import History
    from nas_nb.search.prior import Prior
    from nas_nb.strategy.base import Strategy
    from nas_nb.strategy.registry import StrategyLike

SpaceLike = SearchSpace | Mapping[str, Any] | Callable[..., Any]

_GRANTS = tuple(field.name for field in fields(Fidelity))
_WHO = ("strategy", "options")
_CHOSEN = ("strategy", "strategy_options", "objective", "seed", "workers")
_LIMITED = tuple(limit.name for limit in LIMITS)
CHANGEABLE = (*_CHOSEN, *_LIMITED, *_GRANTS)


@dataclass(frozen=True)
class Settings:
    """What defines a search."""

    name: str  # what it is called on screen
    space: SearchSpace  # bound to `data`
    data: Data
    strategy: Strategy
    objective: kt.Objective
    budget: Budget
    fidelity: Fidelity  # what each trial is granted
    seed: int  # decides proposals, initial weights and orders of samples
    minimised: tuple[str, ...] = ()  # costs beside the objective, where there are several
    prior: Prior | None = field(default=None, compare=False)
    workers: Any = KERNEL  # who evaluates the trials
    # What data and code were when the search was made.
    identity: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        check_whole("", "seed", self.seed, 0)
        if self.minimised and self.fidelity.prune:
            raise SearchError(
                "Expected prune=False for several objectives: pruning ends what can't reach the "
                "best scores, and small models may be worth less. Received: prune=True."
            )
        if self.workers is not KERNEL:
            check_workers(self.workers)
        if not self.identity:
            identity = search_identity(self.space, self.data, self.strategy)
            object.__setattr__(self, "identity", identity)

    @property
    def steps_per_epoch(self) -> int:
        """How many gradient steps an epoch is."""
        samples = share(len(self.data.x_train), self.fidelity.data_fraction)
        return steps_per_epoch(samples, self.fidelity.batch_size)

    @cached_property
    def fidelity_cache(self) -> FidelityCache:
        """Space and data as a trial's fidelity leaves them."""
        return FidelityCache(self.space, self.data, self.seed)

    def with_strategy(self, strategy: Strategy) -> Settings:
        """Returns the same with another strategy."""
        identity = {**self.identity, "strategy": strategy_identity(strategy)}
        return replace(self, strategy=strategy, identity=identity)

    def opening(self) -> dict[str, Any]:
        """Returns the fields of the journal's `search_opened` event."""
        return {
            "search": self.name,
            "seed": self.seed,
            "objective": self.objective.name,
            "direction": self.objective.direction,
            **({"minimised": [*self.minimised]} if self.minimised else {}),
            "strategy": self.strategy.name,
            "options": self.strategy.options,
            "space": self.space.domain.to_json(),
            "recipe": self.space.recipe,
            "budget": self.budget.to_json(),
            "fidelity": self.fidelity.to_json(),
            "data": self.data.name,
            "steps_per_epoch": self.steps_per_epoch,
            "validation_rows": len(self.data.y_val),
            "data_recipe": self.data.recipe,
            "identity": dict(self.identity),
            "versions": recorded_versions(),
        }


def as_data(data: object) -> Data:
    """Returns the data meant: given, named, or the default set with `nas.use`."""
    if isinstance(data, Data):
        return data
    if data is None:
        return default_data()
    if isinstance(data, str):
        return load(data)
    if isinstance(data, SearchSpace | Mapping) or callable(data):
        raise SearchError(
            "Expected the space first and then the data: nas.Search(space, data). Received: what "
            f"looks like a space as `data`, of type {type(data).__name__}."
        )
    raise SearchError(
        f"Expected `data` to be a `nas.Data` or a name for `nas.load`. "
        f"Received: {type(data).__name__}. Wrap arrays with `nas.Data.from_arrays(x, y)`, a "
        "data frame with `nas.Data.from_frame(frame, target)`."
    )


def as_space(space: SpaceLike) -> SearchSpace:
    """Returns the search space meant by a space, a dict, or a KerasTuner `build(hp)` function."""
    if isinstance(space, Mapping):
        return SearchSpace.from_dict(dict(space))
    made = space if isinstance(space, SearchSpace) else SearchSpace(space)
    if has_own_fit(made):
        whose = type(made.definition.hypermodel).__name__
        raise SearchError(
            "Expected a space without a `fit` of its own: a search trains its candidates itself. "
            f"Received: {whose}, whose `fit` would not be called. Take nas.StrategyTuner, whose "
            "trials are trained by it; or give its `build` as the space, and batch_size and epochs "
            "as arguments."
        )
    return made


def as_strategy(
    strategy: StrategyLike, space: SearchSpace, options: Mapping[str, Any] | None = None
) -> Strategy:
    """Returns the strategy meant, bound to a space."""
    made = make_strategy(strategy, space.domain, **named_options(options))
    made.check_space(space)
    return made


def with_changes(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Returns settings with other values for some of what `Search` takes."""
    unknown = [name for name in changes if name not in CHANGEABLE]
    if unknown:
        raise SearchError(
            f"A search has no setting '{unknown[0]}' that can be changed."
            f"{nearest(unknown[0], CHANGEABLE)}"
        )
    rest = dict(changes)
    limits = {name: rest.pop(name) for name in _LIMITED if name in rest}
    grants = {name: rest.pop(name) for name in _GRANTS if name in rest}
    options = rest.pop("strategy_options", None) or {}
    if "strategy" in rest or options:
        who = rest.pop("strategy", settings.strategy)
        settings = settings.with_strategy(as_strategy(who, settings.space, options))
    if "objective" in rest:
        scored, rest["minimised"] = split_objectives(rest["objective"])
        rest["objective"] = as_objective(scored, settings.data, settings.space)
    return replace(
        settings,
        budget=settings.budget.replaced(**limits),
        fidelity=replace(settings.fidelity, **grants),
        **rest,
    )


def requested_settings(settings: Settings) -> dict[str, Any]:
    """Returns what code asked for, of what steering may change, as a journal keeps it."""
    budget = settings.budget.to_json()
    who = {"strategy": settings.strategy.name, "options": settings.strategy.options}
    plain: dict[str, Any] = json.loads(json.dumps({**who, "budget": budget}))
    return plain


def edited_cell_advice(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Returns what a cell asks for that it did not `then`, and the two things that can be done."""
    changed = changed_values(_asked(then), _asked(now))
    said = ", ".join(f"{name}={new!r} (was {old!r})" for name, (old, new) in changed.items())
    return (
        f"The cell was changed since then: {said}. Either leave the cell and change the running "
        f"one, with {' and '.join(f'`{call}`' for call in _calls(changed, now))}, or end it with "
        "`%nas stop` or `nas.current_search().stop()` and run the cell again: it goes on from "
        "what was measured."
    )


def _asked(given: Mapping[str, Any]) -> dict[str, Any]:
    who = {name: given.get(name) for name in _WHO}
    return {**who, **limit_arguments(given.get("budget") or {})}


def _calls(changed: Mapping[str, tuple[Any, Any]], now: Mapping[str, Any]) -> list[str]:
    """Returns the calls that steer a search to what was asked for now."""
    steer = "nas.current_search().steer"
    calls = []
    if set(_WHO) & set(changed):
        name, options = now.get("strategy"), now.get("options") or {}
        known = name in STRATEGIES  # a function's name is none: it has to be passed itself
        given = "".join(f", {key}={value!r}" for key, value in options.items()) if known else ""
        calls.append(f"{steer}.strategy({repr(name) if known else name}{given})")
    limits = [f"{name}={new!r}" for name, (_, new) in changed.items() if name not in _WHO]
    if limits:
        calls.append(f"{steer}.budget({', '.join(limits)})")
    return calls


def resumed_settings(settings: Settings, history: History) -> Settings:
    """Returns settings as steering left them, where code asks for the same as then."""
    # A steered search goes on with the changed strategy or budget when its cell runs again;
    # code that was changed since then wins.
    if not history.opened:
        return settings
    opening, now, plan = history.opened[-1], requested_settings(settings), active_steering(history)
    then: dict[str, Any] = opening.get("given") or opening
    left = plan.strategy or (opening.get("strategy"), opening.get("options") or {})
    asked = now["strategy"], now["options"]
    if asked == (then.get("strategy"), then.get("options") or {}) and left != asked:
        settings = settings.with_strategy(_resumed_strategy(left, settings))
    kept: Mapping[str, Any] = {**(opening.get("budget") or {}), **plan.limits}
    before = then.get("budget") or {}
    limits = {
        limit.field: kept.get(limit.field)
        for limit in LIMITS
        if now["budget"].get(limit.field) == before.get(limit.field)
        and opening.get("budget") is not None
    }
    return replace(settings, budget=replace(settings.budget, **limits))


def _resumed_strategy(left: tuple[Any, dict[str, Any]], settings: Settings) -> Strategy:
    name, options = left
    if name not in STRATEGIES:
        raise SearchError(
            f"The search was left with the strategy '{name}', which {why_unknown(name)}: pass it, "
            "or another one, as `strategy`."
        )
    return make_strategy(name, settings.space.domain, **options)


@dataclass(frozen=True)
class ActiveSteering:
    """What steering has decided for the next proposal."""

    rules: Rules = field(default=Rules())  # what is left of the space; none for all of it
    # None if the session's opening says it.
    strategy: tuple[str, dict[str, Any]] | None = field(default=None, hash=False)
    # Those that differ from the opening's; None for no limit.
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


LOCK_TIMEOUT_S = 2.0


class SteeringState:
    """What the threads of a project share that steer and that propose."""

    def __init__(self) -> None:
        # Held while steering is written down, and while a proposal is: so each proposal is that of
        # the steering before it in the journal, and a resumed search makes the same.
        self.guard = threading.Lock()
        self.waiting: list[Event] = []  # steering of a search that has no journal yet
        self._strategies: dict[str, Strategy] = {}

    def remember(self, strategy: Strategy) -> dict[str, Any]:
        """Keeps a strategy for the search's thread, and returns what the journal says about it."""
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
