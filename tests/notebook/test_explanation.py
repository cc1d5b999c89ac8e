from __future__ import annotations

import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from nas_nb.data.dataset import Data
from nas_nb.errors import SearchError
from nas_nb.explain.proxy_ranking import ProxyRanks, ProxyScore, rank_proxies
from nas_nb.notebook import output
from nas_nb.notebook.explanation import ProxyTable
from nas_nb.notebook.search_display import Search
from tests.search.tiny import CHOICES, tiny_data


def a_search(folder, **changes):
    settings = {"strategy": "random", "max_trials": 4, "epochs": 1, "directory": folder, **changes}
    return Search(settings.pop("space", CHOICES), settings.pop("data", tiny_data()), **settings)


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    return a_search(tmp_path_factory.mktemp("explained")).run()


def test_the_page_begins_with_the_answer_in_words_and_has_tables_and_pictures(search):
    page = search.explain()
    html = page._repr_html_()
    assert html.startswith(f"<p><strong>Trial {search.best.number} won with val_accuracy")
    assert "One change of the winner" in html
    assert "Validation part, class by class" in html
    assert "Worst mistakes" in html
    assert html.count("<img alt=") == 1
    assert "4 comparable trials have completed, and 25 are needed" in html
    assert repr(page).startswith(f"Trial {search.best.number} won")


def test_with_enough_trials_the_choices_are_drawn(tmp_path):
    units = list(range(2, 34))
    space = {**CHOICES, "units": units, "learning_rate": [1e-6, 0.1]}
    page = a_search(tmp_path, space=space, max_trials=26, epochs=2).run().explain()
    assert page.summary.importance.choices[0].name == "learning_rate"
    html = page._repr_html_()
    assert "drawn at random" in html
    assert html.count("<img alt=") == 3
    assert 'alt="effects of values on val_accuracy' in html
    assert set(page.second_opinion()) == set(page.summary.domain.names)


def test_numbers_get_their_error_by_bootstrap(tmp_path):
    x = np.random.default_rng(0).normal(size=(100, 4)).astype("float32")
    data = Data.from_arrays(x, x.sum(axis=1), name="sum", seed=0)
    page = a_search(tmp_path, data=data, max_trials=2).run().explain()
    assert " ± " in page.summary.text
    assert "believed to be" in page.summary.text
    assert "off by" in page._repr_html_()


def test_confirming_and_ablating_are_tables_with_a_verdict(search):
    confirmed = search.confirm(top=2, seeds=2)
    assert list(confirmed.frame()) == [
        "recorded",
        "mean",
        "behind",
        "margin",
        "params",
        "seed_0",
        "seed_1",
    ]
    assert confirmed.found.verdict in repr(confirmed)
    assert "val_accuracy with 2 new seeds" in confirmed._repr_html_()
    ablated = search.ablate(max_time=None)
    assert "measured by ablation" in repr(ablated)
    assert {"choice", "before", "now", "score", "gain"} <= set(ablated.frame())
    assert "of them measured" in ablated._repr_html_()


def test_without_a_trial_one_sentence(tmp_path):
    with pytest.raises(SearchError, match="Expected a completed trial"):
        a_search(tmp_path).explain()


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
