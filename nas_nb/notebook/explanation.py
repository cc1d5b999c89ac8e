"""`search.explain()`, `confirm`, `ablate` and `proxies`: pages and tables."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nas_nb.errors import SearchError, printable, printable_values
from nas_nb.evaluate.training_state import row_error
from nas_nb.explain.attribution import explain_prediction
from nas_nb.explain.confidence import confirm
from nas_nb.explain.importance import optuna_importance
from nas_nb.explain.mistakes import Mistakes, measure_mistakes
from nas_nb.explain.proxy_ranking import BASELINES, ProxyRanks, chance_tau, measure_proxies
from nas_nb.explain.summary import SearchSummary, ablate
from nas_nb.notebook import output, tables
from nas_nb.notebook.plots import drawing
from nas_nb.notebook.plots.choices import EFFECTS, IMPORTANCE
from nas_nb.notebook.plots.drawing import PlotContext, as_text, png, show_after_cell
from nas_nb.notebook.plots.figures import image
from nas_nb.notebook.plots.predictions import (
    attribution_lines,
    describe_attributions,
    draw_attributions,
    draw_mistakes,
    draw_worst,
)
from nas_nb.notebook.plots.scores import LINEAGE
from nas_nb.notebook.wording import value_text
from nas_nb.record.trial_facts import measured_text, number_text, score_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

    from nas_nb.explain.attribution import PredictionExplanation
    from nas_nb.explain.confidence import Confirmation
    from nas_nb.explain.summary import Neighbour
    from nas_nb.search.search import Search
    from nas_nb.search.trials import SearchTrial


_SHOWN = 12


class Explanation:
    """Why a search ended as it did: a page in a notebook, text elsewhere.

    Attributes:
        summary: What it says, as values: `.text`, `.importance`, `.neighbours`, `.near`, ...
        mistakes: What the winner gets wrong on the validation part; None where its weights are
            gone.
    """

    def __init__(self, search: Search) -> None:
        history, domain = search.history, search.space.domain
        error, self.mistakes, self._missing = None, None, ""
        best = history.incumbent
        if best is not None:
            try:
                self.mistakes = measure_mistakes(search.best)
                if score_error(history, best) is None:  # journals of old do not have it
                    error = row_error(search.best.model(), search.data, history.objective)
            except SearchError as told:
                self._missing = str(told)
        self.summary = SearchSummary(history, domain, error)
        self._context = PlotContext(history, domain)

    def second_opinion(self) -> dict[str, float]:
        """Returns Optuna's conditional PED-ANOVA: the share of each choice, heaviest first."""
        return optuna_importance(self.summary.history, self.summary.domain)

    def _repr_html_(self) -> str:
        summary = self.summary
        parts = [f"<p><strong>{html.escape(summary.text)}</strong></p>"]
        if not summary.importance.missing:
            parts += map(self._picture, (IMPORTANCE, EFFECTS))
            parts += [_paragraph(summary.importance.basis), _pairs(summary)]
        parts += [neighbours_html(summary.neighbours), _paragraph(summary.lineage)]
        if summary.best.ancestors:
            parts.append(self._picture(LINEAGE))
        if self.mistakes is not None:
            parts.append(mistakes_html(self.mistakes))
        elif self._missing:
            parts.append(_paragraph(self._missing))
        return "\n".join(part for part in parts if part)

    def __repr__(self) -> str:
        lines = [self.summary.text, self.summary.lineage]
        lines += [neighbour_text(one) for one in self.summary.neighbours[:_SHOWN]]
        lines += [self.mistakes.text if self.mistakes is not None else self._missing]
        return printable("\n".join(line for line in lines if line))

    def _picture(self, plot: Any) -> str:
        info = plot.info(self._context)
        return _image(plot.describe(info), plot.size, lambda fig: plot.draw(info, fig.subplots()))


