"""What every search space keeps, one list for all of them.

A space joins by a line in `SPACES`, and in `SMALL` a version that can be listed. Before a release
200 architectures of each space are built and trained, which takes about a quarter of an hour:

    NAS_NB_SAMPLES=200 python -m pytest tests/spaces/test_all.py --timeout=0

(of one space with ``-k darts_cell``, say).
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from typing import NamedTuple

import keras
import keras_tuner as kt
import numpy as np
import pytest

from nas_nb.data.dataset import DataSpec
from nas_nb.data.preprocessing import Vocabulary
from nas_nb.data.task import Task
from nas_nb.record.events import EventKind
from nas_nb.record.journal import Journal
from nas_nb.space.search_space import SearchSpace
from nas_nb.spaces.darts import darts_cell
from nas_nb.spaces.macro_space import macro
from nas_nb.spaces.nasbench101 import nasbench101_cell
from nas_nb.spaces.nasbench201 import nasbench201_cell
from nas_nb.spaces.ready_models import image, tabular, text, timeseries
from nas_nb.spaces.ready_space import path_encoding
from tests.space.domains import brute_force

SAMPLES = int(os.environ.get("NAS_NB_SAMPLES", "4"))
"""How many architectures of each space are built and trained; 200 before a release."""

DIGITS = DataSpec((8, 8, 1), Task.MULTICLASS, 3)
WORDS = DataSpec((6,), Task.MULTICLASS, 3, raw=Vocabulary(("good", "bad"), 6))
ROWS = DataSpec((5,), Task.MULTICLASS, 3)
WINDOWS = DataSpec((8, 2), Task.MULTICLASS, 3)
CHAIN = {
    "layers": ["Conv2D", "Dense"],
    "units": [4, 8],
    "activations": ["relu", "tanh"],
    "depth": [1, 2],
}


class Case(NamedTuple):
    """A space, and the data that it is tried on."""

    make: Callable[[], SearchSpace]
    spec: DataSpec


def build(hp: kt.HyperParameters) -> keras.Model:
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    if hp.Boolean("hidden"):
        with hp.conditional_scope("hidden", [True]):
            units = hp.Int("units", 4, 12, step=4)
        model.add(keras.layers.Dense(units, activation="relu"))
    rate = hp.Float("rate", 0.0, 0.5)
    model.add(keras.layers.Dropout(rate))
    model.add(keras.layers.Dense(3, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


SPACES: dict[str, Case] = {
    "dictionary": Case(lambda: SearchSpace.from_dict(CHAIN), DIGITS),
    "build_function": Case(lambda: SearchSpace(build), DIGITS),
    "cell": Case(lambda: nasbench201_cell(width=4, stages=2), DIGITS),
    "macro": Case(lambda: macro(width=4, stages=2), DIGITS),
    "image": Case(lambda: image(augmentations=("none", "shift")), DIGITS),
    "text": Case(text, WORDS),
    "tabular": Case(tabular, ROWS),
    "timeseries": Case(timeseries, WINDOWS),
    "nasbench101_cell": Case(lambda: nasbench101_cell(width=5, stages=2), DIGITS),
    "darts_cell": Case(lambda: darts_cell(nodes=2, layers=2, width=2), DIGITS),
    "part_of_cell": Case(
        lambda: nasbench201_cell(width=4, stages=2).subspace(
            {"edge_0_1": "nor_conv_3x3"}, {"edge": "none"}
        ),
        DIGITS,
    ),
}

SMALL: dict[str, Callable[[], SearchSpace]] = {
    "dictionary": lambda: SearchSpace.from_dict(CHAIN),
    "cell": lambda: nasbench201_cell(nodes=3),
    "nasbench101_cell": lambda: nasbench101_cell(nodes=4, edges=4),
    "macro": lambda: macro(layers=1, stages=3),
    "image": lambda: image(widths=8),
    "text": lambda: text(embeddings=16, widths=16),
    "tabular": lambda: tabular(widths=(16, 32)),
    "timeseries": lambda: timeseries(widths=8),
    "part_of_cell": lambda: nasbench201_cell(nodes=3).subspace(
        {"edge_0_2": "none"}, {"edge": "avg_pool_3x3"}
    ),
    "part_of_macro": lambda: macro(layers=2, stages=2).subspace({"block_1": "identity"}),
}


@pytest.fixture(params=SPACES)
def case(request: pytest.FixtureRequest) -> tuple[SearchSpace, DataSpec]:
    made = SPACES[request.param]
    return made.make().for_data(made.spec), made.spec


def sampled(space: SearchSpace, count: int = SAMPLES) -> list:
    rng = np.random.default_rng(0)
    return [space.sample(rng) for _ in range(count)]


def samples_of(spec: DataSpec) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.random((6, *spec.input_shape), dtype="float32"), np.arange(6) % spec.outputs


def test_samples_build_and_train_one_step(case: tuple[SearchSpace, DataSpec]) -> None:
    space, spec = case
    x, y = samples_of(spec)
    for architecture in sampled(space):
        model = architecture.build()
        model.run_eagerly = True  # tracing costs more than one step
        assert np.isfinite(model.train_on_batch(x, y)).all()
        assert model(x).shape == (6, spec.outputs)


def test_samples_come_back_from_the_journal(case: tuple[SearchSpace, DataSpec]) -> None:
    space, _ = case
    drawn = sampled(space, 20)
    with Journal.in_memory() as journal:
        journal.append(
            EventKind.SEARCH_OPENED,
            seed=0,
            objective="score",
            direction="max",
            strategy="random",
            options={},
            space=space.domain.to_json(),
            budget={},
            session=1,
        )
        for number, one in enumerate(drawn):
            values = json.loads(json.dumps(dict(one.values)))
            journal.append(EventKind.TRIAL_PROPOSED, trial=number, values=values, origin="random")
        trials = journal.history.trials
    assert [space.architecture(trial.values) for trial in trials] == drawn


def test_encoding_is_repeated_finite_and_of_one_length(case: tuple[SearchSpace, DataSpec]) -> None:
    space, _ = case
    drawn = sampled(space, 20)
    rows = [space.encode(one) for one in drawn]
    for one, row in zip(drawn, rows, strict=True):
        assert np.array_equal(row, space.encode(space.architecture(one.values)))
        assert np.isfinite(row).all()
    assert len({row.shape for row in rows}) == 1


def test_neighbours_differ_in_one_active_choice(case: tuple[SearchSpace, DataSpec]) -> None:
    space, _ = case
    for one in sampled(space):
        for near in space.neighbours(one):
            assert space.contains(near)
            # Besides the changed choice only those differ that it switches on or off.
            both = [name for name in one if name in near.values]
            changed = [name for name in both if one[name] != near[name]]
            assert len(changed) == 1
            assert {parameter.name for parameter in space.domain.active(near.values)} == set(near)


def test_distance_is_a_distance(case: tuple[SearchSpace, DataSpec]) -> None:
    space, _ = case
    one, two, *_ = sampled(space, 8)
    assert space.distance(one, one) == 0.0
    assert space.distance(one, two) == space.distance(two, one) >= 0.0
    assert all(space.distance(one, near) > 0 or near == one for near in space.neighbours(one))


def test_costs_that_are_known_without_a_model_are_those_of_the_model(
    case: tuple[SearchSpace, DataSpec],
) -> None:
    from nas_nb.evaluate.costs import costs

    space, _ = case
    for one in sampled(space):
        if one.costs:
            assert one.costs == costs(one.build())


@pytest.mark.parametrize("name", SMALL)
def test_size_agrees_with_every_combination_tried(name: str) -> None:
    domain = SMALL[name]().domain
    # What a space refuses though each value is legal, such as too many edges, is no point of it.
    points = {point for point in brute_force(domain) if domain.contains(dict(point))}
    assert domain.size == len(points)
    assert {tuple(point.items()) for point in domain.enumerate()} == points


@pytest.mark.parametrize("name", SMALL)
def test_distinct_points_are_one_for_each_architecture(name: str) -> None:
    space = SMALL[name]()
    every = {space.architecture(values) for values in space.domain.enumerate()}
    distinct = list(space.domain.distinct.enumerate())
    assert {space.architecture(values) for values in distinct} == every
    assert len(distinct) == len(every) == space.domain.distinct.size


def test_infinite_space_has_no_number() -> None:
    assert math.isinf(SearchSpace(build).size)


def test_every_path_has_a_column_short_ones_first() -> None:
    row = path_encoding([("b",), ("a", "b"), ("b", "a")], ["a", "b"], 1, 2)
    assert row.tolist() == [0, 1, 0, 1, 1, 0]


def test_the_empty_path_may_count() -> None:
    assert path_encoding([()], ["a", "b"], 0, 1).tolist() == [1, 0, 0]


def test_all_paths_of_a_length_are_told_apart() -> None:
    paths = [(x, y) for x in "abc" for y in "abc"]
    rows = [path_encoding([path], list("abc"), 1, 2) for path in paths]
    assert np.sum(rows, axis=0).tolist() == [0] * 3 + [1] * 9
