"""Mixing weights: how a differentiable search made up its mind, epoch by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nas_nb.notebook.plots import drawing
from nas_nb.notebook.plots.drawing import Plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.notebook.plots.drawing import PlotContext
    from nas_nb.record.events import Event
    from nas_nb.record.history import History

MOST_ROWS = 60
_SMALL = 24
"""From so many rows on, labels are smaller."""


class Option(NamedTuple):
    """One option of a choice."""

    choice: str
    value: str
    weights: tuple[float, ...]
    wins: bool


class MixingInfo(NamedTuple):
    """The mixing weights of the latest training of a mixture."""

    options: tuple[Option, ...]
    left_out: int

    @property
    def epochs(self) -> int:
        """How many epochs were trained."""
        return len(self.options[0].weights) if self.options else 0

    @property
    def choices(self) -> tuple[str, ...]:
        """The choices shown, in order."""
        return tuple(dict.fromkeys(option.choice for option in self.options))


def mixing_info(context: PlotContext) -> MixingInfo:
    """Returns what `draw_mixing` draws."""
    epochs = [event["detail"]["mixing"] for event in _latest(context.history)]
    options: list[Option] = []
    left_out = 0
    for choice, last in epochs[-1].items() if epochs else ():
        if len(options) + len(last) > MOST_ROWS and options:
            left_out += 1
            continue
        best = max(range(len(last)), key=lambda place: last[place][1])
        for place, (value, _) in enumerate(last):
            weights = tuple(float(epoch[choice][place][1]) for epoch in epochs)
            options.append(Option(choice, str(value), weights, place == best))
    return MixingInfo(tuple(options), left_out)


def draw_mixing(info: MixingInfo, ax: Axes) -> Axes:
    """Draws a row of colours an option, epoch after epoch, in place of an earlier drawing."""
    if drawing.begin_axes(ax, "Mixing weights", info.options, "no mixture was trained"):
        ax.set_xlabel("epoch")
        _draw_rows(info, ax)
        drawing.score_key(ax, "weight: 0", "1, bold: wins")
    return ax


def describe_mixing(info: MixingInfo) -> str:
    """Returns in words what `draw_mixing` draws."""
    if not info.options:
        return "mixing weights: no mixture was trained"
    winners = [option for option in info.options if option.wins]
    surest = max(winners, key=lambda option: option.weights[-1])
    more = f" ({info.left_out} more choices are left out)" if info.left_out else ""
    return (
        f"mixing weights of {len(info.choices)} choices{more} over {info.epochs} epochs, the "
        f"surest {surest.choice} {surest.value} with {surest.weights[-1]:.2f}"
    )


def _latest(history: History) -> list[Event]:
    """Returns the events of the epochs of the latest training."""
    found: list[Event] = []
    for event in history.prepared:
        if event["what"] == "mixing" and event.get("detail", {}).get("mixing"):
            if event["detail"]["epoch"] == 1:
                found.clear()
            found.append(event)
    return found


def _draw_rows(info: MixingInfo, ax: Axes) -> None:
    rows: list[tuple[float, ...]] = []
    ticks: list[tuple[int, Option]] = []
    for number, option in enumerate(info.options):
        if number and info.options[number - 1].choice != option.choice:
            rows.append((float("nan"),) * info.epochs)  # a gap between choices
        ticks.append((len(rows), option))
        rows.append(option.weights)
    extent = (0.5, info.epochs + 0.5, len(rows) - 0.5, -0.5)
    colors = drawing.score_colors(ax, np.array(rows))
    image = ax.imshow(colors, aspect="auto", interpolation="none", extent=extent)
    drawing.mark_ours(ax, image)
    small = 7 if len(ticks) > _SMALL else 9
    ax.set_yticks([row for row, _ in ticks], [_label(option) for _, option in ticks])
    ax.tick_params(axis="y", labelsize=small, length=0)
    for label, (_, option) in zip(ax.get_yticklabels(), ticks, strict=True):
        label.set_fontweight("bold" if option.wins else "normal")
    ax.set(xlim=extent[:2], ylim=extent[2:])
    ax.grid(visible=False)
    drawing.whole_ticks(ax)


def _label(option: Option) -> str:
    return f"{option.choice}  {option.value}"


MIXING = Plot(
    "mixing_weights",
    mixing_info,
    draw_mixing,
    describe_mixing,
    "Draws the mixing weights of a search with the strategy `darts`, epoch by epoch.",
    size=(7, 4),
)
