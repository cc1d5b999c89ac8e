"""A candidate of every ready space trains in the engine as it trains in `fit`."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

from nas_nb import spaces
from nas_nb.data.dataset import DataSpec
from nas_nb.space.search_space import SearchSpace
from tests.evaluate.compiled.paths import ROWS, assert_same
from tests.spaces.test_all import DIGITS, WINDOWS, WORDS
from tests.spaces.test_all import ROWS as TABLE

pytestmark = pytest.mark.tensorflow

DARTS = ("dil_conv_3x3", "avg_pool_3x3", "skip_connect")

# The smallest candidates, of families that are quick to trace.
SMALL: dict[str, tuple[Callable[[], SearchSpace], DataSpec]] = {
    "nasbench201_cell": (lambda: spaces.nasbench201_cell(width=2, stages=1, nodes=2), DIGITS),
    "darts_cell": (lambda: spaces.darts_cell(nodes=1, layers=1, width=2, operations=DARTS), DIGITS),
    "image": (lambda: spaces.image(stages=1, blocks=1, widths=8), DIGITS),
    "macro": (lambda: spaces.macro(layers=1, width=2, stages=1), DIGITS),
    "nasbench101_cell": (lambda: spaces.nasbench101_cell(nodes=3, width=4, stages=1), DIGITS),
    "tabular": (lambda: spaces.tabular(families=["residual"], depths=1, widths=16), TABLE),
    "text": (lambda: spaces.text(families=["embedding"], embeddings=16, widths=16), WORDS),
    "timeseries": (lambda: spaces.timeseries(depths=1, widths=8), WINDOWS),
}

# A shift that a batch normalization takes away again has no gradient but rounding, and Adam takes
# a full step wherever the rounding points: a bias of `tabular`, whose residual family normalises
# sums of dense layers, and a normalization's beta of `cell`. With an epsilon above the rounding it
# stays where it is, and all weights agree; the other spaces are compared as they compile.
ABOVE_ROUNDING = 1e-3
SHIFTS_WITHOUT_GRADIENT = ("nasbench201_cell", "tabular")


def test_all_ready_spaces_are_compared() -> None:
    assert set(SMALL) == set(spaces.__all__)


@pytest.mark.parametrize("name", SMALL)
def test_twenty_steps_agree_with_fit(name: str) -> None:
    make, spec = SMALL[name]
    space = make().for_data(spec)
    rng = np.random.default_rng(0)
    x = rng.random((ROWS, *spec.input_shape), dtype="float32")
    if spec.raw is not None:
        x = rng.integers(0, 3, x.shape)  # words come again and again
    y = rng.integers(0, spec.outputs, ROWS)
    values = space.sample(rng).values

    def build() -> keras.Model:
        model = space.build_values(values)
        if name in SHIFTS_WITHOUT_GRADIENT:
            model.optimizer.epsilon = ABOVE_ROUNDING
        return model

    assert_same(build, x, y)
