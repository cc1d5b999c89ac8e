from __future__ import annotations

import itertools

import numpy as np
import pytest

from nas_nb.data.dataset import Data
from nas_nb.errors import NasError
from nas_nb.evaluate.fidelity import Fidelity, nested_order, subset


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
