"""Candidates that Keras takes and training does not, or that nobody can write down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
from keras import layers

from nas_nb.space.search_space import SearchSpace
from tests.search.tiny import tiny_search


class Scaled(layers.Layer):
    """A layer of a notebook: it has an argument, and no `get_config`."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def call(self, x: Any) -> Any:
        return x * self.factor


def compiled(hidden: list[Any], loss: str) -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), *hidden, layers.Dense(2, "softmax")])
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def searched(
    folder: Path, build: Callable[[Any], keras.Model], name: str, values: list[Any]
) -> Any:
    """Returns the rows of a search over the values, in their order."""

    def propose(history: Any, rng: Any) -> Mapping[str, Any]:
        return {name: values[len(history)]}

    limits = {"max_trials": len(values), "epochs": 1}
    return tiny_search(folder, space=SearchSpace(build), strategy=propose, **limits).run().trials


def test_a_loss_that_does_not_fit_the_labels_is_a_row_and_the_search_goes_on(tmp_path: Path):
    losses = ["categorical_crossentropy", "no_such_loss", "sparse_categorical_crossentropy"]

    def build(hp: Any) -> keras.Model:
        return compiled([], hp.Choice("loss", losses[::-1]))

    rows = searched(tmp_path, build, "loss", losses)
    assert list(rows["status"]) == ["failed", "failed", "completed"]
    assert "`target` and `output`" in rows["reason"][0]
    assert "no_such_loss" in rows["reason"][1]
    assert all("\n" not in reason for reason in rows["reason"][:2])


def test_a_layer_that_can_not_be_serialised_is_trained_and_the_row_says_how(tmp_path: Path):
    def build(hp: Any) -> keras.Model:
        hidden = [Scaled(hp.Choice("factor", [1.0, 2.0]))]
        return compiled(hidden, "sparse_categorical_crossentropy")

    rows = searched(tmp_path, build, "factor", [1.0, 2.0])
    assert list(rows["status"]) == ["completed", "completed"]
    assert all("traced for this trial alone" in note and "Scaled" in note for note in rows["note"])
