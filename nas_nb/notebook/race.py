"""A race as a notebook has it: the same, with a live picture that stays in the saved notebook."""

from __future__ import annotations

import html
import sys
import threading
from typing import TYPE_CHECKING, Any, Self

from nas_nb.notebook import terminal
from nas_nb.notebook.pace import Pace
from nas_nb.search import race as engine

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nas_nb.search.race_lane import Lane

PERIOD_S = 0.5
# Of one core, for the picture: the race is what the cell is for.
SHARE, LONGEST_S = 0.015, 15.0


class Race(engine.Race):  # noqa: D101 - as documented below it
    __doc__ = engine.Race.__doc__

    def plot(self, over: str = "trials", ax: Axes | None = None) -> Axes:
        """Draws the incumbents' means, with a standard error to both sides; returns the Axes.

        Args:
            over: "trials" or "time".
            ax: Where to draw. Default: a new figure, which the cell shows at its end.
        """
        from nas_nb.notebook.figures import new_axes
        from nas_nb.notebook.race_plot import draw_race, race_info

        return draw_race(race_info(self), new_axes(7.2, 3.6) if ax is None else ax, over)

    def run(self) -> Self:  # noqa: D102 - likewise
        if not terminal.in_notebook():
            return super().run()
        with _Live(self):
            return super().run()

    run.__doc__ = engine.Race.run.__doc__

    def _on_lane(self, lane: Lane) -> None:
        if terminal.in_notebook() or not sys.stdout.isatty():
            return
        best, trials = lane.history.incumbent, len(lane.history.finished)
        score = "no incumbent" if best is None else f"{lane.history.objective} {best.score:.4g}"
        place = f"{self.lanes.index(lane) + 1} of {len(self.lanes)}"
        terminal.say(f"{place}: {lane.label}, seed {lane.seed}: {score} after {trials} trials")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from nas_nb.notebook.race_view import RaceView

        view = RaceView()
        view.draw(self)
        return view.record(self)


class _Live:
    """Shows a race in the running cell while it runs, and leaves its record there.

    A thread of its own paints, at most twice a second and as often as its share of a core allows;
    the race has the cell's.
    """

    def __init__(self, race: Race) -> None:
        from nas_nb.notebook.race_view import RaceView

        self._race = race
        self._view = RaceView()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="nas_nb-race", daemon=True)

    def __enter__(self) -> None:
        self._view.show(self._race)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        while self._thread.is_alive():
            self._thread.join(PERIOD_S)
        self._view.keep(self._race)

    def _follow(self) -> None:
        seen, pace = -1, Pace(SHARE, LONGEST_S)
        while not self._over.wait(PERIOD_S):
            now = sum(history.version for history in self._race.histories.values())
            if now == seen or not pace.due():
                continue
            seen = now
            try:
                pace.run(lambda: self._view.paint(self._race))
            except Exception as error:  # noqa: BLE001 - the race goes on without its picture
                self._view.status.value = f"<p>{html.escape(f'No picture: {error!r}')}</p>"
                return


def race(*args: Any, **kwargs: Any) -> Race:
    """Runs a race of strategies and returns it: `.frame()`, `.summary()`, `.winner`, `.plot()`.

    In a notebook the cell shows it live, and keeps the picture and the table; an interrupt stops
    it gracefully, and `.run()` goes on. The arguments are those of `Race`.

    Args:
        *args: The space, and the data.
        **kwargs: `strategies`, `seeds`, `max_trials`, `max_time`, `epochs`, `table`, ...

    Raises:
        NasError: Something does not fit; said before anything runs.

    Example:
        ```python
        race = nas.race(space, data, strategies=["random", "evolution"], seeds=3, max_trials=20)
        race.winner
        nas.race(strategies=["random", "local"], table="nas_nb_runs/finished", max_trials=50)
        ```
    """
    return Race(*args, **kwargs).run()
