from __future__ import annotations

import numpy as np
import pytest

from nas_nb.data import datasets
from nas_nb.data.preprocessing import Table
from nas_nb.data.task import Task


def test_shapes_are_coloured_images_of_ten_kinds() -> None:
    data = datasets.shapes(rows=100)
    assert (data.spec.input_shape, data.spec.outputs) == ((32, 32, 3), 10)
    assert (data.x_train.min() >= 0, data.x_train.max() <= 1) == (True, True)
    assert (datasets.shapes(rows=100).x_test == data.x_test).all()


def test_waves_are_series_to_classify() -> None:
    data = datasets.waves()
    assert (data.spec.input_shape, data.task) == ((64, 1), Task.MULTICLASS)


def test_seasons_are_to_be_forecast() -> None:
    data = datasets.seasons()
    assert (data.spec.input_shape, data.spec.outputs) == ((24, 1), 6)
    assert data.y_train.mean() == pytest.approx(110, abs=10)


def test_shoppers_have_categories_and_something_to_learn() -> None:
    data = datasets.shoppers()
    assert isinstance(data.raw, Table)
    assert data.spec.input_shape == (4 + 4 + 5,)
    least_squares = np.linalg.lstsq(
        np.c_[data.x_train, np.ones(len(data.x_train))], data.y_train - 0.5, rcond=None
    )[0]
    predicted = np.c_[data.x_val, np.ones(len(data.x_val))] @ least_squares > 0
    assert (predicted == data.y_val).mean() > 0.7
