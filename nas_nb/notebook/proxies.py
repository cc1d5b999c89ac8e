"""`search.proxies()`: table, verdict and picture."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

import pandas as pd

from nas_nb.errors import printable
from nas_nb.evaluate.proxy_scores import BASELINES, chance_tau
from nas_nb.explain.proxy_ranking import ProxyRanks, measure_proxies
from nas_nb.notebook import output, tables
from nas_nb.notebook.plots import drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.search.search import Search

_HEADER = ("proxy", "tau", "tau of params on them", "candidates", "ms per candidate")


class ProxyTable:
    """How the proxies ordered the trained candidates of a search."""

    def __init__(self, found: ProxyRanks) -> None:
        self._found = found

    def frame(self) -> pd.DataFrame:
        """Returns one row a proxy: tau, params_tau, candidates, ms, ms_most.

        `params` and `macs` come first, then the others, best first. `tau` is Kendall's, 1 where
        the proxy orders the candidates as their scores do, -1 where it does the opposite.
        `params_tau` is that of `params` on the candidates for which the proxy is defined.
        """
        return pd.DataFrame(self._found.ranks).set_index("name").rename_axis("proxy")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draws a bar a proxy, and what chance alone gives in grey; returns the Axes."""
        ax = drawing.new_axes(7, 3.2) if ax is None else ax
        return drawing.as_text(draw_proxies(self._found, ax))

    def _repr_html_(self) -> str:
        rows = tables.table(_caption(self._found), _HEADER, _rows(self._found))
        return output.as_text(f"{rows}<p>{html.escape(verdict(self._found))}</p>")

    def __repr__(self) -> str:
        rows = pd.DataFrame(_rows(self._found), columns=list(_HEADER))
        lines = (_caption(self._found), rows.to_string(index=False), verdict(self._found))
        return printable("\n".join(lines))


def proxy_table(search: Search, most: int) -> ProxyTable:
    """Measures the proxies on a search's candidates, and says how far it is meanwhile."""
    with output.progress_line("Proxies: {} of {} candidates.") as told:
        return ProxyTable(measure_proxies(search, most, told))


def verdict(found: ProxyRanks) -> str:
    """Returns in words which proxies ordered the candidates better than their size did."""
    better = [
        f"{rank.name} ({_text(rank.tau)} against {_text(rank.params_tau)})"
        for rank in found.ranks
        if rank.beats_params
    ]
    first = f"Better than params here: {', '.join(better)}." if better else ""
    return (
        f"{first or 'None ranks better than params here.'} Of {found.candidates} candidates, "
        f"chance alone gives a tau up to ±{chance_tau(found.candidates):.2f}. Proxies mislead as "
        "often as they help: params and macs are the baselines to beat."
    )


def _caption(found: ProxyRanks) -> str:
    return (
        f"Zero-cost proxies of {found.candidates} candidates of '{found.search}' before training: "
        f"Kendall's tau with their {found.objective}"
    )


def _rows(found: ProxyRanks) -> list[tuple[str, ...]]:
    return [
        (
            f"{rank.name} (baseline)" if rank.name in BASELINES else rank.name,
            _text(rank.tau),
            _text(rank.params_tau),
            f"{rank.candidates} of {found.candidates}",
            "–" if math.isnan(rank.ms) else f"{rank.ms:.1f}",
        )
        for rank in found.ranks
    ]


def _text(tau: float) -> str:
    return "–" if math.isnan(tau) else f"{tau:.2f}"


def draw_proxies(found: ProxyRanks, ax: Axes) -> Axes:
    """Draws the tau of each proxy, in place of what an earlier call drew; baselines in grey."""
    drawing.remove_ours(ax)
    drawing.style_axes(ax, f"How proxies order candidates by {found.objective}")
    rows = range(len(found.ranks))
    taus = [0.0 if math.isnan(rank.tau) else rank.tau for rank in found.ranks]
    colors = [drawing.GREY if rank.name in BASELINES else drawing.BLUE for rank in found.ranks]
    bars = ax.barh(rows, taus, color=colors, alpha=0.85, height=0.7)
    luck = chance_tau(found.candidates)
    band = ax.axvspan(-luck, luck, color=drawing.inks(ax).rule, zorder=0)
    drawing.mark_ours(ax, *bars, band)
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
