"""A user's `propose(history, rng)`, asked and checked."""

from __future__ import annotations

import copy
import inspect
import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from nas_nb.errors import SpaceError, StrategyError
from nas_nb.record.history_state import QueuedCandidate
from nas_nb.record.trial import ReadOnlyError, Trial, plain
from nas_nb.strategy.base import (
    SHARE_FIDELITIES,
    WHOLE_FIDELITIES,
    Proposal,
    RandomSubstitute,
    Strategy,
    sample_new,
)

if TYPE_CHECKING:
    import numpy as np

    from nas_nb.record.history import History
    from nas_nb.record.trial import Value
    from nas_nb.space.domain import Domain

Propose = Callable[..., Any]
"""`propose(history, rng)`, which returns a dict of values or an architecture."""

_REPEATS = 20
_TWICE_AT = (1, 5)


@dataclass(frozen=True)
class FunctionStrategy(Strategy):
    """Asks a plain function `propose(history, rng)`, and checks what it returns.

    Use it to try an idea in a cell. The function gets the history, to read, and a
    `numpy.random.Generator` that is seeded for this trial: with no other source of randomness and
    no memory of its own, the search can be resumed and repeated. That is checked: at its first
    proposal, and with 1 and 5 trials in the history, it is asked twice with equal generators, and
    has to answer the same. When it repeats a trial it is asked again, up to 20 times, with the
    generator moved on; then a random architecture takes the place, and the trial's origin says so.
    A `Proposal` may have the values of an earlier trial, at another fidelity.

    Args:
        function: Returns a dict of values, an architecture, or a `Proposal` with a fidelity.

    Example:
        ```python
        def propose(history, rng):
            best = history.incumbent
            for tries in range(200):
                near = best is not None and tries < 100
                values = space.domain.mutate(best.values, rng) if near else space.domain.sample(rng)
                if not history.has_tried(values):
                    break
            return values

        nas.Search(space, data, strategy=propose, max_trials=20)
        ```
    """

    function: Propose

    learns: ClassVar[bool] = False  # by itself: it finds them in `history.prior`
    several: ClassVar[str] = "is a function, which finds {costs} in `trial.costs`"

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise StrategyError(
                "Expected a strategy: a name, a Strategy, or a function propose(history, rng). "
                f"Received: {self.function!r} (of type {type(self.function).__name__})."
                f"{_NO_RETURN if self.function is None else ''}"
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
            earlier = repeated_trial(answer, history)
            if earlier is None:
                if twin is not None:
                    self._check_same(answer, history, twin, version)
                return answer
        fidelity = answer.fidelity if isinstance(answer, Proposal) else {}
        return RandomSubstitute(
            sample_new(self.domain, history, rng), fidelity, repeated=earlier or 0
        )

    def _answer(self, history: History, rng: np.random.Generator) -> Answer:
        proposed = call_propose(self.function, self.name, history, rng)
        return check_answer(proposed, self.name, self.domain, history)

    def _is_asked_twice(self, history: History) -> bool:
        """Whether to check the answer; the history decides, so a resumed search does the same."""
        if len(history) in _TWICE_AT:
            return True
        return not any(trial.origin.startswith(self.name) for trial in reversed(history.trials))

    def _check_same(
        self, first: Answer, history: History, twin: np.random.Generator, version: int
    ) -> None:
        """Raises a `StrategyError` if the function answers differently when it is asked again."""
        try:
            differs = answer_difference(first, self._answer(history, twin))
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


Answer = dict[str, "Value"] | Proposal


def check_answer(answer: object, name: str, domain: Domain, history: History) -> Answer:
    """Returns the answer in canonical form: values alone, or a `Proposal`."""
    if not isinstance(answer, Proposal):
        return _point(answer, name, domain, history)
    parent = plain(answer.parent)
    known = isinstance(parent, int) and not isinstance(parent, bool) and 0 <= parent < len(history)
    if parent is not None and not known:
        trials = f"the number of a trial, 0 to {len(history) - 1}, or " if len(history) else ""
        raise StrategyError(
            f"Expected the parent in a proposal of '{name}' to be {trials}None. Received: "
            f"parent={answer.parent!r} (of type {type(answer.parent).__name__})."
        )
    # Made anew, and so checked again: its dicts may have been changed since.
    values = _point(dict(answer.values), name, domain, history)
    return Proposal(values, {name: plain(n) for name, n in answer.fidelity.items()}, parent)


def repeated_trial(answer: Answer, history: History) -> int | None:
    """Returns the trial that an answer repeats, or None if it is new."""
    # Values alone repeat any trial that has them; a proposal one of the same fidelity. Starting
    # from the weights of another architecture makes it new once.
    if not isinstance(answer, Proposal):
        earlier = history.trials_of(answer)
        return earlier[0].number if earlier else None
    for trial in history.trials_of(answer.values):
        if _told(trial, history) == _told(answer, history):
            return trial.number
    return None


def answer_difference(first: Answer, second: Answer) -> str | None:
    """Returns in what two answers differ, as "a=1, then a=2"; None if in nothing."""
    one, two = _flat(first), _flat(second)
    names = [name for name in {**one, **two} if not _equal(one.get(name), two.get(name))]
    if not names:
        return None
    texts = (
        ", ".join(f"{name}={sheet[name]!r}" for name in names if name in sheet) or "none of these"
        for sheet in (one, two)
    )
    return ", then ".join(texts)


def _point(answer: object, name: str, domain: Domain, history: History) -> dict[str, Value]:
    values = answer if isinstance(answer, Mapping) else getattr(answer, "values", None)
    if not isinstance(values, Mapping):
        hint = "does it end with `return`? " if answer is None else ""
        raise StrategyError(
            f"Expected '{name}' to return a dict of values or an architecture. Received: "
            f"{answer!r} (of type {type(answer).__name__}); {hint}For example "
            "`return space.sample(rng)`."
        )
    try:
        return domain.canonical(values)
    except SpaceError as error:
        raise StrategyError(
            f"'{name}' returned a point that is not in the space: {error}"
        ) from error


def _told(trial: Trial | Proposal, history: History) -> tuple[dict[str, Any], int | None]:
    """What a trial is granted in all, and the trial of another architecture it starts from."""
    usual = {"data_fraction": 1, "executions_per_trial": 1, **history.granted}
    granted = {
        name: trial.fidelity.get(name, usual.get(name))
        for name in (*WHOLE_FIDELITIES, *SHARE_FIDELITIES)
    }
    parent = trial.parent
    if parent is not None and history[parent].values == trial.values:
        parent = None
    return granted, parent


def _flat(answer: Answer) -> dict[str, object]:
    if not isinstance(answer, Proposal):
        return dict(answer)
    grants = {f"fidelity {name}": amount for name, amount in answer.fidelity.items()}
    return {**answer.values, **grants, "parent": answer.parent}


def _equal(one: object, two: object) -> bool:
    """Sums of floats may differ in their last digit from one run to the next."""
    if isinstance(one, float) and isinstance(two, float):
        return math.isclose(one, two, rel_tol=1e-9)
    return one == two


_NO_RETURN = " Does the function that makes it end with `return propose`?"
_EMPTY = (
    "The history is empty at first: `history.incumbent` is None, and `history.completed` has "
    "nothing in it, until a trial has completed. Begin with, for example, "
    "`if history.incumbent is None: return space.sample(rng)`."
)
_TUPLES = (
    "The history's lists are tuples, which are only for reading: change a copy, as in "
    "`trials = list(history.trials)`."
)


def call_propose(
    function: Callable[..., Any], name: str, history: History, rng: np.random.Generator
) -> object:
    """Returns what a function proposes, which may be anything."""
    before = _sums(history)
    try:
        proposed: object = function(history, rng)
    except Exception as error:
        if _is_change(error):
            raise StrategyError(
                f"'{name}' tried to change the history{own_line(error)}, which is only for "
                "reading: change a copy, dict(...), as in `values = dict(trial.values)`."
            ) from error
        if "'tuple' object" in str(error):
            error.add_note(_TUPLES)
        if history.incumbent is None and _misses_something(error):
            error.add_note(_EMPTY)
        raise
    if _sums(history) != before:
        raise StrategyError(
            f"'{name}' wrote an event into the history, which is only for reading: return the "
            "architecture, and the search writes it down. What it wrote is not in the journal: "
            "open the search again."
        )
    return proposed


def _sums(history: History) -> tuple[float, ...]:
    """What any event changes but steering, which may come from another thread at any time."""
    return len(history), len(history.opened), history.epochs_spent, history.busy_s


def _is_change(error: Exception) -> bool:
    """Whether somebody tried to change what the history holds, or the history itself."""
    if isinstance(error, ReadOnlyError):
        return True
    if isinstance(error, FrozenInstanceError):
        step = error.__traceback__
        while step is not None and step.tb_next is not None:
            step = step.tb_next
        changed = None if step is None else step.tb_frame.f_locals.get("self")
        return isinstance(changed, (Trial, QueuedCandidate))
    return isinstance(error, AttributeError) and "'History' object has no setter" in str(error)


def own_line(error: Exception) -> str:
    """Returns the user's line, in brackets: a notebook shows of our errors the sentence alone."""
    return line_of(traceback.extract_tb(error.__traceback__))


def line_of(steps: traceback.StackSummary) -> str:
    """Returns the last line outside of the package, in brackets."""
    own = str(Path(__file__).parents[1])
    theirs = [s for s in steps if s.filename != "<string>" and not s.filename.startswith(own)]
    if not theirs:
        return ""
    text = f": `{theirs[-1].line}`" if theirs[-1].line else ""  # a text that was run has no lines
    return f" (line {theirs[-1].lineno}{text})"


def _misses_something(error: Exception) -> bool:
    return isinstance(error, IndexError) or "NoneType" in str(error) or "empty" in str(error)
