"""The oracle of a search that is steered: it hands out what is queued, and what the plan leaves."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nas_nb.errors import NasError, StrategyError
from nas_nb.record.steering import USER
from nas_nb.search.plan import Plan, plan_of
from nas_nb.space.restriction import restrict
from nas_nb.strategy.function import FunctionStrategy
from nas_nb.strategy.oracle import StrategyOracle
from nas_nb.strategy.proposal import Proposal

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.search.helm import Helm
    from nas_nb.space.domain import Domain
    from nas_nb.strategy.strategy import Strategy

_REPEATS = 20


class SteeredOracle(StrategyOracle):
    """Asks the strategy that steering has left in force, on what it has left of the space.

    Everything it goes by is in the journal, and so a search that was steered, killed and resumed
    proposes what it would have proposed.

    Args:
        *args: As for `StrategyOracle`.
        domain: The whole space.
        helm: What it shares with the thread that steers.
        **kwargs: As for `StrategyOracle`.

    Attributes:
        prepare: Called with a strategy before its first proposal, when steering has put it there.
    """

    def __init__(self, *args: Any, domain: Domain, helm: Helm, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._opened_with = self._strategy
        self._whole = domain
        self._helm = helm
        self._plan = Plan()
        self.prepare: Callable[[Strategy], None] | None = None

    def _propose(self) -> int | None:
        number = len(self.history)
        while True:
            seen = len(self.history.steering)
            made = self._next(number)
            with self._helm.guard:
                if len(self.history.steering) != seen:
                    continue  # somebody steered meanwhile: it counts from this proposal on
                if made is None:
                    return None
                self._attempts.propose(number, *made)
                return number

    def _next(self, number: int) -> tuple[Proposal, str] | None:
        """Returns the next proposal and whose it is, or None: `reason` and `error` say why."""
        queued = self.history.queued
        if queued:
            first = queued[0]
            return Proposal(dict(first.values), dict(first.fidelity), first.parent), USER
        self._adopt(plan_of(self.history))
        self.error = None
        answer = self.populate_space(f"{number:06d}")
        if answer["values"] is None:
            self._explain()
            return None
        assert self._proposal is not None
        return self._proposal, self._strategy.name

    def _adopt(self, plan: Plan) -> None:
        """Lets the strategy of the plan propose from what the plan leaves of the space."""
        if plan == self._plan:
            return
        who = plan.strategy
        strategy = self._opened_with if who is None else self._helm.strategy(*who)
        self._strategy = confined(strategy, restrict(self._whole, plan.rules))
        self._plan = plan
        if who is not None and self.prepare is not None:
            self.prepare(self._strategy)

    def _explain(self) -> None:
        """Says that the space is restricted, where that may be why nothing was proposed."""
        if not self._plan.rules:
            return
        rules = "; ".join(map(str, self._plan.rules))
        hint = f"The search is restricted ({rules}): `search.steer.release()` lifts that."
        self.reason = f"{self.reason} {hint}"
        if isinstance(self.error, NasError):
            explained = StrategyError(f"{self.error} {hint}")
            explained.__cause__ = self.error
            self.error = explained


def confined(strategy: Strategy, domain: Domain) -> Strategy:
    """Returns the strategy over a part of its space.

    A function knows nothing of the part: what it proposes outside is asked for again, and then
    drawn at random.
    """
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
