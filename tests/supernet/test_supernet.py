from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import pytest

from nas_nb.data.dataset import Data
from nas_nb.errors import MeasureError
from nas_nb.space.ranges import uniform
from nas_nb.space.search_space import SearchSpace
from nas_nb.spaces.macro_space import macro
from nas_nb.spaces.nasbench201 import nasbench201_cell
from nas_nb.supernet.supernet import Supernet
from tests.supernet.extraction import inherited_model
from tests.supernet.made import stripes

pytestmark = pytest.mark.tensorflow

DATA = stripes()
CHAINS: dict[str, Any] = {
    "layers": ["Conv2D", "Dense"],
    "units": [3, 5],
    "activations": ["relu", "tanh"],
    "kernel_sizes": [2, 3],
    "depth": [1, 2],
    "normalization": ["none", "batch", "layer"],
    "dropout": [0.0, 0.2],
    "skip": [False, True],
    "learning_rate": [0.01, 0.001],
}


@pytest.fixture(scope="module")
def chains() -> Supernet:
    supernet = Supernet(SearchSpace.from_dict(CHAINS), DATA, seed=3)
    supernet.train(epochs=2, batch_size=16)
    return supernet


@pytest.fixture(scope="module")
def cells() -> Supernet:
    supernet = Supernet(nasbench201_cell(width=3, stages=2, nodes=3), DATA)
    supernet.train(epochs=2, batch_size=24, fair=True)
    return supernet


def as_built(supernet: Supernet, values: Mapping[str, Any]) -> tuple[float, float]:
    """The loss by the supernet, and that of the model that was built of it."""
    architecture = supernet.space.architecture(values)
    model = inherited_model(supernet, architecture)
    outputs = keras.ops.convert_to_tensor(model(DATA.x_val))
    loss = float(model.compute_loss(y=DATA.y_val, y_pred=outputs))
    return supernet.evaluate(architecture)["val_loss"], loss


def test_any_chain_can_be_built_with_the_weights_that_it_was_scored_with(chains: Supernet) -> None:
    rng = np.random.default_rng(5)
    for _ in range(7):
        values = chains.space.domain.sample(rng)
        shared, built = as_built(chains, values)
        assert shared == pytest.approx(built, abs=1e-5), values


def test_any_cell_can_be_built_with_the_weights_that_it_was_scored_with(cells: Supernet) -> None:
    rng = np.random.default_rng(5)
    for _ in range(2):
        values = cells.space.domain.sample(rng)
        shared, built = as_built(cells, values)
        assert shared == pytest.approx(built, abs=1e-5), values


def test_all_paths_share_one_trace(chains: Supernet) -> None:
    rng = np.random.default_rng(1)
    for _ in range(2):
        chains.evaluate(chains.space.sample(rng))
    traces = [chains.program._train, chains.program._measure]
    assert [f.experimental_get_tracing_count() for f in traces] == [1, 1]


def test_the_same_seed_trains_the_same_weights() -> None:
    def trained() -> Any:
        space = SearchSpace.from_dict({"layers": ["Dense"], "units": [2, 4], "activations": "relu"})
        supernet = Supernet(space, DATA, seed=1)
        supernet.train(epochs=1, batch_size=24)
        return supernet.weights.flat.numpy()

    np.testing.assert_array_equal(trained(), trained())


class Stops:
    """A control that ends the training at a checkpoint."""

    def __init__(self, after: int) -> None:
        self.left = after

    def checkpoint(self) -> bool:
        self.left -= 1
        return self.left < 0


def test_training_ends_when_the_control_says_so(chains: Supernet) -> None:
    before, epochs = chains.epochs, []
    result = chains.train(
        epochs=50,
        batch_size=16,
        control=Stops(1),
        on_epoch=lambda epoch, logs, duration_s: epochs.append((epoch, sorted(logs))),
    )
    assert result.stopped
    assert epochs == [(epoch, ["loss"]) for epoch in range(before + 1, chains.epochs + 1)]
    assert len(epochs) <= 1


