"""`SearchOracle`: proposes as steering asks: queued candidates, a strategy, a part of the space."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nas_nb.errors import NasError, SearchError, StrategyError
from nas_nb.oracles.strategy_oracle import NoProposal, StrategyOracle
from nas_nb.record.events import USER, SteerAction
from nas_nb.search.folder import strategy_identity
from nas_nb.search.prior import first_of_prior, own_ancestors, with_prior
from nas_nb.space.restriction import Rules
from nas_nb.strategy.base import Proposal
from nas_nb.strategy.function import FunctionStrategy
from nas_nb.strategy.registry import STRATEGIES, make_strategy, why_unknown

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.events import Event
    from nas_nb.record.history import History
    from nas_nb.space.domain import Domain
    from nas_nb.strategy.base import Strategy

_REPEATS = 20


class SearchOracle(StrategyOracle):
    """Asks the strategy that steering has left in force, on what it has left of the space."""

    # All it goes by is in the journal: a search that was steered, killed and resumed proposes what
    # it would have proposed.

    def __init__(
        self,
        *args: Any,
        domain: Domain,
        steering_state: SteeringState,
        prepare: Callable[[Strategy], None] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._opened_with = self._strategy
        self._whole = domain
        self._steering = steering_state
        self._prepare = prepare
        self._plan = ActiveSteering()

    def adopt_steering(self) -> bool:
        """Lets the strategy in force propose next, from what is left of the space."""
        plan = active_steering(self.history)
        if plan == self._plan or self.history.queued or self._unfinished() is not None:
            return False
        who = plan.strategy
        strategy = self._opened_with if who is None else self._steering.strategy(*who)
        self._strategy = confine(strategy, plan.rules.narrow(self._whole))
        self._plan = plan
        if who is not None and self._prepare is not None:
            self._prepare(self._strategy)
        return True

    def start_again(self, number: int) -> None:
        """Begins another attempt at a running trial, from its first epoch."""
        self._recorder.start(number, worker=self.history[number].worker)

    def _add(self, number: int) -> Proposal | NoProposal:
        while True:
            seen = len(self.history.steering)
            made = self.propose(number)
            with self._steering.guard:
                if len(self.history.steering) != seen:
                    continue  # somebody steered meanwhile: it counts from this proposal on
                if isinstance(made, Proposal):
                    origin = USER if self.history.queued else self._strategy.name
                    self._recorder.propose(number, made, origin)
                return made

    def propose(self, number: int) -> Proposal | NoProposal:
        """Returns the first candidate of the user's, else what the strategy proposes."""
        queued = self.history.queued
        if queued:
            first = queued[0]
            return Proposal(dict(first.values), dict(first.fidelity), first.parent)
        self.adopt_steering()  # again: somebody may have steered since the loop asked
        prior = self.history.prior
        known = first_of_prior(self.history, self.strategy) if prior else None
        if known is not None:
            return Proposal(known)
        try:
            made = super().propose(number)
        except NasError as error:
            if not self._plan.rules:
                raise
            raise StrategyError(f"{error} {self._hint}") from error
        if self._plan.rules and isinstance(made, NoProposal):
            return NoProposal(f"{made.reason} {self._hint}")
        return own_ancestors(made) if prior and isinstance(made, Proposal) else made

    def _shown(self, strategy: Strategy) -> History:
        return with_prior(self.history, strategy) if self.history.prior else self.history

    @property
    def _hint(self) -> str:
        """Says that the space is restricted, where that may be why nothing was proposed."""
        rules = str(self._plan.rules)
        return f"The search is restricted ({rules}): `search.steer.unrestrict()` lifts that."


def confine(strategy: Strategy, domain: Domain) -> Strategy:
    """Returns the strategy over a part of its space."""
    # A function knows nothing of the part: what it proposes outside is asked for again, and then
    # drawn at random.
    if not isinstance(strategy, FunctionStrategy):
        return strategy.over(domain)
    ask, whole = strategy.function, strategy.domain

    @functools.wraps(ask, updated=())
    def inside(history: History, rng: np.random.Generator) -> Any:
        for _ in range(_REPEATS):
            proposed = ask(history, rng)
            values = (
                proposed if isinstance(proposed, Mapping) else getattr(proposed, "values", None)
            )
            # What is in no part of the space is a mistake, which the strategy's own check names.
            if not isinstance(values, Mapping) or domain.contains(values):
                return proposed
            if not whole.contains(values):
                return proposed
        return domain.sample(rng)

    inside.__name__ = strategy.name
    return FunctionStrategy(inside).over(domain)


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
