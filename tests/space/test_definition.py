from __future__ import annotations

import keras
import numpy as np
import pytest

from nas_nb.data.dataset import DataSpec
from nas_nb.data.task import Task
from nas_nb.space.definition import compile_for, output_layer


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