def test_an_operation_that_sees_nothing_is_ranked_last() -> None:
    """Of cells of one edge, `none` cuts the input off and a convolution reads the stripes."""
    operations = ["none", "skip_connect", "nor_conv_3x3"]
    space = nasbench201_cell(width=6, stages=1, nodes=2, operations=operations)
    supernet = Supernet(space, DATA, learning_rate=0.01)
    supernet.train(epochs=12, batch_size=12)
    scores = {
        name: supernet.score(supernet.space.architecture({"edge_0_1": name}), "val_loss")
        for name in operations
    }
    assert max(scores, key=scores.__getitem__) == "none"
    assert scores["nor_conv_3x3"] < scores["none"] - 0.1


def test_only_the_path_of_a_batch_is_trained() -> None:
    whole = SearchSpace.from_dict(
        {"layers": ["Dense"], "units": [2, 4], "activations": ["relu"], "depth": [1, 2]}
    )
    supernet = Supernet(whole, DATA)
    before = {name: supernet.weights[name].numpy().copy() for name in NAMES}
    path = supernet.net.choices.encode({"depth": 1, "units_1": 2, "activation_1": "relu"})
    train_along(supernet, path)
    after = {name: supernet.weights[name].numpy().copy() for name in NAMES}
    entry = before["layer_1.entry.kernel"] != after["layer_1.entry.kernel"]
    assert entry[:, :2].any()
    assert not entry[:, 2:].any()
    np.testing.assert_array_equal(before["layer_2.dense.kernel"], after["layer_2.dense.kernel"])


NAMES = ("layer_1.entry.kernel", "layer_2.dense.kernel")


def train_along(supernet: Supernet, path: Any) -> None:
    """Trains on a few batches along one path."""
    import tensorflow as tf

    supernet.program.train(
        tf.constant(DATA.x_train),
        tf.constant(DATA.y_train),
        np.repeat(path[None, None], 3, axis=0),
        key=tf.constant([0, 0], tf.int64),
        start=tf.constant(0),
        size=tf.constant(16),
        deadline=tf.constant(1e12, tf.float64),
    )


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_other_tasks_and_series_are_trained_and_measured_too(task: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 6, 2)).astype("float32")
    sums = np.stack([x[:, :, 0].sum(1), x[:, :, 1].sum(1)], axis=1)
    y = sums if task == "regression" else (sums > 0).astype("float32")
    data = Data.from_arrays(x, y)
    space = {"layers": ["Conv1D", "Dense"], "units": uniform(2, 400), "activations": ["relu"],
             "depth": [2], "dropout": uniform(0.0, 0.2)}  # fmt: skip
    supernet = Supernet(SearchSpace.from_dict(space), data, learning_rate=0.02)
    losses: list[float] = []
    supernet.train(epochs=4, batch_size=12, on_epoch=lambda e, logs, s: losses.append(logs["loss"]))
    assert losses[-1] < losses[0]
    architecture = supernet.space.architecture(
        {"depth": 2, "dropout": 0.1, "layer_1": "Conv1D", "units_1": 3, "activation_1": "relu",
         "layer_2": "Dense", "units_2": 2, "activation_2": "relu"}
    )  # fmt: skip
    model = inherited_model(supernet, architecture)
    loss = float(model.compute_loss(y=data.y_val, y_pred=model(data.x_val)))
    assert supernet.evaluate(architecture)["val_loss"] == pytest.approx(loss, abs=1e-5)
    name = "val_loss" if task == "regression" else "val_accuracy"
    assert supernet.score(architecture) == supernet.evaluate(architecture)[name]


def test_scores_of_other_measures_are_asked_for_by_name(chains: Supernet) -> None:
    one = chains.space.sample(np.random.default_rng(0))
    measured = chains.evaluate(one)
    assert set(measured) == {"val_loss", "val_accuracy"}
    assert chains.score(one) == measured["val_accuracy"]
    with pytest.raises(MeasureError, match="val_accuracy"):
        chains.score(one, "val_f1")


def test_spaces_that_cannot_share_weights_are_refused_with_advice() -> None:
    with pytest.raises(MeasureError, match="space of chains"):
        Supernet(macro(), DATA)
    mixed = SearchSpace.from_dict({**CHAINS, "pooling": ["none", "max"]})
    with pytest.raises(MeasureError, match="pin="):
        Supernet(mixed, DATA)
    pinned = mixed.for_data(DATA.spec).subspace(pin={"pooling": "none"})
    assert Supernet(pinned, DATA).net is not None
