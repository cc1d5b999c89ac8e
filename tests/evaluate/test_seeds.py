from __future__ import annotations

import random
import threading

import keras
import numpy as np

from nas_nb.evaluate.global_state import seeded, trial_seed


def test_trial_seeds_differ_between_trials_and_searches_and_repeat():
    seeds = {trial_seed(search, number) for search in range(20) for number in range(20)}
    assert len(seeds) == 400
    assert trial_seed(0, 7) == trial_seed(0, 7)
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_the_users_random_states_are_left_as_they_were():
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.rand()
    random.seed(5)
    np.random.seed(5)
    with seeded(1):
        random.random()
        np.random.rand()
    assert (random.random(), np.random.rand()) == expected


def test_models_built_in_the_block_depend_on_the_seed_alone():
    def first_weights(seed: int) -> np.ndarray:
        random.random()
        with seeded(seed):
            model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
        return model.get_weights()[0]

    assert np.array_equal(first_weights(1), first_weights(1))
    assert not np.array_equal(first_weights(1), first_weights(2))


def test_other_threads_that_draw_do_not_change_the_weights():
    stop = threading.Event()

    def noise() -> None:
        while not stop.is_set():
            random.random()
            keras.layers.Dropout(0.5)

    def weights() -> np.ndarray:
        with seeded(1):
            layers = [keras.layers.Dense(4) for _ in range(20)]
            model = keras.Sequential([keras.Input((3,)), *layers])
        return np.concatenate([w.ravel() for w in model.get_weights()])

    calm = weights()
    thread = threading.Thread(target=noise, daemon=True)
    thread.start()
    try:
        disturbed = [weights() for _ in range(5)]
    finally:
        stop.set()
        thread.join()
    assert all(np.array_equal(calm, other) for other in disturbed)
