from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np

from nas_nb.search.search import Search
from tests.search.tiny import eventually, tiny_search


def build(hp: Any) -> keras.Model:
    """A candidate whose weights, dropout and order all come from seeds."""
    model = keras.Sequential([keras.Input((4,))])
    model.add(keras.layers.Dense(hp.Int("units", 2, 40), "relu"))
    model.add(keras.layers.Dropout(0.4))
    model.add(keras.layers.Dense(1, "sigmoid"))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def search_in(folder: Path) -> Search:
    options = {"population": 2, "sample": 2}
    return tiny_search(
        folder, space=build, strategy="evolution", strategy_options=options, max_trials=6, epochs=3
    )


@contextmanager
def another_thread_that_draws() -> Iterator[None]:
    over = threading.Event()

    def draw() -> None:
        while not over.wait(0.001):
            random.random()
            np.random.random()  # noqa: NPY002 - what a user may do
            keras.random.normal((1,))
            random.seed(5)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def told(search: Search) -> list[Any]:
    return [(t.values, t.seed, t.score, t.curve) for t in search.history]


def test_the_journal_is_the_same_whatever_other_threads_draw_and_across_a_stop(tmp_path: Path):
    calm = search_in(tmp_path / "calm").run()
    with another_thread_that_draws():
        search = search_in(tmp_path / "noisy").start()
        assert eventually(lambda: len(search.history.completed) > 1)
        if search.state.live:
            search.stop()
        search.wait()
        again = search_in(tmp_path / "noisy").run()
    assert told(again) == told(calm)


def test_the_users_own_draws_are_what_they_would_have_been(tmp_path: Path):
    def draws() -> list[float]:
        numbers = np.random.random()  # noqa: NPY002 - what a user may do
        return [random.random(), numbers, float(keras.random.uniform((), seed=None))]

    keras.utils.set_random_seed(11)
    alone = draws()
    keras.utils.set_random_seed(11)
    tiny_search(tmp_path, max_trials=1).run()
    assert draws() == alone
