"""What a user's function answered, checked: is it a point, and a proposal that makes sense?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nas_nb.errors import SpaceError, StrategyError
from nas_nb.record.frozen import FrozenDict
from nas_nb.record.values import plain
from nas_nb.strategy.proposal import PARTS, WHOLE, Proposal

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial
    from nas_nb.record.values import Value
    from nas_nb.space.domain import Domain

Answer = dict[str, "Value"] | Proposal


def checked(answer: object, name: str, domain: Domain, history: History) -> Answer:
    """Returns the answer in canonical form: values alone, or a `Proposal`.

    Args:
        answer: What the function returned.
        name: What the function is called, for the messages.
        domain: The space.
        history: What happened so far.

    Raises:
        StrategyError: It is no point of the space, or its fidelity or parent makes no sense.
    """
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


def repeated(answer: Answer, history: History) -> int | None:
    """Returns the trial that an answer repeats, or None if it is new.

    Values alone repeat any trial that has them. A proposal repeats one of the same fidelity; that
    it starts from the weights of another architecture makes it new once.
    """
    if not isinstance(answer, Proposal):
        earlier = history.trials_of(answer)
        return earlier[0].number if earlier else None
    for trial in history.trials_of(answer.values):
        if _told(trial, history) == _told(answer, history):
            return trial.number
    return None


def difference(first: Answer, second: Answer) -> str | None:
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
    for trial in history.trials_of(values) if isinstance(values, FrozenDict) else ():
        if trial.values is values:
            raise StrategyError(
                f"'{name}' returned the very values that the history holds for trial "
                f"{trial.number}. The history is only for reading: change a copy, as in "
                "`values = dict(trial.values)`."
            )
    try:
        return domain.canonical(values)
    except SpaceError as error:
        raise StrategyError(
            f"'{name}' returned a point that is not in the space: {error}"
        ) from error


def _told(trial: Trial | Proposal, history: History) -> tuple[dict[str, Any], int | None]:
    """What a trial is granted in all, and the trial of another architecture it starts from."""
    usual = {"fraction": 1, "resolution": 1, "repeats": 1, **history.granted}
    granted = {name: trial.fidelity.get(name, usual.get(name)) for name in (*WHOLE, *PARTS)}
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
