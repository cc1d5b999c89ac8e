from __future__ import annotations

import random
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest

from nas_nb.data.dataset import DataSpec
from nas_nb.data.task import Task
from nas_nb.errors import SpaceError
from nas_nb.space.hypermodel import HyperModelSpace, discover
from nas_nb.space.search_space import SearchSpace


def guide(hp: kt.HyperParameters) -> keras.Model:
    """The kind of function that KerasTuner's guide shows."""
    model = keras.Sequential([keras.Input((4,))])
    for number in range(hp.Int("num_layers", 1, 2)):
        units = hp.Int(f"units_{number}", 80, 96, step=8)
        model.add(keras.layers.Dense(units, activation=hp.Choice("activation", ["relu", "tanh"])))
    if hp.Boolean("dropout"):
        model.add(keras.layers.Dropout(0.25))
    model.add(keras.layers.Dense(1))
    model.compile(keras.optimizers.Adam(hp.Float("lr", 1e-4, 1e-2, sampling="log")), "mse")
    return model


def test_guide_style_function_is_understood() -> None:
    domain = discover(guide)
    assert domain.names == ("num_layers", "units_0", "activation", "units_1", "dropout", "lr")
    second = next(p for p in domain.parameters if p.name == "units_1")
    assert [(c.parent, c.values) for c in second.conditions] == [("num_layers", (2,))]


def test_point_is_built_with_its_values() -> None:
    space = HyperModelSpace(guide)
    point = space.domain.complete({"num_layers": 2, "units_0": 88, "units_1": 96, "lr": 0.01})
    model = space.build(point)
    assert [layer.units for layer in model.layers] == [88, 96, 1]
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    assert model(np.ones((2, 4), "float32")).shape == (2, 1)


def test_hypermodel_is_taken_with_what_it_declares() -> None:
    class Model(kt.HyperModel):
        def declare_hyperparameters(self, hp: kt.HyperParameters) -> None:
            hp.Choice("units", [80, 96])

        def build(self, hp: kt.HyperParameters) -> keras.Model:
            return keras.Sequential([keras.Input((4,)), keras.layers.Dense(hp.get("units"))])

    model = Model()
    space = HyperModelSpace(model)
    assert space.domain.size == 2
    assert space.hypermodel is model
    assert space.build({"units": 96}).output_shape == (None, 96)


def test_random_state_and_session_are_left_alone() -> None:
    keras.utils.set_random_seed(1)
    model = guide(kt.HyperParameters())
    before = random.getstate()
    discover(guide)
    assert random.getstate() == before
    assert model.predict(np.ones((1, 4)), verbose=0).shape == (1, 1)


def test_layer_of_the_users_own_is_usable_afterwards() -> None:
    encoder = keras.layers.Dense(3)

    def build(hp: kt.HyperParameters) -> keras.Model:
        model = keras.Sequential([keras.Input((4,)), encoder, keras.layers.Dense(1)])
        model.compile(hp.Choice("optimizer", ["adam", "sgd"]), "mse")
        return model

    space = HyperModelSpace(build)
    model = space.build({"optimizer": "sgd"})
    before = encoder.get_weights()[0].copy()
    model.fit(np.ones((8, 4)), np.ones(8), verbose=0)
    assert not np.array_equal(encoder.get_weights()[0], before)


def test_function_that_needs_weights_is_built_with_them() -> None:
    def build(hp: kt.HyperParameters) -> keras.Model:
        scale = keras.layers.Normalization()
        scale.adapt(np.random.default_rng(0).random((10, 4)))
        units = hp.Choice("units", [80, 96])
        model = keras.Sequential([keras.Input((4,)), scale, keras.layers.Dense(units)])
        assert np.isfinite(model.predict(np.ones((1, 4)), verbose=0)).all()
        return model

    assert discover(build).size == 2


def test_failing_function_is_told_with_its_reason() -> None:
    def build(hp: kt.HyperParameters) -> keras.Model:
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(hp.Choice("units", [-1]))])

    with pytest.raises(
        SpaceError, match="build to build a model from its default values"
    ) as caught:
        discover(build)
    assert isinstance(caught.value.__cause__, ValueError)


