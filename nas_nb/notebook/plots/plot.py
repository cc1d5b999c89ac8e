"""`Plot`: what a picture of a search consists of; `PlotContext`: what it may look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.record.history import History
    from nas_nb.space.domain import Domain

Marks = Sequence[tuple[Any, ...]]
"""(trial, x, y) of each mark; of one that is no trial (its name, x, y, what it is)."""


class PlotContext(NamedTuple):
    """What a plot may look at.

    Attributes:
        history: What happened.
        domain: The space it happened in.
        chosen: The selected trial, or None.
        other: The trial to compare it with, or None.
        cost: The cost that scores are set against.
        over: What scores stand over: "trials", or "seconds" of training.
        live: Whether trials may be running: then their names stay between two of them.
        brushed: The part of an axis that a trial has to be in to be lit, by the axis's name.
    """

    history: History
    domain: Domain
    chosen: int | None = None
    other: int | None = None
    cost: str = "params"
    over: str = "trials"
    live: bool = False
    brushed: Mapping[str, tuple[float, float]] = MappingProxyType({})


class Plot(NamedTuple):
    """One picture of a search.

    Attributes:
        name: Its name: `search.plot.NAME()` where it has a `size`.
        info: Computes what will be drawn from a `PlotContext`, as a NamedTuple; changes nothing.
        draw: Draws it on the caller's Axes, in place of what an earlier call drew there.
        describe: Says it in words, for readers who don't see it.
        about: One sentence: the help of `search.plot.NAME`.
        size: Width and height in inches of a figure of its own; None for the panel's alone.
        title: Its title in the panel; '' for one that the panel shows elsewhere or not at all.
        hint: How to read it, shown above it in the panel.
        height: Its height in the panel, in inches.
        margins: Where its Axes end in the panel, in shares of the picture, where not as usual.
        marks: What can be pointed at, in data coordinates; None for nothing.
        brush: Names the axis that a place is nearest to; None where a drag zooms.
        moves: Whether all that changes with a trial are lines, moved and not drawn anew.
    """

    name: str
    info: Callable[[Any], Any]
    draw: Callable[[Any, Axes], Axes]
    describe: Callable[[Any], str]
    about: str
    size: tuple[float, float] | None = None
    title: str = ""
    hint: str = ""
    height: float = 4.2
    margins: Mapping[str, float] = MappingProxyType({})
    marks: Callable[[Any], Marks] | None = None
    brush: Callable[[Any, float], str] | None = None
    moves: bool = False
