"""The search as a notebook has it: the same, with a panel, plots and a report."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nas_nb.environment import is_headless
from nas_nb.notebook import output, wording
from nas_nb.notebook.tables import ranking
from nas_nb.notebook.wording import Snapshot
from nas_nb.search import search
from nas_nb.search.folder import RUNS_FOLDER
from nas_nb.search.runs import Runs
from nas_nb.search.session import INTERRUPTED, SearchListener
from nas_nb.search.trials import register_explainer
from nas_nb.workers.control import SearchState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pandas as pd

    from nas_nb.notebook.explanation import (
        ConfirmationTable,
        Explanation,
        NeighbourTable,
        PredictionView,
        ProxyTable,
    )
    from nas_nb.notebook.panel.panel import Painter
    from nas_nb.notebook.plots.figures import Plots
    from nas_nb.notebook.report import Report
    from nas_nb.search.run import Run
    from nas_nb.search.trials import SearchTrial


class Search(search.Search):  # noqa: D101 - as documented below it
    __doc__ = search.Search.__doc__

    @cached_property
    def listener(self) -> SearchDisplay:
        """Its panel, which follows it."""
        return SearchDisplay(self)

    def panel(self) -> None:
        """Shows the panel in the running cell, at any time and as often as wanted.

        It stays as long as the kernel lives, also after the search's end and in a page that is
        loaded again. What the notebook saves beside it is the report, at most ten seconds old:
        readers without the kernel see that, with the line that opens the search again. In a
        terminal the state is printed.
        """
        if not output.in_notebook():
            output.say(self._as_text())
            return
        self.listener.show()

    @property
    def plot(self) -> Plots:
        """The plots, each a method that returns matplotlib Axes: `search.plot.scores()`.

        `.learning_curves()`, `.pareto("params")`, `.parallel()`, `.space_map()`, `.importance()`,
        `.effects()`...
        """
        from nas_nb.notebook.plots.figures import Plots

        return Plots(self)

    def leaderboard(self) -> pd.DataFrame:
        """Returns all trials, best first; those without a score come last."""
        best = [trial.number for trial in ranking(self.history)]
        rest = [trial.number for trial in self.history.trials if trial.score is None]
        return self.trials.loc[[*best, *rest]]

    def proxies(self, most: int = 50) -> ProxyTable:
        """Measures what the zero-cost proxies are worth on this search's own candidates.

        Completed trials of the full fidelity are rebuilt with their seeds, as they were before
        training; every proxy sees each with one batch of the training samples. The table has
        Kendall's tau of each proxy with the score, for how many candidates it is defined, and what
        it took. Proxies mislead as often as they help: `params` and `macs`, which come first, are
        the baselines to beat. `.frame()` is a `pandas.DataFrame`, `.plot()` matplotlib Axes.

        Args:
            most: Candidates to measure, 5 or more; of more trials a sample by the search's seed.
                Small nets take some tenths of a second each, recurrent ones seconds.

        Raises:
            SearchError: Fewer than 5 such trials have completed.
        """
        from nas_nb.notebook.explanation import proxy_table

        return proxy_table(self, most)

    def explain(self) -> Explanation:
        """Returns why the search ended as it did, as a page: in words, pictures and tables.

        What won, by how much and how sure; which choices made it and what each value does; what
        one change would do; where the winner came from; what it gets wrong.

        Raises:
            SearchError: No trial has completed.
        """
        from nas_nb.notebook.explanation import Explanation

        return Explanation(self)

    def confirm(
        self, top: int = 5, seeds: int = 3, max_time: float | str | None = None
    ) -> ConfirmationTable:
        """Trains the best trials again with new seeds, and says whether the winner stands out.

        Args:
            top: How many of the best, 2 or more.
            seeds: Trainings of each, 2 or more; all trials get the same seeds.
            max_time: Seconds, or text as "2 min", after which no training begins or goes on.

        Raises:
            SearchError: The search runs, fewer than 2 trials completed, or time was too short.
        """
        from nas_nb.notebook.explanation import confirmation_table

        return confirmation_table(self, top=top, seeds=seeds, max_time=max_time)

    def ablate(self, max_time: float | str | None = "2 min") -> NeighbourTable:
        """Trains neighbours of the winner, one choice changed, with the winner's own seed.

        Nothing is added to the search's record.

        Args:
            max_time: Seconds, or text as "2 min"; None trains all neighbours.

        Raises:
            SearchError: The search runs, or no trial has completed.
        """
        from nas_nb.notebook.explanation import ablation_table

        return ablation_table(self, max_time)

    def report(self, path: str | Path | None = None) -> Report:
        """Returns the record of the search so far, readable without a kernel: HTML or text.

        Args:
            path: Where to write it as one page that needs nothing else, for example
                "report.html": with the winner's diagram and code, fingerprints of the data, and
                the versions. Default: nowhere.

        Raises:
            SearchError: The path can't be written.
        """
        from nas_nb.notebook.report import Report, write_page

        report = Report(self)
        if path is not None:
            write_page(self, report, path)
        return report

    def _ipython_display_(self) -> None:
        if not output.in_notebook():
            output.say(self._as_text())
        elif self.project.run is not None and not self.state.live:
            from IPython.display import display

            display(self.report())
        else:
            self.panel()

    def _as_text(self) -> str:
        now = Snapshot(self)
        lines = [repr(self), wording.status_line(now), wording.budget_text(now)]
        if self.state is SearchState.NEW:
            lines.append("Start it with `search.start()` or `%nas start`, and wait for it with")
            lines.append("`search.wait()` or `%nas wait`.")
        return "\n".join(lines)


class SearchDisplay(SearchListener):
    """The panel of a search."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self.painter: Painter | None = None

    @property
    def blocking(self) -> bool:
        """In Colab widgets learn what happens only while a cell runs; a grader waits for none."""
        return output.in_colab() or is_headless()

    def show(self) -> None:
        """Shows the panel; a new one if somebody has closed its widgets."""
        from nas_nb.notebook.panel.panel import Painter

        if self.painter is None or self.painter.panel.closed:
            self.painter = Painter(self._search)
        self.painter.show()

    def on_start(self, run: Run) -> None:
        """Lets the painter follow."""
        if self.painter is not None:
            if self.blocking:
                run.control.on_checkpoint = self.painter.paint_due
            else:
                self.painter.start()

    def on_change(self) -> None:
        """Shows the settings as they are now."""
        if self.painter is not None:
            self.painter.panel.controls.sync()
            self.painter.request_paint()

    def on_wait(self, wait: Callable[[float | None], None], timeout: float | None) -> None:
        """Waits; in a terminal with one line that is kept up to date."""
        if output.in_notebook() or not sys.stdout.isatty():
            wait(timeout)
        else:
            output.wait_with_line(self._search, wait, timeout)

    def on_settled(self) -> None:
        """Lets the last paint be part of the cell that waited."""
        search = self._search
        if search.reason == INTERRUPTED and not output.in_notebook():
            from nas_nb.notebook.report import interrupted_text

            output.say(interrupted_text(Snapshot(search)))
        if self.painter is not None and (not search.state.live or search.state == "paused"):
            self.painter.settle()


def open_search(directory: str | Path, **given: Any) -> Search:
    """Opens a search again, by its folder alone where its journal says enough: `nas.open`."""
    return Search.open(directory, **given)


@register_explainer
def _explain(trial: SearchTrial, x: Any, method: str | Sequence[str] | None) -> PredictionView:
    from nas_nb.notebook.explanation import prediction_view

    return prediction_view(trial, x, method)


def runs(folder: str | Path = RUNS_FOLDER) -> Runs:
    """Returns the searches under a folder as a table: name, state, data, trials, best, size.

    `.open(name)` opens one again, `.compare("one", "other")` sets some side by side,
    `.delete(name)` removes one after asking, and `.frame()` is a `pandas.DataFrame`.

    Args:
        folder: Where to look, in all depths; default: where searches are kept by default.

    Raises:
        SearchError: There is no such folder.
    """
    from nas_nb.notebook.race import ComparisonView

    return Runs(folder, Search.open, ComparisonView)
