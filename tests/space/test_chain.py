from __future__ import annotations

import keras
import numpy as np
import pytest

from nas_nb.data import DataSpec, Task
from nas_nb.errors import SpaceError
from nas_nb.space.chain import Chain

IMAGES = DataSpec((8, 8, 1), Task.MULTICLASS, 10)
TABLE = DataSpec((30,), Task.BINARY, 1)
CHOICES = {
    "layers": ["Conv2D", "Dense"],
    "units": [4, 8, 16],
    "activations": ["relu", "tanh"],
}


def layer_names(model: keras.Model) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


def test_size_counts_chains_in_which_dense_layers_come_last() -> None:
    # A chain of n layers has n + 1 kinds (how many Conv2D come first), times 6 for each layer.
    assert Chain.from_dict(CHOICES).domain.size == 2 * 6 + 3 * 6**2 + 4 * 6**3
    assert sum(1 for _ in Chain.from_dict(CHOICES).domain.enumerate()) == 984


def test_values_are_named_by_layer_and_end_with_the_chain() -> None:
    domain = Chain.from_dict(CHOICES).domain
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
    domain = Chain.from_dict(CHOICES).domain
    assert "layer_2" not in domain.complete({"depth": 3, "layer_1": "Dense"})


def test_depths_may_leave_gaps() -> None:
    domain = Chain.from_dict({**CHOICES, "layers": "Dense", "depth": [4, 2]}).domain
    assert domain.size == 6**2 + 6**4
    assert "units_2" in domain.complete({"depth": 2})
    assert "units_3" not in domain.complete({"depth": 2})


def test_optimizer_and_learning_rate_are_choices_where_given() -> None:
    chain = Chain.from_dict(
        {**CHOICES, "optimizer": ["adam", "sgd"], "learning_rate": [0.1, 0.01]}
    ).for_data(IMAGES)
    assert chain.domain.size == 984 * 4
    model = chain.build(chain.domain.complete({"optimizer": "sgd", "learning_rate": 0.1}))
    assert isinstance(model.optimizer, keras.optimizers.SGD)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1)


def test_convolutions_are_pooled_while_the_image_is_large_enough() -> None:
    chain = Chain.from_dict({**CHOICES, "depth": [3]}).for_data(IMAGES)
    point = {f"layer_{n}": "Conv2D" for n in (1, 2, 3)}
    model = chain.build(chain.domain.complete(point))
    assert layer_names(model) == [
        *("Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Conv2D"),
        *("Flatten", "Dense"),
    ]
    assert model.layers[-3].output.shape == (None, 2, 2, 4)


def test_first_dense_layer_flattens_once() -> None:
    chain = Chain.from_dict({**CHOICES, "depth": [3]}).for_data(IMAGES)
    model = chain.build(chain.domain.complete({"layer_1": "Conv2D", "layer_2": "Dense"}))
    assert layer_names(model) == [
        *("Conv2D", "MaxPooling2D", "Flatten", "Dense", "Dense", "Dense"),
    ]


def test_chosen_units_and_activations_are_built() -> None:
    chain = Chain.from_dict(CHOICES).for_data(IMAGES)
    point = {"depth": 1, "layer_1": "Dense", "units_1": 16, "activation_1": "tanh"}
    hidden = chain.build(chain.domain.complete(point)).layers[1]
    assert (hidden.units, hidden.activation.__name__) == (16, "tanh")


def test_table_leaves_only_dense_layers() -> None:
    bound = Chain.from_dict(CHOICES).for_data(TABLE)
    assert bound.domain.size == 6 + 6**2 + 6**3
    assert bound.domain.complete({})["layer_1"] == "Dense"


def test_convolutions_alone_on_a_table_are_refused() -> None:
    with pytest.raises(SpaceError, match=r"\(height, width, channels\) .* shape \(30,\)"):
        Chain.from_dict({**CHOICES, "layers": ["Conv2D"]}).for_data(TABLE)


def test_chain_without_data_builds_nothing() -> None:
    chain = Chain.from_dict(CHOICES)
    with pytest.raises(SpaceError, match=r"space\.for_data"):
        chain.build(chain.domain.complete({}))


def test_equal_dictionaries_and_data_have_one_identity() -> None:
    one, two = Chain.from_dict(CHOICES), Chain.from_dict(dict(CHOICES))
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
    ],
    ids=lambda spec: str(spec.task),
)
def test_samples_build_and_predict_for_every_task(spec: DataSpec) -> None:
    chain = Chain.from_dict(CHOICES).for_data(spec)
    rng = np.random.default_rng(0)
    batch = rng.random((3, *spec.input_shape), dtype="float32")
    for _ in range(10):
        model = chain.build(chain.domain.sample(rng))
        assert model(batch).shape == (3, spec.outputs)
