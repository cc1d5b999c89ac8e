from __future__ import annotations

import sys

import pytest
from matplotlib.figure import Figure

from nas_nb.evaluate.proxy_scores import ProxyScore, rank_proxies
from nas_nb.explain.proxy_ranking import ProxyRanks
from nas_nb.notebook import output
from nas_nb.notebook.explanation import ProxyTable
from nas_nb.notebook.search_display import Search
from tests.search.tiny import CHOICES, tiny_data

PARAMS = [2, 1, 3, 4, 5, 6]


def table(**others):
    values = {"params": PARAMS, **others}
    scores = [
        {name: ProxyScore(row[i], 2.0) for name, row in values.items() if row[i] is not None}
        for i in range(6)
    ]
    ranks = rank_proxies(scores, [float(i) for i in range(6)])
    return ProxyTable(ProxyRanks("<mine>", "val_accuracy", 6, ranks))


def test_it_says_which_proxies_ordered_better_than_params_and_that_they_mislead():
    found = table(snip=[1, 2, 3, 4, 5, 6], zen=[6, 5, 4, 3, 2, 1])
    for shown in (repr(found), found._repr_html_()):
        assert "Better than params here: snip (1.00 against 0.87)." in shown
        assert "mislead as often as they help" in shown
    assert "None ranks better than params here." in repr(table())


def test_text_and_html_have_a_row_a_proxy_with_its_count():
    found = table(zen=[None, None, 3, 4, 5, 6])
    lines = repr(found).splitlines()
    cells = next(line for line in lines if "zen" in line).split()
    assert cells == ["zen", "–", "–", "4", "of", "6", "2.0"]
    html = found._repr_html_()
    assert html.count('<th scope="row"') == 8
    assert "4 of 6" in html
    assert "&lt;mine&gt;" in html
    assert "<mine>" not in html


def test_the_frame_has_numbers():
    frame = table(zen=[6, 5, 4, 3, 2, 1]).frame()
    assert list(frame.index[:3]) == ["params", "macs", "zen"]
    assert frame.loc["zen", "tau"] == pytest.approx(-1)
    assert frame.loc["zen", ["candidates", "ms"]].tolist() == [6, 2.0]


def test_the_plot_has_a_bar_a_proxy_in_the_order_of_the_table():
    ax = Figure().add_subplot()
    found = table(zen=[None, 1, 2, 3, 4, 5])
    assert found.plot(ax) is ax
    found.plot(ax)
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels[:3] == ["params", "macs (0)", "zen (5)"]
    widths = {bar.get_y(): bar.get_width() for bar in ax.patches if bar.get_height() == 0.7}
    assert len(widths) == 8


def test_a_search_measures_them_on_its_own_trials(tmp_path):
    settings = {"strategy": "random", "max_trials": 5, "epochs": 1, "directory": tmp_path}
    found = Search(CHOICES, tiny_data(), **settings).run().proxies()
    assert found.frame().loc["params", "candidates"] == 5
    assert found.frame().loc["zen", "candidates"] == 0
    assert "of 5 candidates of 'tiny'" in repr(found)


def test_a_terminal_is_told_how_far_it_is_and_left_clean(monkeypatch, capsys):
    monkeypatch.setattr(output, "PERIOD_S", 0.0)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with output.progress_line("Proxies: {} of {} candidates.") as told:
        told(3, 9)
    out = capsys.readouterr().out
    assert "\rProxies: 3 of 9 candidates." in out
    assert out.endswith("\r")


def test_a_notebook_is_told_in_one_output_that_is_emptied(monkeypatch):
    shown = []

    class Handle:
        def update(self, bundle, raw):
            shown.append(bundle["text/plain"])

    def display(bundle, **_):
        shown.append(bundle["text/plain"])
        return Handle()

    monkeypatch.setattr(output, "PERIOD_S", 0.0)
    monkeypatch.setattr(output, "in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", display)

    def interrupted():
        with output.progress_line("Proxies: {} of {} candidates.") as told:
            told(1, 2)
            told(2, 2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert shown == ["Proxies: 1 of 2 candidates.", "Proxies: 2 of 2 candidates.", ""]
