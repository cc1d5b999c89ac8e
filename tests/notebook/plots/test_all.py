"""What every view keeps, whatever happened so far."""

from __future__ import annotations

import copy

import pytest
from matplotlib.figure import Figure

from nas_nb.notebook.plots.drawing import PlotContext
from nas_nb.notebook.plots.figures import PLOTS
from nas_nb.record.history import History
from tests.notebook.fakes import DOMAIN, FAILED, RUNNING, add_trial, history_of, tell


def thousand():
    history = history_of()
    for number in range(1000):
        deep = {"layer_2": "Dense", "units_2": 32} if number % 2 else {}
        values = {"depth": 1 + number % 2, "layer_1": "Dense", "units_1": number + 1, **deep}
        score = FAILED if number % 50 == 7 else 0.5 + number / 4000 + 0.1 * (number % 2)
        add_trial(history, score, **values)
    tell(history, "steered", action="strategy", detail={"strategy": "random", "options": {}})
    return history


HISTORIES = {
    "empty": History(),
    "opened": history_of(),
    "one trial": history_of(0.5),
    "one running": history_of(RUNNING),
    "failures only": history_of(FAILED, FAILED),
    "equal scores": history_of(*[0.5] * 20),
    "a loss": history_of(1e9, 2.0, 1.5, 1.2, 1.1, 1.0, direction="min", objective="val_loss"),
    "1,000 trials": thousand(),
}


@pytest.fixture(params=PLOTS, scope="module")
def view(request):
    return PLOTS[request.param]


@pytest.fixture(params=HISTORIES, scope="module")
def plot_context(request):
    history = HISTORIES[request.param]
    some = len(history) > 0
    return PlotContext(history, DOMAIN, 0 if some else None, len(history) - 1 if some else None)


def test_its_info_is_the_same_for_the_same_history_and_changes_nothing(view, plot_context):
    version, trials = plot_context.history.version, copy.copy(plot_context.history.trials)
    assert view.info(plot_context) == view.info(plot_context)
    assert (plot_context.history.version, plot_context.history.trials) == (version, trials)


def test_it_is_drawn_on_the_axes_it_is_given_and_again_in_the_same_place(view, plot_context):
    ax = Figure().add_subplot()
    ax.annotate("the caller's own", (0.5, 0.5))
    info = view.info(plot_context)
    assert view.draw(info, ax) is ax
    ax.figure.canvas.draw()
    before = len(ax.get_children())
    view.draw(info, ax)
    ax.figure.canvas.draw()
    assert len(ax.get_children()) == before
    assert any(text.get_text() == "the caller's own" for text in ax.texts)
    assert ax.get_title(loc="left")


def test_it_can_be_told_in_words(view, plot_context):
    assert len(view.describe(view.info(plot_context))) > 15


@pytest.mark.parametrize("name", PLOTS)
def test_what_was_drawn_before_leaves_no_trace(name):
    view, ax = PLOTS[name], Figure().add_subplot()
    for history in (HISTORIES["1,000 trials"], HISTORIES["failures only"], thousand()):
        info = view.info(PlotContext(history, DOMAIN, 0, 1))
        view.draw(info, ax)
    fresh = view.draw(info, Figure().add_subplot())
    assert len(ax.get_children()) == len(fresh.get_children())
    assert ax.get_xlim() == fresh.get_xlim()
    assert ax.get_ylim() == fresh.get_ylim()
    assert list(ax.get_yticks()) == list(fresh.get_yticks())
