"""Candidates that Keras takes and training does not, or that nobody can write down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import pytest
from keras import layers

from nas_nb.evaluate.backend import on_tensorflow
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
    assert rows["reason"][0] == (
        "The loss 'categorical_crossentropy' compares outputs of shape (samples, 2) with labels of "
        "shape (samples,): for whole-number labels take 'sparse_categorical_crossentropy'."
    )
    assert "no_such_loss" in rows["reason"][1]
    assert all("\n" not in reason for reason in rows["reason"][:2])


@pytest.mark.tensorflow
def test_a_layer_that_can_not_be_serialised_is_trained_and_the_row_says_how(tmp_path: Path):
    def build(hp: Any) -> keras.Model:
        hidden = [Scaled(hp.Choice("factor", [1.0, 2.0]))]
        return compiled(hidden, "sparse_categorical_crossentropy")

    rows = searched(tmp_path, build, "factor", [1.0, 2.0])
    assert list(rows["status"]) == ["completed", "completed"]
    assert all("traced for this trial alone" in note and "Scaled" in note for note in rows["note"])


class Overridden(keras.Sequential):
    """A model that `model.fit` trains."""

    def train_step(self, *given: Any) -> Any:  # Keras on JAX gives it more
        return super().train_step(*given)


def several() -> keras.Model:
    first = ExceptionGroup("inner", [ValueError("the first of two"), KeyError("b")])
    raise ExceptionGroup("outer", [first, KeyError("c")])


class Exits(layers.Layer):
    def call(self, x: Any) -> Any:
        raise SystemExit("no licence")


class Uneven(layers.Layer):
    def call(self, x: Any) -> Any:
        raise TypeError("sizes must be even\nsecond line")


class Huge(layers.Layer):
    def build(self, shape: Any) -> None:
        raise MemoryError("Unable to allocate 64. TiB")


def own_loss(y: Any, outputs: Any) -> Any:
    return keras.ops.mean(keras.ops.square(y - outputs))


def small(loss: Any, *hidden: Any, units: int = 3, kind: Any = keras.Sequential) -> keras.Model:
    model = kind([keras.Input((4,)), *hidden, layers.Dense(units, "softmax")])
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def reasons_of(folder: Path, *wrong: Callable[[], Any]) -> list[str | None]:
    """The reasons of a search whose first candidates are wrong, and whose last is not."""

    def build(hp: Any) -> Any:
        number = hp.Choice("number", list(range(len(wrong), -1, -1)), default=len(wrong))
        return [*wrong, lambda: small("sparse_categorical_crossentropy")][number]()

    rows = searched(folder, build, "number", list(range(len(wrong) + 1)))
    assert list(rows["status"]) == ["failed"] * len(wrong) + ["completed"]
    return list(rows["reason"])[:-1]


NO_FIT = (
    "The loss '{}' compares outputs of shape (samples, 3) with labels of shape (samples,): for "
    "whole-number labels take 'sparse_categorical_crossentropy'."
)


@pytest.mark.parametrize("kind", [keras.Sequential, Overridden])
def test_a_loss_that_does_not_fit_is_told_by_name_and_shapes_on_either_path(
    tmp_path: Path, kind: Any
):
    told = reasons_of(
        tmp_path,
        lambda: small("mse", kind=kind),
        lambda: small("categorical_crossentropy", kind=kind),
        lambda: small(own_loss, kind=kind),
    )
    names = ("mse", "categorical_crossentropy", "own_loss")
    assert told == [NO_FIT.format(name) for name in names]


@pytest.mark.skipif(not on_tensorflow(), reason="JAX takes labels beyond the outputs")
def test_too_few_outputs_are_told_by_the_labels(tmp_path: Path):
    loss = "sparse_categorical_crossentropy"
    told = reasons_of(
        tmp_path, lambda: small(loss, units=1), lambda: small(loss, units=1, kind=Overridden)
    )
    assert (
        told
        == ["The labels go up to 1, and the model has 1 output: the last layer needs 2 units."] * 2
    )


def test_what_goes_wrong_in_a_layer_is_told_in_its_own_words(tmp_path: Path):
    def outgrown() -> Any:
        return small("mse", layers.Reshape((2, 2, 1)), layers.Conv2D(2, 3), layers.Flatten())

    told = reasons_of(
        tmp_path,
        lambda: small("mse", Uneven()),
        lambda: small("mse", layers.Conv2D(2, 3)),
        outgrown,
        lambda: small("mse", layers.Reshape((3,))),
        lambda: small("mse", Huge()),
        lambda: None,
    )
    assert told == [
        "TypeError in Uneven.call(): sizes must be even",
        "Layer 'conv2d' expects 4 dimensions or more, and got an input of shape (None, 4): change "
        "the layer before it, or the shape in keras.Input.",
        "An input of shape (None, 2, 2, 1) is too small for the kernel of (3, 3, 1, 2): take a "
        "smaller one, padding='same' or fewer layers.",
        "ValueError in Reshape.call(): The total size of the tensor must be unchanged. Received: "
        "input_shape=(4,), target_shape=(3,)",
        "Out of memory: take smaller layers or a smaller batch.",
        "Expected build to return a compiled keras.Model. Received: NoneType. End it with "
        "`return model`.",
    ]


def test_a_layer_that_exits_is_a_row_and_an_interrupt_still_stops(tmp_path: Path):
    loss = "sparse_categorical_crossentropy"
    (told,) = reasons_of(tmp_path / "exits", lambda: small(loss, Exits()))
    assert told == "SystemExit: no licence"
    (told,) = reasons_of(tmp_path / "several", several)
    assert told == "ValueError: the first of two"

    armed: list[str] = []

    def interrupted(hp: Any) -> keras.Model:
        if hp.Choice("number", [0, 1]) and armed:
            raise KeyboardInterrupt
        return small(loss)

    search = tiny_search(
        tmp_path / "stops",
        space=SearchSpace(interrupted),
        strategy=lambda history, rng: {"number": len(history)},
        epochs=1,
    )
    armed.append("now")
    search.run()
    assert (search.state, list(search.trials["status"])[:1]) == ("stopped", ["completed"])
