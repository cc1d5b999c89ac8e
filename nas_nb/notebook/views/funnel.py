"""The funnel of fidelities: how many trials got so many epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from nas_nb.notebook.views import ink
from nas_nb.notebook.views.ink import BLUE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.record.history import History


class FunnelInfo(NamedTuple):
    """How many trials reached each fidelity.

    Attributes:
        levels: (epochs, how many trials were trained for as many or more), fewest epochs first,
            one for each number of epochs that some trial was granted.
    """

    levels: tuple[tuple[int, int], ...]


def funnel_info(history: History) -> FunnelInfo:
    """Returns what `draw_funnel` draws."""
    granted = sorted({t.epochs_granted for t in history.completed if t.epochs_granted})
    reached = [trial.epochs for trial in history.completed]
    counts = ((level, sum(epochs >= level for epochs in reached)) for level in granted)
    return FunnelInfo(tuple((level, count) for level, count in counts if count))


def draw_funnel(info: FunnelInfo, ax: Axes) -> Axes:
    """Draws a bar a fidelity, widest at the top, in place of what an earlier call drew."""
    ink.wipe(ax)
    ink.plain(ax, "Funnel of fidelities")
    ink.tell_emptiness(ax, "" if info.levels else "no completed trial yet")
    if not info.levels:
        return ax
    rows = range(len(info.levels))
    counts = [count for _, count in info.levels]
    bars = ax.barh(rows, counts, left=[-count / 2 for count in counts], color=BLUE, alpha=0.85)
    style: dict[str, Any] = {
        "ha": "center",
        "va": "center",
        "fontsize": 9,
        "color": "white",
        "fontweight": "bold",
    }
    texts = [
        ax.text(0, row, f"{count:,}", **style) for row, count in zip(rows, counts, strict=True)
    ]
    ink.anew(ax, *bars, *texts)
    ax.set_ylim(len(counts) - 0.5, -0.5)
    ax.set_xlim(-max(counts) / 2 * 1.05, max(counts) / 2 * 1.05)
    ax.set_yticks(rows, [f"{epochs} epoch{'s' if epochs > 1 else ''}" for epochs, _ in info.levels])
    ax.set(xticks=[], xlabel="trials trained so far or further", ylabel="")
    ax.xaxis.label.set_fontsize(9)
    ax.spines[["left", "bottom"]].set_visible(False)
    return ax


def describe_funnel(info: FunnelInfo) -> str:
    """Returns in words what `draw_funnel` draws."""
    parts = [f"{count} trained for {epochs} epochs or more" for epochs, count in info.levels]
    return f"funnel of fidelities: {', '.join(parts) or 'no completed trial yet'}"
