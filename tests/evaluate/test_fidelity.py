from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_nb.data.dataset import Data
from nas_nb.errors import NasError
from nas_nb.evaluate.fidelity import (
    LEAST_CHANCE,
    Fidelity,
    cannot_reach,
    chance_to_reach,
    is_plateau,
    nested_order,
    subset,
)


def labelled(count: int = 200) -> Data:
    rng = np.random.default_rng(0)
    labels = rng.choice(["a", "b", "c"], count, p=[0.7, 0.25, 0.05])
    return Data.from_arrays(rng.normal(size=(count, 2)), labels, seed=0)


def shares(data: Data) -> np.ndarray:
    return np.bincount(data.y_train, minlength=3) / len(data.y_train)


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.5])
def test_every_class_keeps_its_share_to_within_a_sample(fraction: float) -> None:
    whole = labelled()
    part = subset(whole, fraction, seed=0)
    count = round(fraction * len(whole.x_train))
    assert len(part.x_train) == len(part.y_train) == count
    exact = shares(whole) * count
    assert np.abs(np.bincount(part.y_train, minlength=3) - exact).max() <= 1
    assert part.x_val is whole.x_val
    assert part.x_test is whole.x_test


def test_a_smaller_part_lies_within_a_larger_one_and_the_seed_decides() -> None:
    whole = labelled()
    parts = [{tuple(row) for row in subset(whole, f, seed=3).x_train} for f in (0.1, 0.2, 0.5, 1)]
    for small, large in itertools.pairwise(parts):
        assert small < large
    assert {tuple(row) for row in subset(whole, 0.2, seed=4).x_train} != parts[1]
    assert sorted(nested_order(whole, 0)) == list(range(len(whole.x_train)))


def test_the_smallest_part_has_every_class_and_samples_keep_their_labels() -> None:
    whole = labelled()
    part = subset(whole, 3 / len(whole.x_train), seed=0)
    assert sorted(part.y_train) == [0, 1, 2]
    rows = {tuple(row): label for row, label in zip(whole.x_train, whole.y_train, strict=True)}
    assert all(rows[tuple(x)] == y for x, y in zip(part.x_train, part.y_train, strict=True))


def test_all_of_it_is_the_data_itself() -> None:
    whole = labelled()
    assert subset(whole, 1.0, seed=0) is whole


def test_quantities_are_drawn_at_random() -> None:
    rng = np.random.default_rng(0)
    data = Data.from_arrays(rng.normal(size=(100, 2)), rng.normal(size=100), seed=0)
    assert len(subset(data, 0.25, seed=0).x_train) == 15


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"data_fraction": 0}, "above 0 and at most 1"),
        ({"data_fraction": 1.5}, "above 0 and at most 1"),
        ({"data_fraction": "half"}, "above 0 and at most 1"),
        ({"executions_per_trial": 0}, "1 or more"),
        ({"patience": 0}, "1 or more"),
        ({"min_delta": -1}, "0 or more"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, float], words: str) -> None:
    with pytest.raises(NasError, match=words):
        Fidelity(**wrong)


def test_a_journal_of_before_is_that_of_now_where_nothing_differs() -> None:
    assert Fidelity(3, 8).to_json() == {"epochs": 3, "batch_size": 8}
    granted = Fidelity(3, 8, data_fraction=0.5, prune=True)
    assert Fidelity(**granted.to_json()) == granted


def test_less_of_anything_is_below() -> None:
    full = Fidelity(9, data_fraction=0.5)
    assert full.granted({"epochs": 3}).is_below(full)
    assert full.granted({"data_fraction": 0.25}).is_below(full)
    assert not full.granted({"epochs": 12}).is_below(full)


class Stub(keras.Model):
    pass


def epochs_with_keras(
    curve: list[float], patience: int, direction: str, min_delta: float
) -> int | None:
    callback = keras.callbacks.EarlyStopping(
        "score", patience=patience, mode=direction, min_delta=min_delta
    )
    model = Stub()
    model.stop_training = False
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(curve):
        callback.on_epoch_end(epoch, {"score": value})
        if model.stop_training:
            return epoch + 1
    return None


@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.25, 0.5]), max_size=12),
    st.integers(1, 4),
    st.sampled_from(["max", "min"]),
    st.sampled_from([0.0, 0.1]),
)
def test_a_curve_ends_where_keras_ends_it(
    curve: list[float], patience: int, direction: str, min_delta: float
) -> None:
    ours = next(
        (
            epochs
            for epochs in range(1, len(curve) + 1)
            if is_plateau(curve[:epochs], patience, direction=direction, min_delta=min_delta)
        ),
        None,
    )
    assert ours == epochs_with_keras(curve, patience, direction, min_delta)


def power_law(limit: float, epochs: int, noise: float = 0.0, seed: int = 0) -> list[float]:
    seen = np.arange(1, epochs + 1)
    drawn = np.random.default_rng(seed).normal(size=epochs) * noise
    return list(limit - 0.5 * seen**-0.7 + drawn)


def test_a_power_law_is_followed_to_its_end() -> None:
    whole = power_law(0.9, 30)
    seen = whole[:10]
    assert chance_to_reach(seen, whole[-1] - 0.03, 30) > 0.9
    assert chance_to_reach(seen, whole[-1] + 0.05, 30) < LEAST_CHANCE
    assert cannot_reach(seen, whole[-1] + 0.05, 30)


def test_more_to_reach_is_less_likely_and_what_is_reached_is_certain() -> None:
    seen = power_law(0.9, 8, noise=0.01)
    chances = [chance_to_reach(seen, target, 20) for target in (max(seen), 0.85, 0.9, 0.95, 1.0)]
    assert chances[0] == 1.0
    assert chances == sorted(chances, reverse=True)


def test_losses_go_the_other_way() -> None:
    scores = power_law(0.9, 8, noise=0.01)
    losses = [-score for score in scores]
    for target in (0.8, 0.9, 1.0):
        mirrored = chance_to_reach(losses, -target, 20, direction="min")
        assert mirrored == pytest.approx(chance_to_reach(scores, target, 20))


def test_the_scale_of_the_objective_does_not_matter() -> None:
    scores = power_law(0.9, 8, noise=0.01)
    scaled = [1000 * score for score in scores]
    assert chance_to_reach(scaled, 950, 20) == pytest.approx(chance_to_reach(scores, 0.95, 20))


def test_nothing_is_said_too_early_nor_at_the_end() -> None:
    flat = [0.1] * 40
    assert not cannot_reach(flat[:3], 0.9, 8)
    assert not cannot_reach(flat[:9], 0.9, 40)
    assert cannot_reach(flat[:10], 0.9, 40)
    assert not cannot_reach(flat, 0.9, 40)


def test_a_curve_that_still_rises_as_fast_is_left_alone() -> None:
    rising = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert not cannot_reach(rising, 0.8, 20)


def test_curves_that_reach_the_target_are_hardly_ever_ended() -> None:
    ended = reached = 0
    for seed in range(200):
        curve = power_law(0.9, 20, noise=0.01, seed=seed)
        target = power_law(0.9, 20)[-1]
        reached += max(curve) >= target
        ended += max(curve) >= target and any(
            cannot_reach(curve[:epoch], target, 20) for epoch in range(1, 20)
        )
    assert reached > 150
    assert ended <= 2
