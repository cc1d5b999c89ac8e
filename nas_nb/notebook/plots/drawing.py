"""`Plot`, axes and figures, colours, artists that move, the scale of scores."""

from __future__ import annotations

import base64
import html
import io
import math
import struct
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import matplotlib as mpl
import numpy as np
from IPython import get_ipython
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, LogFormatter, MaxNLocator, ScalarFormatter

from nas_nb.errors import check_type, printable
from nas_nb.notebook.output import in_theme
from nas_nb.record.trial import best_score, sign_of
from nas_nb.strategy.base import is_continuation

if TYPE_CHECKING:
    from matplotlib.artist import Artist

    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial
    from nas_nb.space.domain import Domain


Points = tuple[tuple[float, float], ...]

# Okabe and Ito's palette, which readers with any kind of colour vision can tell apart.
BLUE, VERMILLION, SKY, GREY = "#0072B2", "#D55E00", "#56B4E9", "#808080"
ORANGE, GREEN, PURPLE = "#E69F00", "#009E73", "#CC79A7"
SCALE = "viridis"
"""The colours of scores: the darker the worse, and readable without seeing colours."""


class ThemeColors(NamedTuple):
    """The colours of all that is not data, and the ends of the scale that its ground hides."""

    text: str
    strong: str
    quiet: str
    rule: str
    ground: str
    ends: tuple[float, float]


LIGHT = ThemeColors("#333333", "black", "#595959", "#E4E4E4", "white", (0.0, 0.92))
DARK = ThemeColors("#D4D4D4", "white", "#A6A6A6", "#3C3C3C", "#1F1F1F", (0.16, 1.0))


def theme_colors(ax: Axes) -> ThemeColors:
    """Returns the colours for the ground of an Axes' figure; one without any is light."""
    red, green, blue, alpha = to_rgba(ax.figure.get_facecolor())
    dark = red + green + blue < 1.5 and (red, alpha) != (0, 0)
    return DARK if dark else LIGHT


def dot_alpha(ax: Axes, light: float) -> float:
    """Returns how opaque blue dots are: on a dark page dark blue is dark enough."""
    return light if theme_colors(ax) is LIGHT else 1.0


def score_colors(ax: Axes, good: Sequence[float] | np.ndarray) -> np.ndarray:
    """Returns the colour of each goodness, which `score_key` explains."""
    low, high = theme_colors(ax).ends
    return np.asarray(mpl.colormaps[SCALE](low + (high - low) * np.asarray(good)))


_NAMES_A_ROW = 6
_LEGEND: dict[str, Any] = {
    "fontsize": 9,
    "ncols": _NAMES_A_ROW,
    "frameon": False,
    "loc": "lower left",
    "bbox_to_anchor": (0, 1),
    "borderaxespad": 0.2,
    "borderpad": 0,
    "handlelength": 1.6,
    "handletextpad": 0.4,
    "columnspacing": 1.2,
}
_TITLE: dict[str, Any] = {
    "loc": "left",
    "fontsize": 11,
    "fontweight": "bold",
    "y": 1.0,
}
_OURS = "nas_nb: "
SPOTS = f"{_OURS}spots"
"""What `mark_ours` makes of spots that move."""
_SETTLED, _STAYS = 1000, ", settled"
_MOST_STEPS = 5
"""Of the vertical scale: each costs a rule and a label at every draw."""
_SHOWN: WeakKeyDictionary[Line2D, tuple[Points, dict[str, Any]]] = WeakKeyDictionary()


def put_line(ax: Axes, gid: str, points: Points, **style: Any) -> Line2D:
    """Puts a line's points where they are now; an empty one shows in no legend."""
    line = next((line for line in ax.lines if line.get_gid() == gid), None)
    if line is None:
        line = Line2D([], [], gid=gid)
        style.setdefault("transform", ax.transData)
        ax.add_line(line)
    if not points:
        style["label"] = f"_{style['label']}"
    shown = (points, style)
    if _SHOWN.get(line) == shown:
        return line  # most lines of a frame stay as they are
    _SHOWN[line] = shown
    line.set(data=tuple(zip(*points, strict=True)) or ([], []), **style)
    return line


