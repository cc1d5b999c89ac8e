from __future__ import annotations

import importlib.util
from typing import Any

import keras
import numpy as np
import pytest

from nas_nb.data.dataset import Data
from nas_nb.errors import DataError, SearchError
from nas_nb.explain.attribution import METHODS, explain_prediction
from nas_nb.export.raw_input import model_outputs
from nas_nb.notebook import search_display  # noqa: F401 - it says what explains
from nas_nb.notebook.explanation import PredictionView
from tests.search.tiny import tiny_search

pytestmark = pytest.mark.tensorflow
EXTRAS = [
    pytest.param(
        name, marks=pytest.mark.skipif(not importlib.util.find_spec(name), reason="is an extra")
    )
    for name in ("shap", "lime")
]


class Trained:
    """A trial with a model of the test's own."""

    number = 7

    def __init__(self, data: Data, model: keras.Model) -> None:
        self.data, self._model = data, model

    def model(self) -> keras.Model:
        return self._model


def images() -> Trained:
    """The class is whether the left or the right half is bright, and the model knows it."""
    rng = np.random.default_rng(0)
    x = rng.random((120, 8, 8, 1)).astype("float32") * 0.2
    right = np.arange(120) % 2
    x[right == 0, 2:6, 0:3] += 1
    x[right == 1, 2:6, 5:8] += 1
    data = Data.from_arrays(x, np.where(right, "right", "left"), name="halves", seed=0)
    layers = keras.layers
    sequence = [layers.Conv2D(1, 1, activation="relu"), layers.Flatten()]
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), *sequence, layers.Dense(2, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    side = np.repeat([[-0.1] * 3 + [0.0] * 2 + [0.15] * 3], 8, axis=0).reshape(64, 1)
    model.layers[0].set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
    model.layers[-1].set_weights([np.concatenate([-side, side], axis=1), np.zeros(2)])
    return Trained(data, model)


def table(outputs: Any, labels: Any, loss: str = "binary_crossentropy") -> Trained:
    """A model whose first column decides, against the second, and the last does nothing."""
    x = np.random.default_rng(0).normal(size=(120, 4)).astype("float32")
    data = Data.from_arrays(x, labels(x), name="table", seed=0)
    model = keras.Sequential([keras.Input((4,)), outputs])
    model.compile("adam", loss)
    model.layers[-1].set_weights([np.array([[3.0], [-1.0], [0.5], [0.0]]), np.zeros(1)])
    return Trained(data, model)


def binary() -> Trained:
    dense = keras.layers.Dense(1, activation="sigmoid")
    return table(dense, lambda x: np.where(x[:, 0] > 0, "up", "down"))


def texts() -> Trained:
    films = ["a good film", "a bad film", "good fun here", "bad plot here"] * 20
    labels = ["yes" if "good" in film else "no" for film in films]
    data = Data.from_texts(films, labels, length=6, seed=0)
    weights = np.zeros((data.raw.size, 1))
    weights[data.raw.words.index("good") + 2] = 4
    weights[data.raw.words.index("bad") + 2] = -4
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Embedding(data.raw.size, 1),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy")
    model.layers[0].set_weights([weights])
    model.layers[-1].set_weights([np.array([[6.0]]), np.zeros(1)])
    return Trained(data, model)


@pytest.fixture(scope="module")
def halves():
    return images()


def test_a_model_is_asked_without_its_predict_which_tensorflow_warns_of():
    trial = images()
    outputs = model_outputs(trial.model(), np.repeat(trial.data.x_train, 4, axis=0))
    explain_prediction(trial, trial.data.x_test[:1], "occlusion")
    assert trial.model().predict_function is None
    expected = trial.model().predict(trial.data.x_train, verbose=0)
    np.testing.assert_allclose(outputs, np.repeat(expected, 4, axis=0), rtol=1e-5)


def test_integrated_gradients_sum_to_what_they_explain(halves):
    for trial, x in ((halves, halves.data.x_test[:4]), (binary(), binary().data.x_test[:4])):
        found = explain_prediction(trial, x, "integrated_gradients")
        (one,) = found.attributions
        outputs = trial.model().predict(np.concatenate([x, trial.data.x_train.mean(0)[None]]))
        if outputs.shape[1] == 1:
            outputs = np.concatenate([1 - outputs, outputs], axis=1)
        for sample, own in enumerate(outputs[:-1].argmax(1)):
            wanted = outputs[sample, own] - outputs[-1, own]
            assert one.values[sample].sum() == pytest.approx(wanted, rel=0.01)
        assert one.completeness <= 0.01


@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion", "grad_cam", *EXTRAS])
def test_of_images_the_halves_speak_for_the_prediction(halves, method, capfd):
    x, y = halves.data.x_test[:4], halves.data.y_test[:4]
    found = explain_prediction(halves, x, method)
    assert found.predicted == tuple(np.array(halves.data.classes)[y])
    (one,) = found.attributions
    assert one.values.shape == (4, 8, 8)
    for values, name in zip(one.values, found.predicted, strict=True):
        if method == "grad_cam":  # coarse: it weighs whole maps, and shows what speaks for it only
            assert values.min() >= 0
            assert (values.max() > 0) == (name == "right")
        else:  # a dark half speaks as loudly as a bright one
            assert values[2:6, [0, 1, 2, 5, 6, 7]].sum() > 0.7 * np.abs(values).sum()
            assert np.abs(values[:, 3:5]).sum() < 0.1 * np.abs(values).sum()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion", *EXTRAS])
def test_of_a_table_the_column_that_decides_speaks_most(method, capfd):
    trial = binary()
    found = explain_prediction(trial, trial.data.x_test[:3], method)
    (one,) = found.attributions
    x = trial.data.x_test[:3] - trial.data.x_train.mean(0)
    signs = np.array([1 if name == "up" else -1 for name in found.predicted])
    weight = np.array([3.0, -1.0, 0.5, 0.0])
    exact = x * weight * signs[:, None]
    for values, truth in zip(one.values, exact, strict=True):
        assert np.corrcoef(values, truth)[0, 1] > 0.9
    assert np.abs(one.values[:, 3]).max() < 0.1 * np.abs(one.values).max()
    assert found.parts[0] == ("column 0", "column 1", "column 2", "column 3")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("method", ["occlusion", *EXTRAS])
def test_of_a_text_the_word_that_decides_speaks_most(method, capfd):
    trial = texts()
    found = explain_prediction(trial, ["a good film", "bad bad plot"], method)
    assert found.predicted == ("yes", "no")
    (one,) = found.attributions
    assert found.parts[0][:3] == ("a", "good", "film")
    assert one.values[0].argmax() == 1
    assert set(np.argsort(one.values[1])[-2:]) == {0, 1}
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion", *EXTRAS])
def test_quantities_are_explained_themselves(method):
    trial = table(keras.layers.Dense(1), lambda x: x[:, 0] * 3.0, "mse")
    found = explain_prediction(trial, trial.data.x_test[:2], method)
    exact = (trial.data.x_test[:2] - trial.data.x_train.mean(0)) * [3.0, -1.0, 0.5, 0.0]
    np.testing.assert_allclose(found.attributions[0].values, exact, atol=0.6)


def test_training_still_works_after_shap(halves):
    pytest.importorskip("shap")
    explain_prediction(halves, halves.data.x_test[:1], "shap")
    trial = binary()
    trial.model().fit(trial.data.x_train, trial.data.y_train, verbose=0)


def test_methods_that_fit_stand_side_by_side(halves, tmp_path):
    right = halves.data.x_test[halves.data.y_test == 1]
    found = explain_prediction(halves, right[:2])
    assert [one.method for one in found.attributions] == list(METHODS[:3])
    agreement = found.agreement()
    np.testing.assert_allclose(np.diag(agreement), 1)
    np.testing.assert_allclose(agreement, agreement.T)
    assert agreement[0, 1] > 0.9
    assert [m.method for m in explain_prediction(texts(), ["good"]).attributions] == ["occlusion"]


def test_a_trial_is_asked_and_its_answer_is_a_picture_and_a_table(tmp_path):
    search = tiny_search(tmp_path, max_trials=1, epochs=1).run()
    view = search.best.explain(search.data.x_test[:2])
    assert list(view.agreement()) == ["integrated_gradients", "occlusion"]
    page = view._repr_html_()
    assert 'alt="why trial 0 predicts' in page
    assert "Where methods agree" in page
    assert "sum to the prediction" in page
    assert "integrated_gradients" in repr(view)
    assert len(view.plot().axes) == 4


def test_its_text_names_columns_words_and_regions(halves):
    right = halves.data.x_test[halves.data.y_test == 1][:1]
    told = repr(PredictionView(explain_prediction(halves, right, "occlusion")))
    assert "sample 0: right (" in told
    assert "occlusion: most at the middle right +" in told
    trial = binary()
    told = repr(PredictionView(explain_prediction(trial, np.array([[2.0, 0, 0, 0]]), METHODS[0])))
    assert "integrated gradients: column 0 +" in told
    told = repr(PredictionView(explain_prediction(texts(), ["a good film"], "occlusion")))
    assert "occlusion: good +" in told


@pytest.mark.parametrize(
    ("make", "x", "method", "told"),
    [
        (texts, ["good"], "integrated_gradients", "needs inputs with a gradient. Received: texts"),
        (texts, ["good"], "grad_cam", "feature maps of images"),
        (binary, np.zeros((1, 4)), "grad_cam", "Received: a table"),
        (binary, np.zeros((1, 4)), "shapp", "Received: 'shapp'. Did you mean 'shap'"),
        (binary, np.zeros((1, 4)), [], "Received: ''"),
        (binary, np.zeros((17, 4)), None, "at most 16 samples. Received: 17"),
    ],
)
def test_what_does_not_fit_gets_one_sentence(make, x, method, told):
    with pytest.raises(SearchError, match=told):
        explain_prediction(make(), x, method)


def test_what_is_no_sample_gets_one_sentence():
    with pytest.raises(DataError, match=r"shape \(samples, 4\)"):
        explain_prediction(binary(), np.zeros((1, 5)))


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "lime", None)
    with pytest.raises(SearchError, match=r'needs lime.*pip install "nas_nb\[explain\]"'):
        explain_prediction(binary(), np.zeros((1, 4)), "lime")
