"""A user's function as a strategy."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nas_nb.errors import SpaceError, StrategyError
from nas_nb.strategy.proposal import Proposal, Substitute
from nas_nb.strategy.strategy import Strategy, sample_new

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.record.values import Value

Propose = Callable[..., Any]
"""`propose(history, rng)`, which returns a dict of values or an architecture."""

_REPEATS = 20


@dataclass(frozen=True)
class FunctionStrategy(Strategy):
    """Asks a plain function `propose(history, rng)`, and checks what it returns.

    Use it to try an idea in a cell. The function gets the history (read it, don't change it) and
    a `numpy.random.Generator` that is seeded for this trial: with no other source of chance and
    no memory of its own, the search can be resumed and repeated. When it proposes what was tried
    already it is asked again, up to 20 times, with the generator moved on; then a random new
    architecture takes the place, and the trial's origin says so.

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

    def propose(self, history: History, rng: np.random.Generator) -> dict[str, Value] | Proposal:
        """Returns what the function proposes, checked and in canonical form."""
        for _ in range(_REPEATS):
            proposed = self.function(history, rng)
            if type(proposed) is Proposal:  # of what was tried already, for more epochs
                return replace(proposed, values=self._checked(dict(proposed.values), history))
            values = self._checked(proposed, history)
            if not history.has_tried(values):
                return values
        first = history.trials_of(values)[0].number
        return Substitute(sample_new(self.domain, history, rng), repeated=first)

    def _checked(self, proposal: object, history: History) -> dict[str, Value]:
        """Returns the proposal as canonical values, or says what is wrong with it."""
        values = proposal if isinstance(proposal, Mapping) else getattr(proposal, "values", None)
        if not isinstance(values, Mapping):
            hint = "does it end with `return`? " if proposal is None else ""
            raise StrategyError(
                f"Expected '{self.name}' to return a dict of values or an architecture. Received: "
                f"{proposal!r} (of type {type(proposal).__name__}); {hint}For example "
                "`return space.sample(rng)`."
            )
        for trial in history.trials:
            if trial.values is values:
                raise StrategyError(
                    f"'{self.name}' returned the very values that the history holds for trial "
                    f"{trial.number}. The history is only for reading: change a copy, as in "
                    "`values = dict(trial.values)`."
                )
        try:
            return self.domain.canonical(values)
        except SpaceError as error:
            raise StrategyError(
                f"'{self.name}' returned a point that is not in the space: {error}"
            ) from error
