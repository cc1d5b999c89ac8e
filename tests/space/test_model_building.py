from __future__ import annotations

import gc
import random

import keras
import numpy as np
import pytest
from keras import layers

from nas_nb.space.definition import WeightlessBuilder, fresh_names, undisturbed_random_state


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
