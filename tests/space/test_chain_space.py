from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from nas_nb.data.dataset import DataSpec
from nas_nb.data.preprocessing import Vocabulary
from nas_nb.data.task import Task
from nas_nb.errors import SpaceError
from nas_nb.space.chain_space import ChainSpace
from nas_nb.space.ranges import log_uniform, uniform

IMAGES = DataSpec((8, 8, 1), Task.MULTICLASS, 10)
TABLE = DataSpec((30,), Task.BINARY, 1)
CHOICES = {
    "layers": ["Conv2D", "Dense"],
    "units": [4, 8, 16],
    "activations": ["relu", "tanh"],
}

EVERYTHING = {
    **CHOICES,
    "layers": ["Conv2D", "Conv1D", "Dense"],
    "kernel_sizes": [1, 3],
    "dropout": uniform(0.0, 0.5),
    "normalization": ["none", "batch", "layer"],
    "pooling": ["max", "average", "none"],
    "skip": [True, False],
    "optimizer": ["adam", "sgd"],
    "learning_rate": log_uniform(1e-4, 1e-1),
}


def layer_names(model: keras.Model) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


def test_size_counts_chains_in_which_dense_layers_come_last() -> None:
    # A chain of n layers has n + 1 kinds (how many Conv2D come first), times 6 for each layer.
    assert ChainSpace.from_dict(CHOICES).domain.size == 2 * 6 + 3 * 6**2 + 4 * 6**3
    assert sum(1 for _ in ChainSpace.from_dict(CHOICES).domain.enumerate()) == 984


def test_values_are_named_by_layer_and_end_with_the_chain() -> None:
    domain = ChainSpace.from_dict(CHOICES).domain
    point = domain.complete({"depth": 2, "layer_1": "Conv2D", "layer_2": "Dense"})
    assert list(point) == [
        "depth",
        "layer_1",
        "units_1",
        "activation_1",
        "layer_2",
        "units_2",
        "activation_2",
    ]


def test_after_a_dense_layer_the_kind_is_no_choice() -> None:
    domain = ChainSpace.from_dict(CHOICES).domain
    assert "layer_2" not in domain.complete({"depth": 3, "layer_1": "Dense"})


def test_depths_may_leave_gaps() -> None:
    domain = ChainSpace.from_dict({**CHOICES, "layers": "Dense", "depth": [4, 2]}).domain
    assert domain.size == 6**2 + 6**4
    assert "units_2" in domain.complete({"depth": 2})
    assert "units_3" not in domain.complete({"depth": 2})


def test_optimizer_and_learning_rate_are_choices_where_given() -> None:
    chain = ChainSpace.from_dict(
        {**CHOICES, "optimizer": ["adam", "sgd"], "learning_rate": [0.1, 0.01]}
    ).for_data(IMAGES)
    assert chain.domain.size == 984 * 4
    model = chain.build(chain.domain.complete({"optimizer": "sgd", "learning_rate": 0.1}))
    assert isinstance(model.optimizer, keras.optimizers.SGD)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1)


def test_convolutions_are_pooled_while_the_image_is_large_enough() -> None:
    chain = ChainSpace.from_dict({**CHOICES, "depth": [3]}).for_data(IMAGES)
    point = {f"layer_{n}": "Conv2D" for n in (1, 2, 3)}
    model = chain.build(chain.domain.complete(point))
    assert layer_names(model) == [
        *("Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Conv2D"),
        *("Flatten", "Dense"),
    ]
    assert model.layers[-3].output.shape == (None, 2, 2, 4)


def test_first_dense_layer_flattens_once() -> None:
    chain = ChainSpace.from_dict({**CHOICES, "depth": [3]}).for_data(IMAGES)
    model = chain.build(chain.domain.complete({"layer_1": "Conv2D", "layer_2": "Dense"}))
    assert layer_names(model) == [
        *("Conv2D", "MaxPooling2D", "Flatten", "Dense", "Dense", "Dense"),
    ]


def test_chosen_units_and_activations_are_built() -> None:
    chain = ChainSpace.from_dict(CHOICES).for_data(IMAGES)
    point = {"depth": 1, "layer_1": "Dense", "units_1": 16, "activation_1": "tanh"}
    hidden = chain.build(chain.domain.complete(point)).layers[1]
    assert (hidden.units, hidden.activation.__name__) == (16, "tanh")


def test_table_leaves_only_dense_layers() -> None:
    bound = ChainSpace.from_dict(CHOICES).for_data(TABLE)
    assert bound.domain.size == 6 + 6**2 + 6**3
    assert bound.domain.complete({})["layer_1"] == "Dense"


def test_convolutions_alone_on_a_table_are_refused() -> None:
    with pytest.raises(SpaceError, match=r"\(height, width, channels\) .* shape \(30,\)"):
        ChainSpace.from_dict({**CHOICES, "layers": ["Conv2D"]}).for_data(TABLE)


def test_chain_without_data_builds_nothing() -> None:
    chain = ChainSpace.from_dict(CHOICES)
    with pytest.raises(SpaceError, match=r"space\.for_data"):
        chain.build(chain.domain.complete({}))


