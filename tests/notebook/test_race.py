from __future__ import annotations

import html
import json
import math
import re
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from nas_nb.notebook import output
from nas_nb.notebook import race as notebook_race
from nas_nb.notebook.output import WIDGET_VIEW, no_bundle
from nas_nb.notebook.race import (
    Line,
    NotebookRace,
    RaceInfo,
    RaceView,
    describe_race,
    draw_race,
    race,
    race_info,
    status_line,
)
from tests.strategy.worlds import chain, quality


class Benchmark:
    def score(self, values: Any) -> float:
        return quality(values)

    def duration_s(self, values: Any) -> float:
        return 2.0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> NotebookRace:
    given: dict[str, Any] = {"strategies": ["random", "local_search"], "seeds": 3, "max_trials": 5}
    return race(chain(), table=Benchmark(), directory=tmp_path_factory.mktemp("race"), **given)


def test_the_lines_are_means_of_the_incumbents_and_their_errors(run: NotebookRace):
    info = race_info(run)
    frame = run.frame()
    for line in info.trials:
        by_trial = frame[frame.strategy == line.label].groupby("trial").incumbent
        assert line.x == (1, 2, 3, 4, 5, 5.5)
        assert line.mean[:-1] == pytest.approx(by_trial.mean())
        assert line.mean[-1] == line.mean[-2]
        error = by_trial.std() / math.sqrt(3)
        assert line.high[:-1] == pytest.approx(by_trial.mean() + error)
        assert line.low[:-1] == pytest.approx(by_trial.mean() - error)


def test_against_time_a_line_begins_when_the_first_trial_ended(run: NotebookRace):
    for line in race_info(run).time:
        assert 2.0 <= line.x[0] < 2.2
        assert line.x[-1] == 10.0
        assert line.mean[-1] == pytest.approx(
            run.frame().query("trial == 5 and strategy == @line.label").incumbent.mean()
        )


def test_drawing_again_adds_nothing(run: NotebookRace):
    info = race_info(run)
    ax = run.plot()
    before = len(ax.get_children())
    draw_race(info, ax)
    assert len(ax.get_children()) == before
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"random", "local_search"}
    assert "local_search" in describe_race(info)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a cell is told to show, and is told later."""
    told: list[dict[str, Any]] = []

    class Handle:
        def update(self, bundle: dict[str, Any], raw: bool) -> None:
            told.append(bundle)

    def display(bundle: dict[str, Any], **_: Any) -> Handle:
        told.append(bundle)
        return Handle()

    monkeypatch.setattr(output, "in_notebook", lambda: True)
    monkeypatch.setattr(notebook_race, "display", display)
    return told


def test_the_cell_shows_the_race_and_keeps_a_record_without_widgets(tmp_path, shown):
    given: dict[str, Any] = {"strategies": ["random", "local_search"], "seeds": 1, "max_trials": 3}
    done = race(chain(), table=quality, directory=tmp_path, **given)
    panel, saved, gone, last = shown
    assert WIDGET_VIEW in panel
    assert "nas-record" in saved["text/html"]
    assert gone == no_bundle()  # no page runs the cell
    assert WIDGET_VIEW not in last
    assert "<caption" in last["text/html"]
    assert "random" in last["text/html"]
    assert repr(done) == last["text/plain"]
    assert f"Best mean score: {done.leaders[0]}" in last["text/html"]


def test_a_race_in_a_page_can_be_pointed_at_zoomed_and_follows_the_theme(
    tmp_path, shown, monkeypatch
):
    monkeypatch.setattr(output, "page_runs_cell", lambda: True)
    given: dict[str, Any] = {"strategies": ["random", "local_search"], "seeds": 2, "max_trials": 4}
    view = RaceView(race(chain(), table=Benchmark(), directory=tmp_path, **given))
    assert no_bundle() not in shown
    view.paint()
    told = html.unescape(re.search('data-marks="([^"]*)"', view._image.value)[1])
    marks = json.loads(told)
    assert all(0 <= share <= 1 for mark in marks for share in mark[1:3])
    assert {mark[3].split(" after ")[0] for mark in marks} == {"random", "local_search"}
    assert any(" after trial 3: " in mark[3] for mark in marks)
    assert any(re.search(r" after [\d.]+ s: ", mark[3]) for mark in marks)
    assert len({mark[0] for mark in marks}) == len(marks)
    assert "nas-dark" not in view._image.value
    whole = view._image.value
    view.touch._take({"dark": True, "width": [600, 1.0], "select": "trials 0"})
    assert 'class="nas-plot nas-dark"' in view._image.value
    assert 'width="566"' in view._image.value
    view.touch._take({"dark": False, "width": [1200, 1.0]})
    view.touch._take({"zoom": "trials+trials", "box": [[0.1, 0.3], [0.3, 0.6]]})
    assert view._image.value != whole
    view.touch._take({"zoom": "trials+trials", "box": None})


def test_the_cell_that_ran_a_race_does_not_show_it_again_and_another_does(
    tmp_path, shown, monkeypatch
):
    given: dict[str, Any] = {"strategies": ["random"], "seeds": 1, "max_trials": 2}
    done = race(chain(), table=quality, directory=tmp_path, **given)
    shown.clear()
    done._ipython_display_()
    assert shown == []
    monkeypatch.setattr(notebook_race, "_cell", lambda: 7)
    done._ipython_display_()
    assert "<caption" in shown[0]["text/html"]


def test_names_above_a_picture_never_cover_its_title():
    names = [f"strategy {number}" for number in range(9)]
    lines = tuple(Line(name, (1.0, 2.0), (0.5, 0.6), (0.5, 0.6), (0.5, 0.6)) for name in names)
    ax = Figure(figsize=(9.6, 3.6)).add_subplot()
    draw_race(RaceInfo("score", 1, lines, ()), ax)
    ax.figure.canvas.draw()
    told = ax.get_title(loc="left")
    title = next(text for text in ax.findobj(Text) if text.get_text() == told)
    assert not ax.get_legend().get_window_extent().overlaps(title.get_window_extent())


def test_names_of_strategies_are_escaped(tmp_path):
    given: dict[str, Any] = {"seeds": 1, "max_trials": 1, "directory": tmp_path}
    done = race(chain(), table=quality, strategies={"a & b": "random"}, **given)
    assert "a &amp; b" in done._repr_mimebundle_()["text/html"]


def test_a_tie_is_called_a_tie(tmp_path):
    given = {"strategies": ["random", "grid"], "seeds": 2, "max_trials": 2}
    tie = race(chain(), table=lambda values: 0.9861, directory=tmp_path, **given)
    assert status_line(tie).endswith("Best mean score: a tie of random and grid, 0.9861.")