def put_dots(ax: Axes, gid: str, points: Points, **style: Any) -> None:
    """Puts dots of trials; of thousands only the latest are ever drawn again."""
    settled = max(len(points) - 1, 0) // _SETTLED * _SETTLED
    put_line(ax, f"{gid}{_STAYS}", points[:settled], **{**style, "label": "_"})
    put_line(ax, gid, points[settled:], **style)


def moving(ax: Axes) -> list[Artist]:
    """Returns what is drawn over all that stays: lines, but for settled dots, and our spots."""
    spots = (found for found in (*ax.collections, *ax.texts) if found.get_gid() == SPOTS)
    lines = [line for line in ax.lines if not (line.get_gid() or "").endswith(_STAYS)]
    shown = (line for line in lines if np.size(line.get_xdata()))
    return [*shown, *spots]


def settled_points(ax: Axes) -> list[Any]:
    """Returns the dots of an Axes that are drawn once, with their style."""
    return [_SHOWN.get(line) for line in ax.lines if (line.get_gid() or "").endswith(_STAYS)]


def mark_ours(ax: Axes, *artists: Artist) -> None:
    """Marks artists as drawn by us, to be taken away by `remove_ours`."""
    for artist in artists:
        artist.set_gid(f"{_OURS}{artist.get_gid() or ''}")


def remove_ours(ax: Axes, kind: str = _OURS) -> None:
    """Takes away what an earlier call marked by `mark_ours`, and nothing of the caller's."""
    for artist in [*ax.get_children()]:
        if (artist.get_gid() or "").startswith(kind):
            artist.remove()


def begin_axes(ax: Axes, title: str, shown: Sequence[Any], empty: str) -> bool:
    """Clears Axes to draw on; returns False, and says so there, if there is nothing to show."""
    remove_ours(ax)
    style_axes(ax, title)
    ax.set_xlabel("")
    say_empty(ax, "" if shown else empty)
    return bool(shown)


def finish_axes(
    ax: Axes, title: str, x: str, y: str, *, empty: str = "no trial yet", grows: bool = False
) -> Axes:
    """Names the axes, and fits scale and legend to what is drawn, or to what `grows`."""
    if style_axes(ax, title):
        ax.grid(visible=True, axis="y", color=theme_colors(ax).rule, linewidth=0.8)
        ax.set_axisbelow(True)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    lines = any(np.size(line.get_xdata()) for line in ax.lines)
    say_empty(ax, "" if lines or ax.collections or ax.patches else empty)
    ax.relim()
    ax.margins(x=0.04)
    ax.autoscale_view(scaley=False)
    low, high = ax.dataLim.intervaly
    stays = grows and _fit(ax.get_ylim(), low, high)
    if math.isfinite(low) and math.isfinite(high) and not stays:
        ax.set_ylim(*_steady_limits(low, high, 0.2 if grows else 0.06), auto=None)
    legend(ax)
    return ax


def _fit(limits: tuple[float, float], low: float, high: float) -> bool:
    """Whether limits hold the numbers without making them small: then only marks have to move."""
    large = low == high or high - low > 0.4 * (limits[1] - limits[0])
    return large and limits[0] <= low and high <= limits[1]


def _steady_limits(low: float, high: float, room: float) -> tuple[float, float]:
    """Returns limits that stay when the numbers change a little, with a share of room around."""
    span = (high - low) or abs(high) or 1.0
    step, pad = 2.0 ** math.floor(math.log2(span / 8)), room * span
    return step * math.floor((low - pad) / step), step * math.ceil((high + pad) / step)


def style_axes(ax: Axes, title: str) -> bool:
    """Gives the Axes its title, and the look that all ours have; returns False if it has them."""
    if ax.get_title(loc="left") == title:
        return False  # to style ticks again costs more than to draw the data
    # With a height of its own: else every draw measures all ticks to find one.
    colors = theme_colors(ax)
    ax.set_title(title, pad=22, color=colors.text, **_TITLE)
    ax.tick_params(which="both", labelsize=9, colors=colors.text, length=3)
    for label in (ax.xaxis.label, ax.yaxis.label):
        label.set(fontsize=10, color=colors.text)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(colors.quiet)
    return True


