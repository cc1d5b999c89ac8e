from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nas_nb as nas
from tests.space.ready import datasets


def best_of(space: nas.SearchSpace, data: nas.Data, directory: Path) -> Any:
    search = nas.Search(space, data, strategy="random", max_trials=1, epochs=1, directory=directory)
    return search.run().best


def from_code(best: Any) -> Any:
    """The model of the plain source, with the trained one's weights."""
    made: dict[str, Any] = {}
    exec(best.code(raw=True), made)
    model = made["build_model"]()
    model.set_weights(best.model(raw=True).get_weights())
    return model


@pytest.mark.tensorflow
def test_model_of_texts_takes_texts(tmp_path: Path) -> None:
    data = datasets.texts()
    space = nas.spaces.text(families="embedding", embeddings=4, widths=4)
    best = best_of(space, data, tmp_path)
    texts = np.array(["Good, GOOD film!", "what a bad plot", ""], dtype=object)
    expected = best.model().predict(data.raw.tokens(texts), verbose=0)
    for model in (best.model(raw=True), from_code(best)):
        np.testing.assert_allclose(model.predict(texts, verbose=0), expected, rtol=1e-5)


@pytest.mark.tensorflow
def test_model_of_a_table_takes_its_columns(tmp_path: Path) -> None:
    data = datasets.table()
    space = nas.spaces.tabular(families="mlp", depths=1, widths=4)
    best = best_of(space, data, tmp_path)
    frame = pd.DataFrame({"home town": ["Oslo", "Rome", "Paris"], "age": [30.0, 60.0, 45.0]})
    columns = {name: frame[name].to_numpy() for name in frame}
    expected = best.model().predict(data.raw.numbers(columns), verbose=0)
    for model in (best.model(raw=True), from_code(best)):
        np.testing.assert_allclose(model.predict(columns, verbose=0), expected, rtol=1e-5)


@pytest.mark.parametrize("augmentation", ["none", "flip"])
def test_model_of_images_takes_bytes(tmp_path: Path, augmentation: str) -> None:
    data = datasets.images()
    space = nas.spaces.image(
        families="vgg", stages=1, blocks=1, widths=4, augmentations=augmentation
    )
    best = best_of(space, data, tmp_path)
    pixels = np.random.default_rng(1).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    expected = best.model().predict(pixels.astype("float32"), verbose=0)
    np.testing.assert_allclose(best.model(raw=True).predict(pixels, verbose=0), expected, rtol=1e-4)


@pytest.mark.parametrize("name", ["diabetes", "wine"])
def test_model_of_a_standardised_table_takes_its_numbers_and_predicts_in_its_units(
    tmp_path: Path, name: str
) -> None:
    data, own = nas.load(name), nas.load(name, scaled=False)
    space = nas.SearchSpace.from_dict({"layers": ["Dense"], "units": [4], "activations": ["relu"]})
    best = best_of(space, data, tmp_path)
    expected = data.raw.quantities(best.model().predict(data.x_test, verbose=0))
    np.testing.assert_allclose(data.raw.numbers(own.x_test), data.x_test, rtol=1e-4, atol=1e-4)
    for model in (best.model(raw=True), from_code(best)):
        predicted = model.predict(own.x_test, verbose=0)
        np.testing.assert_allclose(predicted, expected, rtol=1e-3, atol=1e-3)
    if name == "diabetes":
        assert own.y_train.min() < predicted.mean() < own.y_train.max()
