from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import nas_nb as nas
from nas_nb.errors import SpaceError
from tests.spaces.ready import datasets

pytestmark = pytest.mark.tensorflow


def trained(name: str, data: nas.Data) -> keras.Model:
    space = getattr(nas.spaces, name)().for_data(data.spec)
    return space.sample(np.random.default_rng(0)).build()


def test_texts_go_in_as_they_are(tmp_path) -> None:
    data = datasets.texts()
    model = trained("text", data)
    texts = ["Good, GOOD film!", "what a bad plot", ""]
    expected = model(data.raw.tokens(texts))
    assert np.isfinite(expected).all()
    raw = nas.with_raw_input(model, data)
    np.testing.assert_allclose(raw(tf.constant(texts)[:, None]), expected, rtol=1e-5)
    raw.save(tmp_path / "raw.keras")
    again = keras.saving.load_model(tmp_path / "raw.keras")
    np.testing.assert_allclose(again(tf.constant(texts)[:, None]), expected, rtol=1e-5)


def test_columns_go_in_by_name_and_new_categories_are_other() -> None:
    data = datasets.table()
    model = trained("tabular", data)
    ages, towns = np.array([30.0, 60.0, 45.0]), np.array(["Oslo", "Rome", "Paris"])
    expected = model(data.raw.numbers({"age": ages, "home town": towns}))
    raw = nas.with_raw_input(model, data.spec)
    columns = {
        "age": tf.constant(ages[:, None], "float32"),
        "home town": tf.constant(towns[:, None]),
    }
    np.testing.assert_allclose(raw(columns), expected, rtol=1e-5)


def test_numbers_need_nothing_in_front() -> None:
    data = datasets.images()
    model = trained("image", data)
    assert nas.with_raw_input(model, data) is model


def test_a_model_for_other_data_is_refused() -> None:
    with pytest.raises(SpaceError, match="the data that it was trained on"):
        nas.with_raw_input(trained("image", datasets.images()), datasets.table())