def test_forgotten_return_is_told() -> None:
    def build(hp: kt.HyperParameters) -> None:
        hp.Choice("units", [80, 96])

    with pytest.raises(SpaceError, match=r"Received: NoneType\. End it with `return model`"):
        discover(build)


def test_function_without_hyperparameters_is_told() -> None:
    with pytest.raises(
        SpaceError, match=r"to ask for hyperparameters\. Received: a build without any"
    ):
        discover(lambda hp: keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]))


def model_of(units: int) -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units)])
    model.compile("adam", "mse")
    return model


def test_empty_choice_is_told_by_its_name() -> None:
    with pytest.raises(SpaceError, match=r"hp\.Choice\('units', \.\.\.\) .*at least one value"):
        discover(lambda hp: model_of(hp.Choice("units", [])))


def test_name_that_is_asked_for_twice_with_different_ranges_is_told() -> None:
    def build(hp: kt.HyperParameters) -> keras.Model:
        return model_of(hp.Int("units", 1, 3) + hp.Int("units", 1, 9))

    with pytest.raises(SpaceError, match=r"'units' .* 1 to 3 and int 1 to 9: give one"):
        discover(build)
    assert discover(lambda hp: model_of(hp.Int("u", 1, 3) + hp.Int("u", 1, 3))).size == 3


def test_ranges_that_differ_in_a_branch_are_told_too() -> None:
    def build(hp: kt.HyperParameters) -> keras.Model:
        wide = hp.Boolean("wide")
        return model_of(hp.Int("units", 1, 3) + (hp.Int("units", 1, 9) if wide else 0))

    with pytest.raises(SpaceError, match="give one of them another name"):
        discover(build)


def test_scope_on_an_unknown_parent_is_told() -> None:
    def build(hp: kt.HyperParameters) -> keras.Model:
        hp.Boolean("hidden")
        with hp.conditional_scope("hiden", [True]):
            return model_of(hp.Int("units", 1, 3))

    with pytest.raises(
        SpaceError, match=r"Received: 'hiden'. Ask for it first.*Did you mean 'hidden'"
    ):
        discover(build)


class Own(keras.Model):
    def __init__(self, units: int) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(units)

    def call(self, x: Any) -> Any:
        return self.dense(x)


def test_a_subclassed_model_has_its_variables_once_the_data_is_known() -> None:
    space = HyperModelSpace(lambda hp: Own(hp.Choice("units", [2, 4])))
    model = space.for_data(DataSpec((3,), Task.MULTICLASS, 2)).build({"units": 4})
    assert model.count_params() == 16


def test_what_no_exploring_build_asked_for_fails_where_it_is_built() -> None:
    kinds = [f"kind_{number}" for number in range(100)]

    def build(hp: kt.HyperParameters) -> keras.Model:
        units = hp.Int("units", 1, 3)
        return model_of(units + hp.Int("more", 1, 3) if hp.Choice("kind", kinds) == rare else units)

    rare = None
    space = HyperModelSpace(build)
    rare = "kind_99"
    assert space.build({"units": 1, "kind": "kind_0"}).count_params() == 5
    with pytest.raises(SpaceError, match="Expected nothing for 'more' at these values"):
        space.build({"units": 1, "kind": "kind_99"})


class Built(kt.HyperModel):  # type: ignore[misc]
    def build(self, hp: kt.HyperParameters) -> keras.Model:
        return guide(hp)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (keras.Sequential([keras.Input((4,))]), "Received: a model. Build it in a function of hp"),
        (Built, r"the class Built\. Give an instance: Built\(\)"),
        ([Built()], r"of type list\)\. A dictionary makes a space"),
    ],
)
def test_what_only_looks_like_a_build_function_is_told_apart(given: Any, told: str) -> None:
    with pytest.raises(SpaceError, match=told):
        SearchSpace(given)
