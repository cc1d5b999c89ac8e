from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import nas_nb as nas
from nas_nb.data.dataset import Data
from nas_nb.errors import SpaceError
from nas_nb.evaluate.global_state import seeded
from nas_nb.export.keras_source import keras_source
from nas_nb.space.domain import Domain
from nas_nb.space.search_space import SearchSpace
from tests.spaces.ready import datasets

SMALL = {
    "image": {"stages": (1, 2), "widths": (4, 8), "kernel_sizes": 3, "blocks": 1},
    "text": {"embeddings": (4, 8), "widths": 4, "blocks": 1, "heads": (1, 2)},
    "tabular": {"depths": (1, 2), "widths": (4, 8)},
    "timeseries": {"depths": (1, 2), "widths": 4},
}
WORLDS: list[tuple[str, Callable[[], Data]]] = [
    ("image", datasets.images),
    ("text", datasets.texts),
    ("tabular", datasets.table),
    ("timeseries", datasets.forecast),
    ("timeseries", datasets.series),
]
IDS = ["image", "text", "tabular", "forecast", "series"]


def space_for(name: str, data: Data, **options: object) -> SearchSpace:
    return getattr(nas.spaces, name)(**{**SMALL[name], **options}).for_data(data.spec)


@pytest.mark.parametrize(("name", "make"), WORLDS, ids=IDS)
def test_every_family_builds_trains_and_has_plain_source(name, make) -> None:
    data = make()
    space = space_for(name, data)
    for family in space.domain.parameters[0].choices:
        model = space.build_values(space.domain.complete({"family": family}))
        logs = model.train_on_batch(data.x_train[:4], data.y_train[:4], return_dict=True)
        assert np.isfinite(logs["loss"])
        made: dict = {}
        exec(keras_source(model), made)
        again = made["build_model"]()
        again.set_weights(model.get_weights())
        np.testing.assert_allclose(again(data.x_val), model(data.x_val), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_size_is_what_enumeration_counts(name: str) -> None:
    domain: Domain = getattr(nas.spaces, name)(**SMALL[name]).domain
    assert domain.size == sum(1 for _ in domain.enumerate())


@pytest.mark.parametrize("name", SMALL)
def test_one_family_leaves_no_choice_of_another(name: str) -> None:
    families = getattr(nas.spaces, name)().domain.parameters[0].choices
    for family in families:
        domain = getattr(nas.spaces, name)(families=[family]).domain
        for parameter in domain.parameters:
            assert all(condition.parent != "family" for condition in parameter.conditions)


@pytest.mark.parametrize("name", SMALL)
def test_options_may_be_intervals_and_single_values(name: str) -> None:
    rates = nas.log_uniform(1e-4, 1e-1)
    space = getattr(nas.spaces, name)(learning_rates=rates, dropouts=0.5)
    assert space.size == float("inf")


def test_quantities_are_predicted_in_their_own_units() -> None:
    for name, data in (("tabular", datasets.table()), ("timeseries", datasets.forecast())):
        model = space_for(name, data).sample(np.random.default_rng(0)).build()
        assert np.asarray(model(data.x_val)).mean() > 50


def test_pixels_of_bytes_are_scaled_in_the_model() -> None:
    data = datasets.images()
    model = space_for("image", data).sample(np.random.default_rng(0)).build()
    assert model.layers[1].scale == pytest.approx(1 / 255)


def test_augmentation_is_part_of_the_model_and_acts_in_training_only() -> None:
    data = datasets.images()
    space = space_for("image", data, augmentations=["shift", "flip", "zoom", "rotation"])
    for augmentation in ("shift", "flip", "zoom", "rotation"):
        # Seeded: left to chance, no image at all is flipped once in so many runs.
        with seeded(0):
            model = space.build_values(space.domain.complete({"augmentation": augmentation}))
        layer = model.layers[2]
        assert type(layer).__name__.startswith("Random")
        np.testing.assert_array_equal(layer(data.x_val, training=False), data.x_val)
        assert not np.array_equal(layer(data.x_val, training=True), data.x_val)


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        (
            "image",
            datasets.table,
            r"images of shape .* Received: samples of shape \(4,\).*tabular\(\)",
        ),
        ("image", datasets.texts, r"nas\.spaces\.text\(\) for texts"),
        ("image", datasets.series, r"x\[\.\.\., np\.newaxis\], or take nas\.spaces\.timeseries"),
        ("tabular", datasets.images, r"rows of numbers .*nas\.spaces\.image\(\)"),
        ("tabular", datasets.texts, r"nas\.spaces\.text\(\) for texts"),
        ("timeseries", datasets.images, r"\(time, channels\) for nas\.spaces\.timeseries"),
        ("text", datasets.series, r"Data\.from_texts.*nas\.spaces\.timeseries\(\)"),
    ],
)
def test_data_of_another_kind_is_refused_with_the_way_out(name, make, message) -> None:
    with pytest.raises(SpaceError, match=message):
        getattr(nas.spaces, name)().for_data(make().spec)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("image", {"families": ["vg"]}, "Received: 'vg'. Did you mean 'vgg'"),
        ("image", {"stages": []}, "stages to offer at least one value"),
        ("image", {"widths": [8, 8]}, "'widths' to differ. Received: 8 twice"),
        ("image", {"kernel_sizes": [0]}, "whole numbers of 1 or more. Received: 0"),
        ("text", {"embeddings": [2.5]}, "whole numbers of 1 or more. Received: 2.5"),
        ("tabular", {"dropouts": [1.0]}, "from 0 to below 1. Received: 1.0"),
        ("tabular", {"dropouts": ["much"]}, "from 0 to below 1. Received: 'much'"),
        ("timeseries", {"cells": ["gru"]}, "cells among GRU, LSTM. Received: 'gru'"),
    ],
)
def test_bad_options_get_one_sentence(name: str, options: dict, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        getattr(nas.spaces, name)(**options)


def test_a_space_without_data_builds_nothing() -> None:
    space = nas.spaces.tabular()
    with pytest.raises(SpaceError, match=r"space\.for_data"):
        space.build_values(space.domain.complete({}))


def test_an_unknown_space_names_the_nearest() -> None:
    with pytest.raises(AttributeError, match="Did you mean 'tabular'"):
        nas.spaces.tabularr  # noqa: B018


@pytest.mark.parametrize("family", ["embedding", "conv", "recurrent", "transformer"])
def test_an_empty_text_has_a_finite_prediction(family: str) -> None:
    data = datasets.texts()
    space = space_for("text", data)
    model = space.build_values(space.domain.complete({"family": family}))
    assert np.isfinite(model(data.raw.tokens([""]))).all()
