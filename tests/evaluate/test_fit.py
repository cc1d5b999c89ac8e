from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from nas_nb.evaluate import fit as fit_module
from nas_nb.evaluate.fit import fit, fit_noted

X = np.random.default_rng(0).normal(size=(70, 4)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("int64")
ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"validation_split": 0.3},
    {"validation_data": (X[:20], Y[:20])},
    {"validation_data": (X[:20], Y[:20], np.linspace(0.0, 1.0, 20))},
    {"class_weight": {0: 1.0, 1: 3.0}},
    {"sample_weight": np.linspace(0.0, 2.0, 70)},
    {"batch_size": 7, "epochs": 3, "initial_epoch": 1},
]


def make_model() -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="tanh")])
    model.add(keras.layers.Dense(2, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def no_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails the test if `model.fit` is called: the engine has to do it."""

    def forbidden(self: object, *args: object, **kwargs: object) -> None:
        raise AssertionError("went through model.fit")

    monkeypatch.setattr(fit_module, "_fallback", forbidden)


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=lambda a: "-".join(a) or "plain")
@pytest.mark.usefixtures("no_fit")
def test_the_engine_computes_what_keras_computes(arguments: dict[str, Any]):
    given = {"epochs": 2, "verbose": 0, "shuffle": False, **arguments}
    ours, theirs = make_model(), make_model()
    history = fit(ours, X, Y, **given).history
    expected = theirs.fit(X, Y, **given).history
    assert history.keys() == expected.keys()
    for name, values in expected.items():
        assert history[name] == pytest.approx(values, abs=1e-5)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert mine == pytest.approx(other, abs=1e-5)


@pytest.mark.usefixtures("no_fit")
def test_the_order_of_samples_follows_keras_random_seed():
    def losses() -> list[float]:
        model = make_model()
        keras.utils.set_random_seed(3)
        return list(fit(model, X, Y, epochs=2, verbose=0).history["loss"])

    assert losses() == losses()


@pytest.mark.usefixtures("no_fit")
def test_epoch_callbacks_are_called_and_can_stop():
    seen: list[int] = []

    def watch(epoch: int, logs: dict[str, float]) -> None:
        seen.append(epoch)

    stop = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=1e9)
    watcher = keras.callbacks.LambdaCallback(on_epoch_end=watch)
    fit(make_model(), X, Y, epochs=5, verbose=0, callbacks=[watcher, stop])
    assert seen == [0, 1]


@pytest.mark.parametrize("arguments", [{"steps_per_epoch": 1}, {"validation_freq": 2}])
def test_what_the_engine_does_not_know_goes_through_model_fit(arguments: dict[str, Any]):
    history, note = fit_noted(make_model(), X, Y, epochs=2, verbose=0, **arguments)
    assert len(history.history["loss"]) == 2
    assert note == f"trained by model.fit: `{min(arguments)}` is given"


@pytest.mark.usefixtures("no_fit")
def test_the_fast_path_has_nothing_to_explain():
    assert fit_noted(make_model(), X, Y, verbose=0)[1] is None


def test_a_model_that_trains_itself_need_not_be_compiled_and_has_its_own_arguments():
    class Own(keras.Model):
        def fit(self, x: Any, y: Any, rounds: float) -> float:
            return rounds

    inputs = keras.Input((4,))
    results, note = fit_noted(Own(inputs, keras.layers.Dense(2)(inputs)), X, Y, rounds=0.5)
    assert results == 0.5
    assert note == "trained by model.fit: Own overrides `fit`"


def test_verbose_prints_a_line_an_epoch(capsys: pytest.CaptureFixture[str]):
    fit(make_model(), X, Y, epochs=2, verbose=2)
    assert "Epoch 2/2 - accuracy: " in capsys.readouterr().out


def test_a_wrong_argument_is_keras_own_error():
    with pytest.raises(TypeError, match="epoch"):
        fit(make_model(), X, Y, epoch=2)


@pytest.mark.parametrize("rows", [60, 80])
def test_rows_that_do_not_match_are_keras_own_error(rows: int):
    labels = np.zeros(rows, dtype="int64")
    with pytest.raises(ValueError, match="cardinality"):
        fit(make_model(), X, labels, epochs=1, verbose=0)
