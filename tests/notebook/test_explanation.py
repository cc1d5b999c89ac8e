from __future__ import annotations

import numpy as np
import pytest

from nas_nb.data.dataset import Data
from nas_nb.errors import SearchError
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
