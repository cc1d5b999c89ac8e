from __future__ import annotations

import gc
import random

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.metrics import f1_score

from nas_nb.data.dataset import DataSpec
from nas_nb.data.task import Task
from nas_nb.space.definition import (
    SparseF1,
    WeightlessBuilder,
    compile_for,
    fresh_names,
    output_layer,
    undisturbed_random_state,
)


def model_for(task: Task, outputs: int) -> keras.Model:
    spec = DataSpec((4,), task, outputs)
    return compile_for(keras.Sequential([keras.Input((4,)), output_layer(spec)]), spec)


@pytest.mark.parametrize(
    ("task", "outputs", "labels", "logged"),
    [
        (Task.BINARY, 1, [0, 1, 1], "accuracy"),
        (Task.MULTICLASS, 3, [0, 2, 1], "accuracy"),
        (Task.MULTILABEL, 3, [[0, 1, 1], [0, 0, 0], [1, 1, 1]], "accuracy"),
        (Task.REGRESSION, 1, [0.5, 1.5, -1.0], "mae"),
        (Task.REGRESSION, 2, [[0.5, 1.5], [0, 0], [1, 1]], "mae"),
        (Task.FORECASTING, 2, [[0.5, 1.5], [0, 0], [1, 1]], "mae"),
    ],
)
def test_loss_and_metric_take_the_labels_of_the_task(
    task: Task, outputs: int, labels: list, logged: str
) -> None:
    model = model_for(task, outputs)
    x = np.zeros((3, 4), "float32")
    logs = model.evaluate(x, np.array(labels), verbose=0, return_dict=True)
    assert set(logs) == {"loss", logged}
    assert np.isfinite(logs["loss"])


def test_accuracy_of_several_labels_is_the_share_of_right_labels() -> None:
    model = model_for(Task.MULTILABEL, 2)
    model.set_weights([np.zeros((4, 2)), np.array([9.0, -9.0])])  # predicts 1, 0
    labels = np.array([[1, 0], [0, 0]])
    logs = model.evaluate(np.zeros((2, 4)), labels, verbose=0, return_dict=True)
    assert logs["accuracy"] == 0.75


def test_optimizer_is_made_by_name_with_the_learning_rate() -> None:
    spec = DataSpec((4,), Task.BINARY, 1)
    model = keras.Sequential([keras.Input((4,)), output_layer(spec)])
    compile_for(model, spec, optimizer="rmsprop", learning_rate=0.25)
    assert isinstance(model.optimizer, keras.optimizers.RMSprop)
    assert float(model.optimizer.learning_rate) == 0.25


@pytest.mark.parametrize(
    ("task", "outputs", "labels", "metrics"),
    [
        (Task.BINARY, 1, [0, 1, 1], ("f1_score", "auc")),
        (Task.MULTICLASS, 3, [0, 2, 1], ("f1_score", "sparse_categorical_crossentropy")),
        (Task.MULTILABEL, 3, [[0, 1, 1], [0, 0, 0], [1, 1, 1]], ("f1_score",)),
        (Task.REGRESSION, 1, [0.5, 1.5, -1.0], ("mse", "root_mean_squared_error")),
    ],
)
def test_metrics_of_the_data_are_measured_beside_the_tasks_own(
    task: Task, outputs: int, labels: list, metrics: tuple[str, ...]
) -> None:
    spec = DataSpec((4,), task, outputs, metrics=metrics)
    model = compile_for(keras.Sequential([keras.Input((4,)), output_layer(spec)]), spec)
    logs = model.evaluate(np.zeros((3, 4)), np.array(labels), verbose=0, return_dict=True)
    assert len(logs) == 2 + len(metrics)
    assert all(np.isfinite(value) for value in logs.values())


def test_loss_of_the_data_replaces_the_tasks_own() -> None:
    spec = DataSpec((4,), Task.REGRESSION, 1, loss="huber")
    model = compile_for(keras.Sequential([keras.Input((4,)), output_layer(spec)]), spec)
    assert model.loss == "huber"