class ConfirmationTable:
    """What training again has shown, as a table with a verdict."""

    def __init__(self, found: Confirmation) -> None:
        self.found = found

    def frame(self) -> pd.DataFrame:
        """Returns one row a trial: recorded, mean, behind, margin, and the score of each seed."""
        rows = pd.DataFrame(self.found.trials).set_index("number").rename_axis("trial")
        seeds = pd.DataFrame(rows.pop("scores").tolist(), index=rows.index)
        return rows.join(seeds.rename(columns=lambda at: f"seed_{at}"))

    def _repr_html_(self) -> str:
        header = ("trial", "in the search", "mean", "behind", "±", *range(1, self.found.seeds + 1))
        rows = [
            (one.number, *map(number_text, (*one[1:2], *one[3:], *one.scores)))
            for one in self.found.trials
        ]
        caption = f"{self.found.objective} with {self.found.seeds} new seeds"
        return tables.table(caption, tuple(map(str, header)), rows) + _paragraph(self.found.verdict)

    def __repr__(self) -> str:
        return printable(f"{self.frame().to_string()}\n{self.found.verdict}")


class NeighbourTable:
    """The neighbours of the winner, measured and predicted."""

    def __init__(self, found: Sequence[Neighbour]) -> None:
        self.found = tuple(found)

    def frame(self) -> pd.DataFrame:
        """Returns one row a neighbour: choice, before, now, score, gain, deviation, trial."""
        return pd.DataFrame([printable_values(vars(one)) for one in self.found]).drop(
            columns="values"
        )

    def _repr_html_(self) -> str:
        return neighbours_html(self.found, len(self.found))

    def __repr__(self) -> str:
        return printable("\n".join(map(neighbour_text, self.found)))


def confirmation_table(search: Search, **options: Any) -> ConfirmationTable:
    """Trains the best trials again, and says how far it is meanwhile."""
    with output.progress_line("Confirming: {} of {} trainings.") as told:
        return ConfirmationTable(confirm(search, on_training=told, **options))


def ablation_table(search: Search, max_time: float | str | None) -> NeighbourTable:
    """Trains neighbours of the winner, and says how far it is meanwhile."""
    with output.progress_line("Ablation: {} of {} neighbours at most.") as told:
        return NeighbourTable(ablate(search, max_time, told))


def neighbour_text(one: Neighbour) -> str:
    """Returns a neighbour in words."""
    return f"{_change(one)}: {_score(one)}"


def neighbours_html(found: Sequence[Neighbour], most: int = _SHOWN) -> str:
    """Returns the neighbours as a table; a sentence where there are none."""
    if not found:
        return ""
    shown = [one for one in found if one.score is not None][:most]
    rows = [(_change(one), f"{one.gain or 0.0:+.4f}", _score(one)) for one in shown]
    measured = sum(one.is_measured for one in found)
    caption = (
        f"One change of the winner: {len(found)} neighbours, {measured} of them measured"
        f"{f', the first {len(shown)} here' if len(shown) < len(found) else ''}"
    )
    return tables.table(caption, ("change", "gain", "score"), rows)


def mistakes_html(found: Mistakes) -> str:
    """Returns what was measured of a trial's errors as tables and pictures."""
    parts = [_paragraph(found.text)]
    if found.classes:
        rows = [
            (one.name, *(f"{share:.3f}" for share in (one.precision, one.recall, one.f1)), one.rows)
            for one in found.classes
        ]
        caption = "Validation part, class by class"
        parts.append(tables.table(caption, ("class", "precision", "recall", "F1", "rows"), rows))
    parts.append(_image(found.text, (8, 3.6), lambda figure: draw_mistakes(found, figure)))
    cells = found.rows or [()] * len(found.worst)
    worst = [
        (one.row, one.true, one.predicted, f"{one.loss:.3g}", *row)
        for one, row in zip(found.worst, cells, strict=True)
    ]
    header = ("row", "true", "predicted", "surprise" if found.classes else "off by", *found.columns)
    if worst and found.kind in ("image", "series"):
        alt, size = f"the worst {len(worst)} rows", (1.2 * len(worst), 1.8)
        parts.append(_image(alt, size, lambda figure: draw_worst(found, figure)))
    parts.append(tables.table("Worst mistakes", header, worst))
    return "".join(parts)


