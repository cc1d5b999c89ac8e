from __future__ import annotations

import keras
from keras import layers

from nas_nb.space.automatic_names import fresh_names


def test_names_repeat_in_the_block_and_count_on_after_it() -> None:
    first = layers.Dense(1).name
    inside = []
    for _ in range(2):
        with fresh_names():
            inside.append([layers.Dense(1).name, layers.Dense(1).name])
    assert inside == [["dense", "dense_1"]] * 2
    before = int(first.removeprefix("dense").removeprefix("_") or 0)
    assert layers.Dense(1).name == f"dense_{before + 1}"


def test_optimizers_are_named_anew_as_well() -> None:
    with fresh_names():
        assert keras.optimizers.Adam().name == "adam"
