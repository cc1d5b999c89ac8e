"""Made-up histories whose truth is planted: which choices decide, and which do nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from nas_nb.record.history import History
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Condition, Parameter, ParameterKind

LEVELS = (0, 1, 2, 3)
ON = (Condition("parent", (2, 3)),)
DOMAIN = Domain(
    (
        Parameter("parent", ParameterKind.CHOICE, LEVELS),
        *(Parameter(name, ParameterKind.CHOICE, LEVELS) for name in "abcdefg"),
        Parameter("child", ParameterKind.CHOICE, LEVELS, conditions=ON),
        Parameter("idle", ParameterKind.CHOICE, LEVELS, conditions=ON),
    )
)
DRIVERS = {"a", "b", "child"}
"""Of about equal weight; the third only counts while `parent` is 2 or 3."""
INERT = {"e", "f", "g", "idle"}
"""What is left, `c` and `d`, matters only as a pair."""


def planted(values: dict[str, Any]) -> float:
    score = 0.5 + 0.1 * values["a"] / 3 + 0.1 * (values["b"] == 2)
    if "child" in values:
        score += 0.14 * (values["child"] / 3 - 0.5)
    return score + 0.06 * ((values["c"] >= 2) != (values["d"] >= 2))


def history_of(
    trials: list[tuple[dict[str, Any], float, str]],
    *,
    direction: str = "max",
    objective: str = "val_accuracy",
    rows: int | None = None,
    params: Callable[[dict[str, Any]], int] | None = None,
) -> History:
    """Returns a history of (values, score, how)."""
    history, times = History(), itertools.count(1.0)

    def tell(event: str, **fields: Any) -> None:
        history.apply({"event": event, "time": next(times), **fields})

    given = {} if rows is None else {"validation_rows": rows}
    tell("search_opened", seed=0, objective=objective, direction=direction, **given)
    for number, (values, score, how) in enumerate(trials):
        tell("trial_proposed", trial=number, values=values, origin="evolution", how=how)
        tell("trial_started", trial=number, attempt=1, seed=1, epochs=1)
        if params is not None:
            tell("trial_built", trial=number, costs={"params": params(values)})
        tell("epoch_ended", trial=number, epoch=1, logs={objective: score})
        tell("trial_ended", trial=number, status="completed", score=score)
    return history


def drawn_history(count: int, seed: int, noise: float = 0.01, score: Any = planted) -> History:
    rng = np.random.default_rng(seed)
    points = [DOMAIN.sample(rng) for _ in range(count)]
    return history_of([(p, score(p) + noise * rng.normal(), "drawn") for p in points])


def evolved_history(count: int, seed: int, noise: float = 0.01) -> History:
    """Ten drawn trials, then mutants of the best of four of the last fifteen."""
    rng = np.random.default_rng(seed)
    points: list[tuple[dict[str, Any], float, str]] = []
    while len(points) < count:
        if len(points) < 10:
            values, how = DOMAIN.sample(rng), "drawn"
        else:
            young = points[-15:]
            few = [young[at] for at in rng.choice(len(young), 4, replace=False)]
            values, how = DOMAIN.mutate(max(few, key=lambda one: one[1])[0], rng), "mutated"
        points.append((values, planted(values) + noise * rng.normal(), how))
    return history_of(points)
