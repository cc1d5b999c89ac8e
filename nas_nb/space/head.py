"""The end of every model we build: the output layer and the loss that the task asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    from nas_nb.data import DataSpec

_HEADS: dict[str, tuple[str | None, str, str]] = {
    # task: activation of the output, loss, metric
    "binary": ("sigmoid", "binary_crossentropy", "accuracy"),
    "multiclass": ("softmax", "sparse_categorical_crossentropy", "accuracy"),
    "multilabel": ("sigmoid", "binary_crossentropy", "accuracy"),
    "regression": (None, "mse", "mae"),
}


def output_layer(spec: DataSpec) -> keras.layers.Layer:
    """Returns the dense layer whose outputs are the predictions of the task.

    Shapes: ``(samples, features)`` to ``(samples, spec.outputs)``, probabilities but for
    regression.
    """
    activation, _, _ = _HEADS[spec.task]
    return keras.layers.Dense(spec.outputs, activation=activation)


def compile_for(
    model: keras.Model, spec: DataSpec, *, optimizer: str = "adam", learning_rate: float = 0.001
) -> keras.Model:
    """Compiles the model with the task's loss and metric, and returns it.

    Args:
        model: A model that ends in `output_layer(spec)`.
        spec: What the data is.
        optimizer: Keras's name of an optimiser.
        learning_rate: Its constant learning rate.
    """
    _, loss, name = _HEADS[spec.task]
    metric: Any = name
    if spec.task == "multilabel":
        # Keras would take "accuracy" for the categorical one here; the log keeps the name.
        metric = keras.metrics.BinaryAccuracy(name=name)
    chosen = keras.optimizers.get(
        {"class_name": optimizer, "config": {"learning_rate": float(learning_rate)}}
    )
    model.compile(optimizer=chosen, loss=loss, metrics=[metric])
    return model