def say_empty(ax: Axes, words: str) -> None:
    """Says that nothing is there yet, instead of inventing a scale; '' takes that back."""
    shown = next((text for text in ax.texts if text.get_gid() == "empty"), None)
    if shown is None:
        shown = ax.text(0.5, 0.5, "", transform=ax.transAxes, ha="center", va="center")
        shown.set(gid="empty", color=theme_colors(ax).quiet)
    shown.set(text=words, visible=bool(words))
    if words:
        ax.set(xticks=[], yticks=[], ylabel="")
    else:
        ax.yaxis.set_major_locator(MaxNLocator(_MOST_STEPS, steps=[1, 2, 2.5, 5, 10]))


def whole_ticks(ax: Axes, *, grows: bool = False) -> None:
    """Puts ticks of the horizontal axis at whole numbers, with room for what `grows`."""
    if any(text.get_gid() == "empty" and text.get_visible() for text in ax.texts):
        return
    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    low, high = ax.dataLim.intervalx
    if math.isfinite(low) and math.isfinite(high):
        left, right = ax.get_xlim()
        chosen = not ax.get_autoscalex_on()  # by an earlier call
        if grows and chosen and left <= low and _fit((low, right), low, high):
            return
        right = _rounded_up(max(1.6 * high, _ROOM) if grows else high)
        margin = 0.03 * max(1.0, right - low)
        ax.set_xlim(low - margin, right + margin)


_ROOM = 10
"""Of an axis that grows, at least: else the first trials would move it again and again."""


def _rounded_up(number: float) -> float:
    """Returns the next number with one or two digits that count."""
    scale = 10.0 ** max(0, math.floor(math.log10(max(number, 1))) - 1)
    steps = (0, 1, 2, 3, 5, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100)
    return float(next(step * scale for step in steps if step * scale >= number))


