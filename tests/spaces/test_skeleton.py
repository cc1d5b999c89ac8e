from __future__ import annotations

import numpy as np

from nas_nb.spaces.skeleton import path_encoding


def test_every_path_has_a_column_short_ones_first() -> None:
    row = path_encoding([("b",), ("a", "b"), ("b", "a")], ["a", "b"], 1, 2)
    assert row.tolist() == [0, 1, 0, 1, 1, 0]


def test_the_empty_path_may_count() -> None:
    assert path_encoding([()], ["a", "b"], 0, 1).tolist() == [1, 0, 0]


def test_all_paths_of_a_length_are_told_apart() -> None:
    paths = [(x, y) for x in "abc" for y in "abc"]
    rows = [path_encoding([path], list("abc"), 1, 2) for path in paths]
    assert np.sum(rows, axis=0).tolist() == [0] * 3 + [1] * 9
