"""The views by name: what each needs to know, and how it is drawn and told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from nas_nb.notebook.views import (
    curves,
    funnel,
    importance,
    mixing,
    parallel,
    pareto,
    scores,
    space_map,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.record.history import History
    from nas_nb.space.domain import Domain


class Scene(NamedTuple):
    """What a view may look at.

    Attributes:
        history: What happened.
        domain: The space it happened in.
        chosen: The chosen trial, or None.
        other: The trial to compare it with, or None.
        cost: The cost that scores are set against.
    """

    history: History
    domain: Domain
    chosen: int | None = None
    other: int | None = None
    cost: str = "params"


class View(NamedTuple):
    """One picture.

    Attributes:
        info: Computes what will be drawn, as a NamedTuple; changes nothing.
        draw: Draws it on the caller's Axes, in place of what an earlier call drew there.
        describe: Says it in words, for readers who don't see it.
    """

    info: Callable[[Scene], Any]
    draw: Callable[[Any, Axes], Axes]
    describe: Callable[[Any], str]


VIEWS: dict[str, View] = {
    "scores": View(
        lambda scene: scores.scores_info(scene.history, scene.chosen),
        scores.draw_scores,
        scores.describe_scores,
    ),
    "curves": View(
        lambda scene: curves.curves_info(scene.history),
        curves.draw_curves,
        curves.describe_curves,
    ),
    "chosen curves": View(
        lambda scene: curves.chosen_curves_info(scene.history, scene.chosen, scene.other),
        curves.draw_curves,
        curves.describe_curves,
    ),
    "funnel": View(
        lambda scene: funnel.funnel_info(scene.history), funnel.draw_funnel, funnel.describe_funnel
    ),
    "pareto": View(
        lambda scene: pareto.pareto_info(scene.history, scene.cost, scene.chosen),
        pareto.draw_pareto,
        pareto.describe_pareto,
    ),
    "parallel": View(
        lambda scene: parallel.parallel_info(scene.history, scene.domain, scene.chosen),
        parallel.draw_parallel,
        parallel.describe_parallel,
    ),
    "map": View(
        lambda scene: space_map.map_info(scene.history, scene.domain, scene.chosen),
        space_map.draw_map,
        space_map.describe_map,
    ),
    "importance": View(
        lambda scene: importance.importance_info(scene.history, scene.domain),
        importance.draw_importance,
        importance.describe_importance,
    ),
    "mixing": View(
        lambda scene: mixing.mixing_info(scene.history), mixing.draw_mixing, mixing.describe_mixing
    ),
}
"""All pictures of a search."""
