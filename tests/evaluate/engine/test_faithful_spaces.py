"""Candidates of every ready space train in the engine as they train in `fit`."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.evaluate.engine.paths import ROWS, assert_same
from tests.space.test_all import SPACES

# A bias before batch normalization has no gradient but rounding, and Adam takes a full step in the
# direction of whatever it gets. An epsilon above the rounding leaves it where it is; everything
# else is compared with the optimizer that the space compiled.
ABOVE_ROUNDING = 1e-3


@pytest.mark.parametrize("name", SPACES)
def test_twenty_steps_agree_with_fit(name: str) -> None:
    case = SPACES[name]
    space = case.make().for_data(case.spec)
    rng = np.random.default_rng(0)
    if case.spec.raw is None:
        x = rng.random((ROWS, *case.spec.input_shape), dtype="float32")
    else:
        x = rng.integers(0, 3, (ROWS, *case.spec.input_shape))  # words come again and again
    y = rng.integers(0, case.spec.outputs, ROWS)
    values = space.sample(rng).values

    def build() -> keras.Model:
        model = space.build_values(values)
        model.optimizer.epsilon = ABOVE_ROUNDING if biased_before_norm(model) else 1e-7
        return model

    assert_same(build, x, y)


def biased_before_norm(model: keras.Model) -> bool:
    return any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)