def legend(ax: Axes, last: Sequence[str] = ("training",)) -> None:
    """Puts the legend between title and picture, where it hides nothing and never jumps."""
    handles, labels = ax.get_legend_handles_labels()
    told = repr([(id(handle), label) for handle, label in zip(handles, labels, strict=True)])
    old = ax.get_legend()
    if old is not None and old.get_gid() == told:
        return
    if old is not None:
        old.remove()
    if handles:
        order = sorted(range(len(labels)), key=lambda place: labels[place] in last)
        shown = ([handles[place] for place in order], [labels[place] for place in order])
        color = theme_colors(ax).text
        ax.legend(*shown, labelcolor=color, **_LEGEND).set_gid(told)
        rows = -(-len(handles) // _NAMES_A_ROW)
        ax.set_title(ax.get_title(loc="left"), pad=8 + 14 * rows, color=color, **_TITLE)


_LARGEST, _SMALLEST, _LETTER = 8.0, 5.5, 0.62
"""Of a text that has to fit, in points; a letter's width in shares of the size."""


def text_fit(texts: Iterable[str], points: float, largest: float = _LARGEST) -> tuple[float, int]:
    """Returns the size in points, and the most letters, with which texts fit into a width."""
    longest = max(map(len, texts), default=1)
    size = min(max(points / (_LETTER * longest), _SMALLEST), largest)
    return size, max(int(points / (_LETTER * size)), 2)


def cut(text: str, letters: int) -> str:
    """Returns a text that has at most so many letters."""
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def score_key(ax: Axes, low: str, high: str = "better") -> None:
    """Says what the ends of the colours mean, at the upper right, in place of an earlier key."""
    ramp = ax.inset_axes((0.80, 1.035, 0.12, 0.028))
    ramp.imshow(score_colors(ax, np.linspace(0, 1, 64))[None, :], aspect="auto")
    ramp.set_axis_off()
    style: dict[str, Any] = {"transform": ax.transAxes, "fontsize": 8, "va": "center"}
    style["color"] = theme_colors(ax).text
    worse = ax.text(0.79, 1.049, low, ha="right", **style)
    better = ax.text(0.93, 1.049, high, ha="left", **style)
    mark_ours(ax, ramp, worse, better)


# Scores this many times further from the median than the best one is leave the scale.
_OFF_SCALE = 30
_ENOUGH = 5


class ScoreScale(NamedTuple):
    """The scale of a history's scores."""

    limit: float | None
    edge: int

    def beyond(self, score: float) -> bool:
        """Tells whether a score is off the scale."""
        if self.limit is None:
            return False
        return score < self.limit if self.edge == 0 else score > self.limit


_GROWN: OrderedDict[Any, tuple[tuple[Trial, ...], tuple[Any, ...]]] = OrderedDict()
_MOST_GROWN = 12


def grown(trials: tuple[Trial, ...], fact: Callable[..., Any], *more: Any) -> tuple[Any, ...]:
    """Returns what a function says of each trial, but for None; of a known one it is not asked.

    Args:
        trials: In an order in which later ones only join at the end.
        fact: A function of one trial and of `more`.
        *more: What else it depends on.
    """
    # Of ten thousand trials a frame would else take as long to list them as to draw them.
    key = (fact.__qualname__, more, trials[0] if trials else None)
    known, told = _GROWN.pop(key, ((), ()))
    if not is_continuation(trials, known):
        known, told = (), ()
    new = (fact(trial, *more) for trial in trials[len(known) :])
    told = (*told, *(each for each in new if each is not None))
    _GROWN[key] = trials, told
    if len(_GROWN) > _MOST_GROWN:
        _GROWN.popitem(last=False)
    return told


def scored_trials(history: History) -> tuple[tuple[int, float], ...]:
    """Returns (trial, score) of the completed trials with a finite score, in time order."""
    return grown(history.completed, _scored)


def _scored(trial: Trial) -> tuple[int, float] | None:
    if trial.score is None or not math.isfinite(trial.score):
        return None
    return trial.number, trial.score


def scale_of(scores: Sequence[float], direction: str) -> ScoreScale:
    """Returns the scale on which the better part of the scores can be told apart."""
    edge = 0 if direction == "max" else 1
    if len(scores) < _ENOUGH or (min(scores) >= 0 and max(scores) <= 1):
        return ScoreScale(None, edge)
    middle = median(scores)
    best = best_score(scores, direction)
    return ScoreScale(middle - _OFF_SCALE * (best - middle) if best != middle else None, edge)


def goodness(scores: Sequence[float], direction: str) -> tuple[float, ...]:
    """Returns where each score stands between the worst, 0, and the best, 1, for its colour."""
    if not scores:
        return ()
    sign = sign_of(direction)
    signed = [sign * score for score in scores]
    best, quartile = max(signed), sorted(signed)[len(signed) // 4]
    worst = max(min(signed), quartile - (best - quartile))
    if best == worst:
        return (1.0,) * len(signed)
    return tuple(min(1.0, max(0.0, (one - worst) / (best - worst))) for one in signed)


_DPI = 100
_TO_SHOW: list[Figure] = []


class ShownAxes(Axes):
    """Axes whose figure the cell shows at its end, once, as it does with pyplot's figures.

    At the end, so that what the cell changes about the Axes is in the picture.
    """

    def _ipython_display_(self) -> None:
        show_after_cell(self.figure)


def new_axes(width: float, height: float) -> Axes:
    """Returns Axes in a figure of so many inches that the running cell will show."""
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    ax = figure.add_subplot(axes_class=ShownAxes)
    show_after_cell(figure)
    return ax


def axes_for(ax: object, width: float, height: float) -> Axes:
    """Returns the Axes that a user gave, or new ones of so many inches; raises if it is none."""
    check_type("ax", ax, (Axes, type(None)), "matplotlib Axes")
    return ax if isinstance(ax, Axes) else new_axes(width, height)


def as_text(ax: Axes) -> Axes:
    """Shows names as they are: no formula between dollar signs, no characters without a shape."""
    for axis in (ax.xaxis, ax.yaxis):
        if isinstance(axis.get_major_locator(), FixedLocator):
            shown = [label.get_text() for label in axis.get_ticklabels()]
            if (told := [printable(text) for text in shown]) != shown:
                axis.set_ticks(axis.get_majorticklocs(), told)  # ticks write their texts anew
    for text in _texts(ax):
        text.set_parse_math(False)
        if (plain := printable(text.get_text())) != text.get_text():
            text.set_text(plain)
    return ax


def _texts(ax: Axes) -> Iterator[Text]:
    """The texts of an Axes, but for numbers at its ticks: to list ticks takes as long as a draw."""
    for part in ax.get_children():
        if isinstance(part, Axis) and isinstance(part.get_major_formatter(), _OF_NUMBERS):
            yield part.label
        else:
            yield from part.findobj(Text)


_OF_NUMBERS = (ScalarFormatter, LogFormatter)


def show_after_cell(figure: Any) -> None:
    """Shows a figure when the running cell ends; does nothing where there is no notebook."""
    shell = get_ipython()
    if not hasattr(shell, "kernel"):
        return
    if not _TO_SHOW:
        shell.events.register("post_execute", _show_all)
    if figure not in _TO_SHOW:
        _TO_SHOW.append(figure)


def png(figure: Figure, dpi: float | None = None, level: int = 1) -> bytes:
    """Returns the picture as PNG; quickly rather than small, and without touching the layout."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi or "figure", pil_kwargs={"compress_level": level})
    return buffer.getvalue()


def encoded(pixels: np.ndarray, kept: KeptRows | None = None) -> bytes:
    """Returns pixels (rows, columns, RGB or RGBA) as PNG: in a third of the time that PIL takes.

    Rows that are as an earlier call `kept` them are not compressed again.
    """
    height, width, channels = pixels.shape
    lines = np.zeros((height, 1 + width * channels), np.uint8)  # 0: no filter
    lines[:, 1:] = pixels.reshape(height, -1)
    size = struct.pack(">IIBBBBB", width, height, 8, 6 if channels == 4 else 2, 0, 0, 0)
    packed = _packed(lines, {} if kept is None else kept)
    parts = {b"IHDR": size, b"IDAT": packed, b"IEND": b""}
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


KeptRows = dict[int, tuple[bytes, bytes]]
"""By the place of the first: some rows of a PNG, and what they are compressed to."""
_ROWS = 14


def _packed(lines: np.ndarray, kept: KeptRows) -> bytes:
    """Returns lines of bytes as a zlib stream (RFC 1950), of parts that know of no other."""
    check, stream = 1, [b"\x78\x01"]
    for first in range(0, len(lines), _ROWS):
        rows = lines[first : first + _ROWS].tobytes()
        if first not in kept or kept[first][0] != rows:
            packer = zlib.compressobj(1, wbits=-15, strategy=zlib.Z_FILTERED)
            kept[first] = rows, packer.compress(rows) + packer.flush(zlib.Z_FULL_FLUSH)
        check = zlib.adler32(rows, check)
        stream.append(kept[first][1])
    return b"".join((*stream, b"\x03\x00", check.to_bytes(4, "big")))  # an empty part ends it


def _show_all() -> None:
    from IPython.display import publish_display_data

    get_ipython().events.unregister("post_execute", _show_all)
    while _TO_SHOW:
        figure = _TO_SHOW.pop(0)
        width, picture = round(figure.get_figwidth() * _DPI), png(figure, 1.5 * _DPI, level=6)
        titles = [ax.get_title(loc=place) for ax in figure.axes for place in ("left", "center")]
        alt = html.escape("; ".join(filter(None, titles)) or "plot")
        data = base64.b64encode(picture).decode("ascii")
        page = f'<img alt="{alt}" width="{width}" src="data:image/png;base64,{data}">'
        publish_display_data(
            {"text/html": in_theme(page), "image/png": picture, "text/plain": repr(figure)},
            {"image/png": {"width": width}},
        )


_MOST_MARKS = 3000


def dot_marks(numbers: Sequence[int], points: Points) -> list[tuple[Any, ...]]:
    """Returns the marks of the latest trials, of which each has one dot."""
    few = slice(-_MOST_MARKS, None)
    return [(number, *at) for number, at in zip(numbers[few], points[few], strict=True)]


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