def _change(one: Neighbour) -> str:
    before, now = ("none" if v is None else value_text(v) for v in (one.before, one.now))
    return f"{one.choice}: {before} → {now}"


def _score(one: Neighbour) -> str:
    if one.score is None:
        return "not measured"
    if one.trial is not None:
        return f"{number_text(one.score)}, measured in trial {one.trial}"
    if one.ablated:
        return f"{number_text(one.score)}, measured by ablation"
    return f"{measured_text(one.score, one.deviation)}, predicted"


def _pairs(summary: SearchSummary) -> str:
    told = [f"{' with '.join(pair.names)} ({pair.share:.0%})" for pair in summary.importance.pairs]
    return _paragraph(f"Together more than alone: {', '.join(told[:5])}.") if told else ""


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def _image(alt: str, size: Any, draw: Callable[[Figure], object]) -> str:
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    draw(figure)
    for ax in figure.axes:
        as_text(ax)
    return image(png(figure, dpi=100), alt, *size)


class PredictionView:
    """Why a trial predicts what it does: pictures, and a table where methods disagree.

    Attributes:
        found: The values: `.attributions`, `.predicted`, ...
    """

    def __init__(self, found: PredictionExplanation) -> None:
        self.found = found

    def agreement(self) -> pd.DataFrame:
        """Returns Spearman's rank correlation of the methods with each other, mean of samples."""
        names = [one.method for one in self.found.attributions]
        return pd.DataFrame(self.found.agreement(), names, names).round(3)

    def plot(self) -> Figure:
        """Draws a row a sample and a column a method; the running cell shows the figure."""
        figure = self._figure()
        show_after_cell(figure)
        return figure

    def _figure(self) -> Figure:
        rows, across = len(self.found.samples), len(self.found.attributions)
        wide = 1.9 * (across + 1) if self.found.kind == "image" else 3.2 * across
        figure = Figure(figsize=(wide, 2.0 * rows), layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        return draw_attributions(self.found, figure)

    def _repr_html_(self) -> str:
        figure = self._figure()
        alt = describe_attributions(self.found)
        picture = image(png(figure, dpi=100), alt, *figure.get_size_inches())
        return f"<p>{picture}</p>" + self._agreement_html() + _paragraph(self._completeness())

    def _agreement_html(self) -> str:
        frame = self.agreement()
        if len(frame) < 2:
            return ""
        rows = [(name, *(f"{share:.2f}" for share in row)) for name, *row in frame.itertuples()]
        caption = "Where methods agree: rank correlation of their values, 1 is the same order"
        return tables.table(caption, ("method", *frame.columns), rows)

    def _completeness(self) -> str:
        told = [one for one in self.found.attributions if one.completeness is not None]
        return " ".join(
            f"The values of {one.method.replace('_', ' ')} sum to the prediction's difference from "
            f"that of the average sample, to {one.completeness:.1%}."
            for one in told
        )

    def __repr__(self) -> str:
        lines = [describe_attributions(self.found), *attribution_lines(self.found)]
        if len(self.found.attributions) > 1:
            lines += ["rank correlation of the methods:", self.agreement().to_string()]
        return printable("\n".join(lines))


def prediction_view(
    trial: SearchTrial, x: Any, method: str | Sequence[str] | None
) -> PredictionView:
    """Explains predictions, to be looked at."""
    return PredictionView(explain_prediction(trial, x, method))


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
        return (
            pd.DataFrame([printable_values(rank._asdict()) for rank in self._found.ranks])
            .set_index("name")
            .rename_axis("proxy")
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draws a bar a proxy, and what chance alone gives in grey; returns the Axes."""
        ax = drawing.axes_for(ax, 7, 3.2)
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
            f"{rank.name} (baseline)" if rank.name in BASELINES else printable(rank.name),
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
    band = ax.axvspan(-luck, luck, color=drawing.theme_colors(ax).rule, zorder=0)
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
