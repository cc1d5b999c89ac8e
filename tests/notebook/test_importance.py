from __future__ import annotations

import numpy as np

from nas_nb.explain.importance import choice_importance


def world(trials=80, noise=0.0):
    rng = np.random.default_rng(0)
    places = rng.choice([0.0, 0.5, 1.0], size=(trials, 3))
    scores = 2 * places[:, 0] + 0.5 * places[:, 1] + noise * rng.normal(size=trials)
    return places, scores


def test_the_choice_that_decides_weighs_most_and_one_that_does_not_matter_nothing():
    found = choice_importance(*world())
    assert found.weights[0] > 3 * found.weights[1] > 0
    assert found.weights[2] < 0.05
    assert found.explained > 0.9


def test_noise_is_explained_by_nothing():
    places, _ = world()
    scores = np.random.default_rng(1).normal(size=len(places))
    assert choice_importance(places, scores).explained < 0.1


def test_the_same_trials_give_the_same_weights():
    assert choice_importance(*world(30, 0.1)) == choice_importance(*world(30, 0.1))


def test_too_few_trials_tell_nothing():
    assert choice_importance(*world(5)) == ((0.0, 0.0, 0.0), 0.0)
    places, _ = world()
    assert choice_importance(places, np.ones(len(places))).explained == 0.0
