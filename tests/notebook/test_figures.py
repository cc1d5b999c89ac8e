from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nas_nb.notebook import figures
from tests.notebook.fakes import FakeSearch


def test_without_axes_a_figure_of_its_own_is_made():
    plots = figures.Plots(FakeSearch(0.5, 0.75))
    for ax in (plots.scores(), plots.curves()):
        assert isinstance(ax, Axes)
        assert figures.png(ax.figure).startswith(b"\x89PNG")


def test_given_axes_are_drawn_on_and_returned():
    ax = Figure().add_subplot()
    plots = figures.Plots(FakeSearch(0.5, 0.75))
    assert plots.scores(ax=ax) is ax
    assert ax.lines