@pytest.mark.parametrize(("classes", "average"), [(2, "binary"), (4, "macro")])
def test_score_is_scikit_learns(classes: int, average: str) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(classes, size=60)
    outputs = rng.random((60, 1 if classes == 2 else classes), dtype="float32")
    weights = rng.random(60, dtype="float32")
    metric = SparseF1(classes)
    for rows in (slice(0, 40), slice(40, 60)):
        metric.update_state(labels[rows], outputs[rows], weights[rows])
    chosen = outputs[:, 0] > 0.5 if classes == 2 else outputs.argmax(axis=1)
    expected = f1_score(labels, chosen, average=average, sample_weight=weights)
    assert float(metric.result()) == pytest.approx(expected, abs=1e-5)


def test_metric_is_made_again_from_its_config() -> None:
    saved = keras.saving.serialize_keras_object(SparseF1(3))
    assert keras.saving.deserialize_keras_object(saved).classes == 3


def small_model(units: int = 4) -> keras.Model:
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(units), keras.layers.Dropout(0.5)]
    )
    model.compile(keras.optimizers.Adam(0.1), "mse", metrics=["mae"])
    return model


@pytest.fixture
def initialised(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of all kernels that were given values."""
    shapes: list[tuple[int, ...]] = []
    original = keras.initializers.GlorotUniform.__call__

    def noted(self: object, shape: tuple[int, ...], *args: object, **options: object) -> object:
        shapes.append(tuple(shape))
        return original(self, shape, *args, **options)

    monkeypatch.setattr(keras.initializers.GlorotUniform, "__call__", noted)
    return shapes


def test_model_has_shapes_and_no_weights(initialised: list) -> None:
    builder = WeightlessBuilder()
    assert builder.call(small_model).output_shape == (None, 4)
    builder.close()
    assert initialised == []


def test_models_built_afterwards_have_weights_and_train(initialised: list) -> None:
    builder = WeightlessBuilder()
    builder.call(small_model)
    builder.close()
    model = small_model(2)
    assert initialised == [(3, 2)]
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)


def test_layer_that_outlives_the_model_gets_its_weights_once(initialised: list) -> None:
    shared = keras.layers.Dense(5)
    builder = WeightlessBuilder()
    builder.call(lambda: keras.Sequential([keras.Input((3,)), shared]) and None)
    builder.close()
    builder.close()
    assert initialised == [(3, 5)]
    assert shared(np.ones((1, 3), "float32")).shape == (1, 5)
    assert len(shared.get_weights()) == 2


def test_error_comes_through_and_leaves_keras_as_it_was(initialised: list) -> None:
    original = keras.optimizers.Optimizer.__init__

    def failing() -> None:
        small_model()
        raise RuntimeError("on purpose")

    builder = WeightlessBuilder()
    with pytest.raises(RuntimeError, match="on purpose"):
        builder.call(failing)
    builder.close()
    assert keras.optimizers.Optimizer.__init__ is original
    small_model(2)
    assert initialised == [(3, 2)]


def test_random_states_are_put_back() -> None:
    def draw() -> tuple[float, float, float]:
        legacy = np.random.random()  # noqa: NPY002 - the state that a user's notebook may use
        return random.random(), float(legacy), float(keras.random.uniform((1,))[0])

    keras.utils.set_random_seed(3)
    draw()
    expected = draw()
    keras.utils.set_random_seed(3)
    draw()
    with undisturbed_random_state():
        small_model()
        draw()
    assert draw() == expected


def test_the_collector_is_left_as_it_was() -> None:
    WeightlessBuilder().close()
    assert gc.get_freeze_count() == 0
    gc.freeze()
    try:
        WeightlessBuilder().close()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_names_repeat_in_the_block_and_count_on_after_it() -> None:
    first = layers.Dense(1).name
    inside = []
    for _ in range(2):
        with fresh_names():
            inside.append([layers.Dense(1).name, layers.Dense(1).name])
    assert inside == [["dense", "dense_1"]] * 2
    before = int(first.removeprefix("dense").removeprefix("_") or 0)
    assert layers.Dense(1).name == f"dense_{before + 1}"


def test_optimizers_are_named_anew_as_well() -> None:
    with fresh_names():
        assert keras.optimizers.Adam().name == "adam"
