"""A user's function as a strategy."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nas_nb.errors import StrategyError
from nas_nb.strategy.answer import Answer, checked, difference, repeated
from nas_nb.strategy.asking import ask
from nas_nb.strategy.proposal import Proposal, Substitute
from nas_nb.strategy.strategy import Strategy, sample_new

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.record.values import Value

Propose = Callable[..., Any]
"""`propose(history, rng)`, which returns a dict of values or an architecture."""

_REPEATS = 20
_TWICE_AT = (1, 5)


@dataclass(frozen=True)
class FunctionStrategy(Strategy):
    """Asks a plain function `propose(history, rng)`, and checks what it returns.

    Use it to try an idea in a cell. The function gets the history (read it, don't change it) and
    a `numpy.random.Generator` that is seeded for this trial: with no other source of chance and
    no memory of its own, the search can be resumed and repeated. That is checked: at its first
    proposal, and with 1 and 5 trials in the history, it is asked twice with equal generators, and
    has to answer the same. When it proposes what was tried already it is asked again, up to 20
    times, with the generator moved on; then a random new architecture takes the place, and the
    trial's origin says so. A `Proposal` may have the values of an earlier trial, at another
    fidelity.

    Args:
        function: Returns a dict of values, an architecture, or a `Proposal` with a fidelity.

    Example:
        ```python
        def propose(history, rng):
            if history.incumbent is None:
                return space.sample(rng)
            return space.domain.mutate(history.incumbent.values, rng)

        nas.Search(space, data, strategy=propose, max_trials=20)
        ```
    """

    function: Propose

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise StrategyError(
                "Expected a strategy: a name, a Strategy, or a function propose(history, rng). "
                f"Received: {self.function!r} (of type {type(self.function).__name__})."
            )
        if inspect.iscoroutinefunction(self.function) or inspect.isgeneratorfunction(self.function):
            raise StrategyError(
                f"Expected '{self.name}' to be a plain function that returns one architecture. "
                "Received: an async function or a generator. Write `return`, not `yield`."
            )
        try:
            inspect.signature(self.function).bind("history", "rng")
        except ValueError:  # some callables written in C don't tell their signature
            return
        except TypeError as error:
            raise StrategyError(
                f"Expected '{self.name}' to take two arguments, propose(history, rng): the "
                f"history of the search and a numpy.random.Generator. It can't: {error}."
            ) from None

    @property
    def name(self) -> str:  # type: ignore[override]
        """The function's name."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    @property
    def options(self) -> dict[str, Value | None]:
        """None: a function keeps its options to itself."""
        return {}

    def propose(self, history: History, rng: np.random.Generator) -> Answer:
        """Returns what the function proposes, checked and in canonical form."""
        twice = self._is_asked_twice(history)
        for _ in range(_REPEATS):
            twin, version = copy.deepcopy(rng) if twice else None, history.version
            answer = self._answer(history, rng)
            earlier = repeated(answer, history)
            if earlier is None:
                if twin is not None:
                    self._check_same(answer, history, twin, version)
                return answer
        fidelity = answer.fidelity if isinstance(answer, Proposal) else {}
        return Substitute(sample_new(self.domain, history, rng), fidelity, repeated=earlier or 0)

    def _answer(self, history: History, rng: np.random.Generator) -> Answer:
        proposed = ask(self.function, self.name, history, rng)
        return checked(proposed, self.name, self.domain, history)

    def _is_asked_twice(self, history: History) -> bool:
        """Whether this is one of the few proposals at which it is seen if the function is one.

        The history decides, so that a resumed search does what it would have done.
        """
        if len(history) in _TWICE_AT:
            return True
        return not any(trial.origin.startswith(self.name) for trial in reversed(history.trials))

    def _check_same(
        self, first: Answer, history: History, twin: np.random.Generator, version: int
    ) -> None:
        """Raises a `StrategyError` if the function answers differently when it is asked again."""
        try:
            differs = difference(first, self._answer(history, twin))
        except Exception as error:
            raise self._unsteady(f"an answer, then {error!r}") from error
        # Somebody who steers meanwhile changes what it is asked.
        if differs is not None and history.version == version:
            raise self._unsteady(differs)

    def _unsteady(self, received: str) -> StrategyError:
        return StrategyError(
            f"Expected '{self.name}' to propose the same when it is asked twice, with the same "
            f"history and generators that are equal. Received: {received}. Draw from `rng` alone "
            "(not from `random`, `np.random` or a generator of your own), and keep no memory "
            "outside the function (no counter, no iterator): `len(history)` counts, and the "
            "history remembers. Otherwise the search could be neither resumed nor repeated."
        )
