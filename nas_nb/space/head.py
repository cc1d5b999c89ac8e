"""The end of every model we build: the output layer and the loss that the task asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from nas_nb.errors import SpaceError, nearest
from nas_nb.space.f1 import SparseF1

if TYPE_CHECKING:
    from nas_nb.data import DataSpec

_HEADS: dict[str, tuple[str | None, str, str]] = {
    # task: activation of the output, loss, metric
    "binary": ("sigmoid", "binary_crossentropy", "accuracy"),
    "multiclass": ("softmax", "sparse_categorical_crossentropy", "accuracy"),
    "multilabel": ("sigmoid", "binary_crossentropy", "accuracy"),
    "regression": (None, "mse", "mae"),
    "forecasting": (None, "mse", "mae"),
}

_F1 = ("f1", "f1_score")


def output_layer(spec: DataSpec) -> keras.layers.Layer:
    """Returns the dense layer whose outputs are the predictions of the task.

    Shapes: ``(samples, features)`` to ``(samples, spec.outputs)``, probabilities but for
    quantities.
    """
    activation, _, _ = _HEADS[spec.task]
    return keras.layers.Dense(spec.outputs, activation=activation)


def compile_for(
    model: keras.Model, spec: DataSpec, *, optimizer: str = "adam", learning_rate: float = 0.001
) -> keras.Model:
    """Compiles the model with the loss and the metrics of the data, and returns it.

    They are the task's own, but for the `loss` of the data, and the `metrics` that it adds.

    Args:
        model: A model that ends in `output_layer(spec)`.
        spec: What the data is.
        optimizer: Keras's name of an optimiser.
        learning_rate: Its constant learning rate.

    Raises:
        SpaceError: The data asks for a loss or a metric that Keras doesn't know.
    """
    _, loss, own = _HEADS[spec.task]
    metrics = [own, *(name for name in spec.metrics if name != own)]
    chosen = keras.optimizers.get(
        {"class_name": optimizer, "config": {"learning_rate": float(learning_rate)}}
    )
    model.compile(
        optimizer=chosen,
        loss=loss if spec.loss is None else _known("loss", spec.loss, keras.losses),
        metrics=[_metric(name, spec) for name in metrics],
    )
    return model


def _metric(name: str, spec: DataSpec) -> Any:
    if name in _F1:
        if spec.task.has_quantities:
            raise SpaceError(
                f"Expected metrics of quantities for {spec.task}, got {name!r}: say "
                "'mae' or another metric of distances."
            )
        if spec.task != "multilabel":
            return SparseF1(classes=max(2, spec.outputs))
        return keras.metrics.F1Score(average="macro", threshold=0.5)
    if name == "accuracy" and spec.task == "multilabel":
        # Keras would take "accuracy" for the categorical one here; the log keeps the name.
        return keras.metrics.BinaryAccuracy(name=name)
    return name if name in ("accuracy", "acc") else _known("metric", name, keras.metrics)


def _known(what: str, name: str, module: Any) -> str:
    """Returns the name if the module of Keras gives something for it."""
    try:
        found = module.get(name)
    except ValueError:
        found = None
    if not callable(found):
        names = [each for each in dir(module) if not each.startswith("_")]
        raise SpaceError(f"Expected Keras's name of a {what}, got {name!r}." + nearest(name, names))
    return name
