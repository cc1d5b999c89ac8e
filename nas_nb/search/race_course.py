"""The course of a race over known scores: what is known, of which space, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras_tuner as kt

from nas_nb.errors import SearchError
from nas_nb.search.race_lane import Course
from nas_nb.search.race_table import HistoryTable, ScoreTable, Table, TableLike, history_of
from nas_nb.search.settings import SpaceLike, as_space
from nas_nb.space.domain import Domain
from nas_nb.space.search_space import SearchSpace

if TYPE_CHECKING:
    from nas_nb.search.budget import Budget


def course_of(
    space: SpaceLike | Domain | None, table: TableLike, budget: Budget, direction: str
) -> Course:
    """Returns the course that all strategies of a race over a table run.

    Args:
        space: The space that the table has scores of; None where the table knows it.
        table: As for `Race`.
        budget: What each search may spend.
        direction: Which scores of a table are better, "max" or "min".

    Raises:
        SearchError: The space is not given, and the table does not know it.
    """
    history = history_of(table)
    if history is None:
        if space is None:
            raise SearchError("Expected the space that the table has scores of, got none.")
        domain = _domain(space)
        known: Table = ScoreTable(table)
        objective = kt.Objective("score", direction)
        name = getattr(table, "name", None) or getattr(table, "__name__", type(table).__name__)
        return Course(known, domain, objective, budget, str(name))
    opening = history.opened[-1] if history.opened else {}
    if space is None and "space" not in opening:
        raise SearchError("Expected a journal that holds its space, got none: pass the space.")
    domain = Domain.from_json(opening["space"]) if space is None else _domain(space)
    objective = kt.Objective(history.objective, history.direction)
    return Course(HistoryTable(history), domain, objective, budget, str(opening.get("data")))


def _domain(space: SpaceLike | Domain) -> Domain:
    if isinstance(space, Domain):
        return space
    return space.domain if isinstance(space, SearchSpace) else as_space(space).domain
