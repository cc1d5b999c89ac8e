from __future__ import annotations

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nas_nb.errors import SearchError
from nas_nb.notebook.plots import drawing, figures
from tests.notebook.fakes import FakeSearch


def test_without_axes_a_figure_of_its_own_is_made():
    plots = figures.Plots(FakeSearch(0.5, 0.75))
    for ax in (plots.scores(), plots.learning_curves()):
        assert isinstance(ax, Axes)
        assert drawing.png(ax.figure).startswith(b"\x89PNG")


def test_given_axes_are_drawn_on_and_returned():
    ax = Figure().add_subplot()
    plots = figures.Plots(FakeSearch(0.5, 0.75))
    assert plots.scores(ax=ax) is ax
    assert ax.lines


@pytest.mark.parametrize("name", ["pareto", "parallel", "space_map", "importance", "fidelities"])
def test_every_view_of_a_search_is_a_plot(name):
    ax = Figure().add_subplot()
    assert getattr(figures.Plots(FakeSearch(0.5, 0.75)), name)(ax=ax) is ax
    assert f".{name}()" in repr(figures.Plots(FakeSearch()))


def test_a_cost_that_no_trial_records_is_refused_with_the_nearest():
    with pytest.raises(SearchError, match="Did you mean 'params'"):
        figures.Plots(FakeSearch(0.5)).pareto("param")
