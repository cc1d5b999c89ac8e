"""A map of the space, and its embedding in a plane.

Where an architecture stands depends on the space alone, not on the search (see `plane`). So points
never move when the search goes on, and two searches of one space can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import numpy as np

from nas_nb.errors import SpaceError
from nas_nb.notebook.plots import drawing
from nas_nb.notebook.plots.drawing import goodness, scored_trials
from nas_nb.notebook.plots.plot import Plot
from nas_nb.space.encoding import Encoding

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.notebook.plots.drawing import Points
    from nas_nb.notebook.plots.plot import PlotContext
    from nas_nb.record.history import History
    from nas_nb.record.trial import Values
    from nas_nb.space.domain import Domain

BEST, LATEST = 200, 300


class MapPoint(NamedTuple):
    """One trial on the map: its number, its place, and its goodness from 0 to 1."""

    trial: int
    x: float
    y: float
    good: float


class MapInfo(NamedTuple):
    """The explored part of a space.

    Attributes:
        objective: The name of the score.
        landmarks: Places of architectures drawn from the whole space.
        spots: The trials, worst first, so that the best are drawn on top.
        likeness: How well distances on the map agree with those in the space: their correlation.
        trials: How many completed trials there are, shown or not.
        chosen: The chosen trial, if it is shown.
    """

    objective: str
    landmarks: Points
    spots: tuple[MapPoint, ...]
    likeness: float
    trials: int
    chosen: MapPoint | None


def map_info(context: PlotContext) -> MapInfo:
    """Returns what `draw_map` draws: the 200 best trials and the 300 latest."""
    history, domain, chosen = context.history, context.domain, context.chosen
    plane = embedding_of(domain)
    sign = 1 if history.direction == "max" else -1
    known = sorted(scored_trials(history), key=lambda pair: sign * pair[1])
    wanted = {number for number, _ in known[-BEST:]}
    wanted |= set(sorted(number for number, _ in known)[-LATEST:])
    wanted |= {number for number, _ in known if number == chosen}
    shown = [pair for pair in known if pair[0] in wanted and _legal(history, pair[0], domain)]
    good = goodness([score for _, score in shown], history.direction)
    places = plane.places([history[number].values for number, _ in shown])
    spots = tuple(
        MapPoint(number, x, y, how_good)
        for (number, _), (x, y), how_good in zip(shown, places, good, strict=True)
    )
    at = next((spot for spot in spots if spot.trial == chosen), None)
    return MapInfo(history.objective, plane.landmarks, spots, plane.likeness, len(known), at)


def draw_map(info: MapInfo, ax: Axes) -> Axes:
    """Draws the landmarks in grey and the trials in colours, in place of an earlier drawing."""
    drawing.remove_ours(ax)
    drawing.style_axes(ax, "Explored part of the space")
    quiet = ax.scatter(*_columns(info.landmarks), s=14, color="#D8D8D8", linewidths=0, zorder=1)
    drawing.mark_ours(ax, quiet)
    if info.spots:
        colors = mpl.colormaps[drawing.SCALE]([drawing.LIGHTEST * spot.good for spot in info.spots])
        xs, ys = _columns(tuple((spot.x, spot.y) for spot in info.spots))
        sizes = [26 + 40 * spot.good for spot in info.spots]
        style: dict[str, Any] = {"edgecolors": "white", "linewidths": 0.6, "zorder": 2}
        drawing.mark_ours(ax, ax.scatter(xs, ys, s=sizes, c=colors, **style))
    if info.chosen is not None:
        ring: dict[str, Any] = {"s": 150, "facecolors": "none", "linewidths": 2, "zorder": 3}
        drawing.mark_ours(
            ax, ax.scatter([info.chosen.x], [info.chosen.y], edgecolors="black", **ring)
        )
    # Equal scales: distances are what the map is about.
    ax.set_aspect("equal", adjustable="datalim")
    ax.set(xticks=[], yticks=[])
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.margins(0.05)
    told = f"close: alike (correlation with the true distances {info.likeness:.2f}). "
    told += f"Grey: {len(info.landmarks)} architectures drawn from the space."
    ax.set_xlabel(told, fontsize=9, color=drawing.INK)
    drawing.score_key(ax, info.objective)
    return ax


def describe_map(info: MapInfo) -> str:
    """Returns in words what `draw_map` draws."""
    text = f"map of the space by distance, {len(info.spots)} of {info.trials} trials on it"
    if len(info.spots) < 2:
        return text
    # The drawn ones are the space: how wide the trials lie among them is what is explored.
    whole = np.ptp(np.array(info.landmarks), axis=0).sum() or 1.0
    mine = np.ptp(np.array([(spot.x, spot.y) for spot in info.spots]), axis=0).sum()
    return f"{text}, spread over {min(1.0, mine / whole):.0%} of its width and height"


def _legal(history: History, number: int, domain: Domain) -> bool:
    try:
        domain.canonical(history[number].values)
    except SpaceError:
        return False
    return True


def _columns(points: Points) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]

LANDMARKS = 200
_ROUNDS = 100
_STEPS = 40
_TINY = 1e-9


class SpaceEmbedding:
    """Places for all architectures of a space, decided by the space alone.

    Landmarks are drawn from the space and placed once, by multidimensional scaling: the weighted
    stress of Sammon (1969), which takes small distances as seriously as large ones, is minimised
    by majorisation (de Leeuw 1977, here from the classical solution of Torgerson 1952). An
    architecture then goes where the stress of its distances to the landmarks is least, by the
    same steps; that place is kept.
    """

    def __init__(self, domain: Domain) -> None:
        rng = np.random.default_rng(0)
        drawn = [domain.sample(rng) for _ in range(LANDMARKS)]
        different = {domain.key(point): point for point in map(domain.representative, drawn)}
        self._domain = domain
        self._encoding = Encoding(domain)
        self._rows = self._encoding.rows(list(different.values()))
        wanted = _apart(self._rows, self._rows)
        self._placed = _scaled(wanted)
        self._known: dict[str, tuple[float, float]] = {}
        self.landmarks = _points(self._placed)
        self.likeness = _correlation(wanted, self._placed)

    def places(self, points: Sequence[Values]) -> Points:
        """Returns where points of the domain stand."""
        keys = [self._domain.key(point) for point in points]
        new = {key: at for at, key in enumerate(keys) if key not in self._known}
        if new:
            rows = self._encoding.rows(
                [self._domain.representative(points[at]) for at in new.values()]
            )
            found = _points(_nearest(_apart(rows, self._rows), self._placed))
            self._known |= dict(zip(new, found, strict=True))
        return tuple(self._known[key] for key in keys)


@lru_cache(maxsize=4)
def embedding_of(domain: Domain) -> SpaceEmbedding:
    """Returns the plane of a space; the same whenever it is asked for."""
    return SpaceEmbedding(domain)


def _apart(rows: Matrix, others: Matrix) -> Matrix:
    """Returns the distances of all pairs: rows are so made that these are squared differences."""
    squares = (rows**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)[None, :]
    apart: Matrix = np.maximum(squares - 2 * rows @ others.T, 0.0)
    return apart


def _scaled(wanted: Matrix) -> Matrix:
    """Returns places of shape (points, 2) whose distances are close to those that are wanted."""
    places = _classical(wanted)
    weights = np.where(wanted > _TINY, 1 / np.maximum(wanted, _TINY), 0.0)
    laplacian = np.diag(weights.sum(axis=1)) - weights
    inverse = np.linalg.pinv(laplacian)
    for _ in range(_ROUNDS):
        ratio = weights * wanted / np.maximum(_far(places, places), _TINY)
        places = inverse @ (np.diag(ratio.sum(axis=1)) - ratio) @ places
    return places


def _classical(wanted: Matrix) -> Matrix:
    centred = -0.5 * (wanted**2 - (wanted**2).mean(axis=0))
    centred -= centred.mean(axis=1, keepdims=True)
    values, vectors = np.linalg.eigh((centred + centred.T) / 2)
    count = min(2, len(values))
    found = vectors[:, ::-1][:, :count] * np.sqrt(np.maximum(values[::-1][:count], 0.0))
    # The sign of a direction is the algorithm's whim; its largest part is made positive.
    found = found * np.where(found[np.abs(found).argmax(axis=0), range(count)] < 0, -1.0, 1.0)
    places: Matrix = np.pad(found, ((0, 0), (0, 2 - count)))
    return places


def _nearest(wanted: Matrix, landmarks: Matrix) -> Matrix:
    """Returns places, each as close as can be to its distances to the landmarks."""
    weights = 1 / np.maximum(wanted, 0.1)
    total = weights.sum(axis=1, keepdims=True)
    near = weights**4
    places: Matrix = (near @ landmarks) / near.sum(axis=1, keepdims=True)
    fixed = weights @ landmarks
    for _ in range(_STEPS):
        ratio = weights * wanted / np.maximum(_far(places, landmarks), _TINY)
        places = (fixed + ratio.sum(axis=1, keepdims=True) * places - ratio @ landmarks) / total
    return places


def _far(places: Matrix, others: Matrix) -> Matrix:
    far: Matrix = np.sqrt(_apart(places, others))
    return far


def _correlation(wanted: Matrix, places: Matrix) -> float:
    upper = np.triu_indices(len(wanted), 1)
    mine, theirs = wanted[upper], _far(places, places)[upper]
    if mine.size < 2 or mine.std() == 0 or theirs.std() == 0:
        return 1.0
    return float(np.corrcoef(mine, theirs)[0, 1])


def _points(places: Matrix) -> Points:
    return tuple((float(x), float(y)) for x, y in places)


MAP = Plot(
    "space_map",
    map_info,
    draw_map,
    describe_map,
    "Draws the explored part of the space: similar architectures are close.",
    size=(7, 5),
    title="Map",
    hint="2-D embedding: similar architectures are close; positions stay fixed.",
    height=5.0,
    marks=lambda info: [(spot.trial, spot.x, spot.y) for spot in info.spots],
    margins={"left": 0.02, "right": 0.985, "bottom": 0.09, "top": 0.88},
)