def test_equal_dictionaries_and_data_have_one_identity() -> None:
    one, two = ChainSpace.from_dict(CHOICES), ChainSpace.from_dict(dict(CHOICES))
    assert one.identity == two.identity
    assert hash(one.identity) == hash(two.identity)
    assert one.for_data(IMAGES).identity != one.identity


@pytest.mark.parametrize(
    "spec",
    [
        IMAGES,
        TABLE,
        DataSpec((3, 5, 2), Task.MULTILABEL, 4),
        DataSpec((6, 3), Task.REGRESSION, 2),
        DataSpec((1, 1, 1), Task.MULTICLASS, 3),
        DataSpec((9, 2), Task.FORECASTING, 4),
    ],
    ids=lambda spec: str(spec.task),
)
def test_samples_build_and_predict_for_every_task(spec: DataSpec) -> None:
    chain = ChainSpace.from_dict(EVERYTHING).for_data(spec)
    rng = np.random.default_rng(0)
    batch = rng.random((3, *spec.input_shape), dtype="float32")
    for _ in range(10):
        model = chain.build(chain.domain.sample(rng))
        assert model(batch).shape == (3, spec.outputs)


def test_kernel_sizes_are_chosen_by_each_convolution_and_by_no_dense_layer() -> None:
    chain = ChainSpace.from_dict({**CHOICES, "kernel_sizes": [1, 3, 5]}).for_data(IMAGES)
    point = chain.domain.complete({"depth": 2, "layer_1": "Conv2D", "kernel_size_1": 5})
    assert "kernel_size_2" in chain.domain.complete({"depth": 2, "layer_2": "Conv2D"})
    assert "kernel_size_2" not in chain.domain.complete({"depth": 2, "layer_2": "Dense"})
    assert chain.build(point).layers[0].kernel_size == (5, 5)
    # A chain of n layers of which the first c are convolutions: 18 choices each, then 6 each.
    expected = sum(18**c * 6 ** (n - c) for n in (1, 2, 3) for c in range(n + 1))
    assert chain.domain.size == expected
    assert sum(1 for _ in chain.domain.enumerate()) == expected


def test_pooling_is_a_choice_where_there_is_something_to_pool() -> None:
    chain = ChainSpace.from_dict({**CHOICES, "pooling": ["max", "average", "none"]}).for_data(
        IMAGES
    )
    assert "pooling" not in chain.domain.complete({"layer_1": "Dense"})
    point = {"depth": 1, "layer_1": "Conv2D", "pooling": "average"}
    assert "AveragePooling2D" in layer_names(chain.build(chain.domain.complete(point)))
    point["pooling"] = "none"
    assert layer_names(chain.build(chain.domain.complete(point))) == ["Conv2D", "Flatten", "Dense"]
    assert "pooling" not in chain.for_data(TABLE).domain.names


def test_normalization_comes_before_the_activation_and_dropout_last() -> None:
    choices = {**CHOICES, "layers": "Dense", "depth": 1, "normalization": "batch", "dropout": 0.25}
    chain = ChainSpace.from_dict(choices).for_data(TABLE)
    model = chain.build(chain.domain.complete({"activation_1": "tanh"}))
    assert layer_names(model) == ["Dense", "BatchNormalization", "Activation", "Dropout", "Dense"]
    assert model.layers[0].activation.__name__ == "linear"
    assert model.layers[3].rate == 0.25


def test_skip_adds_the_input_of_a_layer_through_a_linear_one_where_widths_differ() -> None:
    chain = ChainSpace.from_dict({**CHOICES, "layers": "Dense", "skip": True}).for_data(TABLE)
    model = chain.build(chain.domain.complete({"depth": 2, "units_1": 8, "units_2": 8}))
    names = layer_names(model)
    assert (names.count("Add"), names.count("Dense")) == (2, 2 + 1 + 1)


def test_series_are_convolved_along_time() -> None:
    chain = ChainSpace.from_dict({**CHOICES, "layers": ["Conv1D", "Conv2D", "Dense"]})
    bound = chain.for_data(DataSpec((12, 2), Task.FORECASTING, 3))
    assert bound.domain.size == 984
    model = bound.build(bound.domain.complete({"depth": 1, "layer_1": "Conv1D"}))
    assert layer_names(model) == ["Conv1D", "MaxPooling1D", "Flatten", "Dense"]


def test_intervals_make_the_space_infinite_but_whole_numbers_can_be_counted() -> None:
    learning = {**CHOICES, "layers": "Dense", "depth": 1, "learning_rate": log_uniform(1e-4, 0.1)}
    assert ChainSpace.from_dict(learning).domain.size == math.inf
    widths = {**CHOICES, "layers": "Dense", "depth": 1, "units": uniform(16, 128)}
    chain = ChainSpace.from_dict(widths).for_data(TABLE)
    assert chain.domain.size == 113 * 2
    assert chain.build(chain.domain.complete({"units_1": 77})).layers[0].units == 77


def test_token_ids_of_texts_are_refused() -> None:
    spec = DataSpec((7,), Task.BINARY, 1, raw=Vocabulary(("a",), 7))
    with pytest.raises(SpaceError, match=r"nas\.spaces\.text"):
        ChainSpace.from_dict(CHOICES).for_data(spec)
