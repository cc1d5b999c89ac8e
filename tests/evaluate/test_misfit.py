from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from nas_nb.errors import MeasureError
from nas_nb.evaluate.trainer import explain_loss_error, loss_errors_explained

LABELS = np.arange(8) % 3
SHAPES = "Incompatible shapes: [32] vs. [32,3]"


def model(loss: Any, *shape: int) -> keras.Model:
    made = keras.Sequential([keras.Input((4,)), keras.layers.Dense(int(np.prod(shape)))])
    made.add(keras.layers.Reshape(shape))
    made.compile("sgd", loss)
    return made


@pytest.mark.parametrize(
    ("loss", "shape", "labels", "said", "hint"),
    [
        ("mse", (3,), LABELS, SHAPES, "for whole-number labels take 'sparse_categorical_cross"),
        ("mse", (3,), LABELS / 2, SHAPES, "give the last layer 1 unit"),
        ("mse", (2,), LABELS, "shapes=[(32,), (32, 2)]", "give the last layer 1 unit"),
        ("mse", (3,), np.eye(8, 5), "[32,3] vs. [32,5]", "give the last layer the shape of a"),
        (
            "sparse_categorical_crossentropy",
            (2, 3),
            LABELS,
            "Received: target.shape=(None,), output.shape=(None, 2, None)",
            "flatten before the last layer",
        ),
    ],
)
def test_a_misfit_names_the_loss_and_what_to_change(loss, shape, labels, said, hint):
    told = explain_loss_error(ValueError(said), model(loss, *shape), labels)
    assert told is not None
    assert told.startswith(f"The loss '{loss}' compares outputs of shape (samples, ")
    assert f": {hint}" in told


@pytest.mark.parametrize(
    "said", ["[32] vs. [32,7]", "[8,32] vs. [32,3]", "a layer's own words", ""]
)
def test_an_error_that_names_other_shapes_is_not_blamed_on_the_loss(said):
    assert explain_loss_error(ValueError(said), model("mse", 3), LABELS) is None


def test_labels_beyond_the_outputs_are_counted():
    error = ValueError("Received a label value of 2 which is outside the valid range of [0, 2).")
    losing = model("sparse_categorical_crossentropy", 2)
    assert explain_loss_error(error, losing, LABELS) == (
        "The labels go up to 2, and the model has 2 outputs: the last layer needs 3 units."
    )
    assert "begin at -1" in (explain_loss_error(error, losing, LABELS - 1) or "")


def test_the_error_is_kept_as_the_cause_and_others_pass():
    with (
        pytest.raises(MeasureError, match="'mse'") as raised,
        loss_errors_explained(model("mse", 3), LABELS),
    ):
        raise ValueError(SHAPES)
    assert str(raised.value.__cause__) == SHAPES
    with pytest.raises(KeyError), loss_errors_explained(model("mse", 3), LABELS):
        raise KeyError("other")
