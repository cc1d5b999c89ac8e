from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from nas_nb.errors import SearchError
from nas_nb.notebook.plots import drawing, figures
from nas_nb.notebook.plots.drawing import PlotContext
from tests.notebook.fakes import DOMAIN, FakeSearch, add_trial, history_of


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


def test_scores_are_drawn_over_trials_or_seconds_alone():
    plots = figures.Plots(FakeSearch(0.5, 0.75))
    assert plots.scores("seconds", Figure().add_subplot()).get_xlabel() == "seconds of training"
    with pytest.raises(SearchError, match="Expected over to be trials or seconds"):
        plots.scores("epochs")


def test_a_picture_has_the_ink_of_its_theme():
    context = PlotContext(FakeSearch(0.5, 0.75).history, DOMAIN, 0)
    picture, letters = figures.overview(), {}
    for dark in (False, True, False):
        picture.theme(dark=dark)
        assert picture.draw(context)
        assert ("nas-dark" in picture.html()) == dark
        shown = np.asarray(Image.open(io.BytesIO(picture.png)))
        assert shown[0, 0, 3] == 0  # transparent ground
        opaque = shown[shown[..., 3] == 255][:, :3]
        grey = opaque[np.ptp(opaque, axis=1) == 0].mean()
        letters.setdefault(dark, grey)
        assert letters[dark] == grey  # there and back again
    assert letters[False] < 128 < letters[True]


def test_a_whole_light_picture_is_printed_on_white():
    context = PlotContext(FakeSearch(0.5, 0.75).history, DOMAIN)
    picture = figures.overview()
    assert not picture.is_whole
    picture.draw(context)
    assert picture.is_whole
    printed = picture.printed()
    assert (printed.alt, printed.size) == (picture.alt, (9.6, 5.6))
    assert "data-marks" in picture.html()
    assert "data-marks" not in printed.html()
    drawn, shown = (Image.open(io.BytesIO(p.png)) for p in (picture, printed))
    assert shown.getpixel((0, 0)) == (255, 255, 255)
    white = Image.new("RGBA", drawn.size, "white")
    white.alpha_composite(drawn)
    difference = np.asarray(white.convert("RGB"), int) - np.asarray(shown, int)
    assert np.abs(difference).max() <= 1
    picture.zoom([(0.2, 0.1), (0.6, 0.3)])
    picture.draw(context)
    assert not picture.is_whole
    picture.zoom(None)
    picture.theme(dark=True)
    picture.draw(context)
    assert not picture.is_whole


def test_a_picture_is_as_sharp_as_its_screen():
    picture = figures.overview()
    for sharpness in (1.0, 2.0):
        picture.fit(8.0, sharpness)
        picture.draw(PlotContext(FakeSearch(0.5).history, DOMAIN))
        assert Image.open(io.BytesIO(picture.png)).size == (800 * sharpness, 560 * sharpness)
        assert 'width="800" height="560"' in picture.html()


def test_the_colours_of_what_is_no_data_follow_the_ground():
    assert drawing.theme_colors(Figure(facecolor="none").add_subplot()) is drawing.LIGHT
    assert drawing.theme_colors(Figure().add_subplot()) is drawing.LIGHT
    assert drawing.theme_colors(Figure(facecolor="#111111").add_subplot()) is drawing.DARK


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture.printed().png)), int)


def random_history(count):
    history, rng = history_of(), np.random.default_rng(0)
    for _ in range(count):
        add_trial(history, rng.uniform(0.5, 0.9), **DOMAIN.sample(rng))
    return history


@pytest.mark.parametrize("name", [name for name, plot in figures.PLOTS.items() if plot.marks])
@pytest.mark.parametrize("count", [40, 1100])  # with so many, most dots are drawn only once
def test_a_picture_that_grew_or_was_zoomed_is_the_one_that_is_drawn_at_once(name, count):
    plot, history = figures.PLOTS[name], random_history(count)
    grown, at_once = figures.Picture(plot), figures.Picture(plot)
    grown.draw(PlotContext(history, DOMAIN, 3, 4))
    add_trial(history, 0.95, depth=1, layer_1="Dense", units_1=7)
    context = PlotContext(history, DOMAIN, 3, 4)
    at_once.draw(context)
    for box in ([(0.3, 0.3), (0.5, 0.5)], None):
        assert grown.draw(context)
        grown.zoom(box)
    grown.draw(context)
    assert np.abs(pixels(grown) - pixels(at_once)).max() <= 1
    assert grown._marks() == at_once._marks()


def test_a_new_best_moves_the_parallel_lines_and_draws_no_text_of_a_choice_anew(monkeypatch):
    history, picture = random_history(40), figures.Picture(figures.PLOTS["parallel"])
    picture.draw(PlotContext(history, DOMAIN))
    drawn, draw = [], Text.draw
    monkeypatch.setattr(
        Text, "draw", lambda text, *more: drawn.append(text.get_text()) or draw(text, *more)
    )
    add_trial(history, 0.95, depth=1, layer_1="Dense", units_1=7)
    assert picture.draw(PlotContext(history, DOMAIN))
    assert "0.95" in drawn
    assert len(drawn) == 2  # the ends of the scores


def test_what_a_trial_adds_to_no_picture_is_only_told():
    history = random_history(250)
    picture = figures.Picture(figures.PLOTS["parallel"])
    picture.draw(PlotContext(history, DOMAIN))
    drawn, told = picture.png, picture.html()
    add_trial(history, 0.1, depth=1, layer_1="Dense", units_1=7)
    assert picture.draw(PlotContext(history, DOMAIN))
    assert picture.png is drawn
    assert "200 of 250 trials" in told
    assert "200 of 251 trials" in picture.html()


@pytest.mark.parametrize("channels", [3, 4])
def test_png_of_kept_rows_is_that_of_its_pixels(channels: int) -> None:
    rng, kept = np.random.default_rng(0), dict[int, tuple[bytes, bytes]]()
    pixels = rng.integers(0, 256, (50, 20, channels), np.uint8)
    drawing.encoded(pixels, kept)
    before = dict(kept)
    pixels[-1] = 0
    shown = Image.open(io.BytesIO(drawing.encoded(pixels, kept)))
    np.testing.assert_array_equal(shown, pixels)
    assert [place for place in kept if kept[place] is not before[place]] == [max(kept)]
    narrow = pixels[:, :7]
    shown = Image.open(io.BytesIO(drawing.encoded(narrow, kept)))
    np.testing.assert_array_equal(shown, narrow)
