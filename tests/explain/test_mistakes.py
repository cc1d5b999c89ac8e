from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from nas_nb.data.dataset import Data
from nas_nb.errors import SearchError
from nas_nb.explain.mistakes import as_shares, measure_mistakes
from nas_nb.notebook.explanation import mistakes_html
from nas_nb.notebook.plots.predictions import draw_mistakes, draw_worst
from tests.search.tiny import tiny_data, tiny_search, unbuildable
from tests.spaces.ready import datasets


class Told:
    """A trial and its model, which says what it is told."""

    def __init__(self, data, outputs, from_logits=False):
        self.data, self._outputs = data, np.asarray(outputs, dtype="float32")
        self.loss = SimpleNamespace(from_logits=from_logits)

    def model(self):
        return self

    def __call__(self, x, training):
        return self._outputs


def three_classes():
    labels = np.array(["a", "b", "c"])[np.arange(90) % 3]
    data = Data.from_arrays(np.arange(180.0).reshape(90, 2), labels, seed=0)
    return replace(data, x_val=data.x_val[:6], y_val=np.array([0, 0, 1, 1, 2, 2]))


SHARES = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0, 1, 0], [0, 1, 0], [0, 0.6, 0.4], [0.1, 0.1, 0.8]]


def test_classes_confusion_and_worst_rows():
    found = measure_mistakes(Told(three_classes(), SHARES))
    assert found.confusion.tolist() == [[1, 1, 0], [0, 2, 0], [0, 1, 1]]
    b = found.classes[1]
    assert (b.name, b.precision, b.recall, b.rows) == ("b", 0.5, 1.0, 2)
    assert b.f1 == pytest.approx(2 / 3)
    assert [(one.row, one.true, one.predicted) for one in found.worst] == [
        (1, "a", "b"),
        (4, "c", "b"),
    ]
    assert found.worst[0].loss == pytest.approx(-np.log(0.1), rel=1e-5)
    assert len(found.samples) == 2
    assert found.text.startswith("2 of 6 rows of the validation part are wrong. Most often a is")
    assert "a is taken for b (once); " in found.text


@pytest.mark.parametrize(
    ("sure", "told"),
    [
        ([0.75] * 4, "Its probabilities fit"),
        ([0.99] * 4, "It is more sure of itself than right by 0.240 on average."),
        ([0.55, 0.6, 0.6, 0.6], "Its probabilities fit"),  # of four rows any number may be right
        ([1.0] * 4, "It is more sure of itself than right by 0.250 on average."),
    ],
)
def test_probabilities_fit_where_the_gap_is_noise_or_nothing(sure, told):
    data = three_classes()
    data = replace(data, x_val=data.x_val[:4], y_val=np.array([1, 0, 0, 0]))
    found = measure_mistakes(Told(data, [[one, 1 - one, 0] for one in sure]))
    assert told in found.text
    assert "0.000" not in found.text


def test_calibration_weighs_each_bin_by_its_rows():
    found = measure_mistakes(Told(three_classes(), SHARES))
    assert sum(count for *_, count in found.calibration) == 6
    expected = (3 * abs(0.8 - 2 / 3) + 1 * abs(0.6 - 0) + 2 * 0) / 6
    assert found.calibration_error == pytest.approx(expected, abs=1e-6)


def test_logits_become_probabilities():
    loss = SimpleNamespace(loss=SimpleNamespace(from_logits=True))
    logits = np.log(np.array([[0.2, 0.3, 0.5]]))
    np.testing.assert_allclose(as_shares(logits, loss), [[0.2, 0.3, 0.5]])
    np.testing.assert_allclose(as_shares(np.array([[0.0]]), loss), [[0.5]])


def test_two_classes_of_one_output(tmp_path):
    search = tiny_search(tmp_path, max_trials=2, epochs=2).run()
    for part in ("val", "test"):
        found = measure_mistakes(search.best, part)
        rows = len(search.data.part(part)[0])
        assert found.confusion.sum() == sum(one.rows for one in found.classes) == rows
    wrong = rows - np.trace(found.confusion)
    assert wrong / rows == pytest.approx(1 - search.best.evaluate()["accuracy"], abs=1e-6)


def test_quantities_have_residuals():
    data = Data.from_arrays(np.arange(90.0).reshape(45, 2), np.linspace(0, 1, 45), seed=0)
    _, y = data.part("val")
    outputs = y[:, None] + np.where(np.arange(len(y)) == 3, 0.5, 0.0)[:, None]
    found = measure_mistakes(Told(data, outputs))
    assert found.worst[0].row == 3
    assert found.worst[0].loss == pytest.approx(0.5, abs=1e-6)
    np.testing.assert_allclose(found.residuals[0], y)
    assert found.classes == ()
    assert "off by" in found.text


@pytest.mark.parametrize(
    ("make", "kind", "columns"),
    [
        (datasets.images, "image", ()),
        (datasets.series, "series", ()),
        (datasets.texts, "text", ("text",)),
        (datasets.table, "table", ("age", "home town")),
    ],
)
def test_the_worst_rows_are_pictures_or_as_the_user_had_them(make, kind, columns):
    data = make()
    rows = len(data.x_val)
    outputs = np.eye(max(2, len(data.classes)))[(data.y_val + 1).astype(int) % 2]
    outputs = outputs if kind in ("image", "series") else np.zeros((rows, 1))
    found = measure_mistakes(Told(data, outputs))
    assert (found.kind, found.columns) == (kind, columns)
    assert len(found.rows) == (len(found.worst) if columns else 0)
    figure = Figure()
    draw_worst(found, figure) if not columns else draw_mistakes(found, figure)
    assert figure.axes
    html = mistakes_html(found)
    assert "Worst mistakes" in html
    for cell in found.rows[0] if columns else ():
        assert cell in html
    assert ("the worst" in html) == (not columns)


def test_several_labels_are_judged_label_by_label():
    labels = np.stack([np.arange(60) % 2, np.arange(60) % 3 == 0], axis=1)
    data = Data.from_arrays(np.eye(60)[:, :2], labels, task="multilabel", seed=0)
    _, y = data.part("val")
    found = measure_mistakes(Told(data, np.stack([y[:, 0], 1 - y[:, 1]], axis=1)))
    assert found.classes[0].f1 == 1
    assert found.classes[1].recall == 0
    assert found.text.startswith(f"0 of {len(y)} rows")


def test_a_part_that_is_not_there_and_a_failed_trial_are_one_sentence(tmp_path):
    with pytest.raises(SearchError, match=r"train, val, test. Received: 'vall'. Did you mean"):
        measure_mistakes(Told(tiny_data(), []), "vall")
    search = tiny_search(tmp_path, space=unbuildable, max_trials=2, strategy="grid").run()
    failed = next(t for t in map(search.trial, range(2)) if t.status == "failed")
    with pytest.raises(SearchError, match="Expected a trial that completed"):
        measure_mistakes(failed)
