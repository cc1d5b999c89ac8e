"""The picture of what the proxies are worth: a bar for each, beside what chance alone gives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nas_nb.evaluate.proxies import BASELINES, chance
from nas_nb.notebook.views import ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.search.proxy_ranks import ProxyRanks


def draw_proxies(found: ProxyRanks, ax: Axes) -> Axes:
    """Draws the tau of each proxy, in place of what an earlier call drew; baselines in grey."""
    ink.wipe(ax)
    ink.plain(ax, f"How proxies order candidates by {found.objective}")
    rows = range(len(found.ranks))
    taus = [0.0 if math.isnan(rank.tau) else rank.tau for rank in found.ranks]
    colors = [ink.GREY if rank.name in BASELINES else ink.BLUE for rank in found.ranks]
    bars = ax.barh(rows, taus, color=colors, alpha=0.85, height=0.7)
    luck = chance(found.candidates)
    band = ax.axvspan(-luck, luck, color=ink.RULE, zorder=0)
    ink.anew(ax, *bars, band)
    ax.set_yticks(rows, [_label(found, place) for place in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlim(-1, 1)
    ax.set_xlabel(
        f"Kendall's tau over {found.candidates} candidates; the pale band is what chance gives",
        fontsize=9,
    )
    return ax


def _label(found: ProxyRanks, place: int) -> str:
    rank = found.ranks[place]
    if rank.candidates == found.candidates:
        return rank.name
    return f"{rank.name} ({rank.candidates})"
