from __future__ import annotations

import math

import pytest

import nas_nb as nas
from nas_nb.errors import NasError
from nas_nb.space.search_space import SearchSpace
from nas_nb.steps import (
    evaluate_performance,
    generate_candidate_structures,
    optimize_structure,
    select_best_structure,
)
from tests.search.tiny import CHOICES, tiny_data

SNIPPET = """
import tensorflow as tf
from tensorflow.keras import layers
import nas_nb as nas
from nas_nb import *

nas.use(nas.load("digits"))
search_space = {
    'layers': [layers.Conv2D, layers.Dense],
    'units': [32, 64, 128],
    'activations': [tf.nn.relu, tf.nn.leaky_relu],
}
candidate_structures = generate_candidate_structures(search_space)
performance_scores = evaluate_performance(candidate_structures)
optimized_structure = optimize_structure(candidate_structures, performance_scores)
best_structure = select_best_structure(candidate_structures, performance_scores)
"""


def test_the_textbook_snippet_runs_as_it_is_printed():
    scope: dict[str, object] = {}
    exec(SNIPPET, scope)
    candidates, scores = scope["candidate_structures"], scope["performance_scores"]
    assert len(candidates) == len(scores) == 8  # type: ignore[arg-type]
    best = scope["best_structure"]
    assert best in candidates  # type: ignore[operator]
    better = scope["optimized_structure"]
    assert better in [best, *best.space.neighbours(best)]  # type: ignore[attr-defined]


def test_candidates_differ_and_repeat_with_the_seed():
    first = generate_candidate_structures(CHOICES, 5, seed=1)
    assert len(set(first)) == 5
    assert first == generate_candidate_structures(CHOICES, 5, seed=1)
    assert first != generate_candidate_structures(CHOICES, 5, seed=2)


def test_a_small_space_is_listed_in_full():
    assert len(generate_candidate_structures(CHOICES, 500)) == 12


def test_scores_are_validation_accuracies_and_repeat():
    candidates = generate_candidate_structures(CHOICES, 3)
    scores = evaluate_performance(candidates, tiny_data(), epochs=2)
    assert all(0 <= score <= 1 for score in scores)
    assert scores == evaluate_performance(candidates, tiny_data(), epochs=2)


def test_where_numbers_are_predicted_the_score_is_minus_the_loss():
    candidates = generate_candidate_structures(CHOICES, 2)
    scores = evaluate_performance(candidates, nas.load("diabetes"), epochs=1)
    assert all(score < 0 for score in scores)


def test_a_candidate_that_cannot_be_trained_scores_nan():
    choices = {**CHOICES, "learning_rate": [1e30], "optimizer": ["sgd"]}
    candidates = generate_candidate_structures(choices, 1)
    scores = evaluate_performance(candidates, nas.load("diabetes"), epochs=2)
    assert math.isnan(scores[0])
    with pytest.raises(NasError, match="every score is NaN"):
        select_best_structure(candidates, scores)


def test_the_greedy_step_never_goes_down():
    candidates = generate_candidate_structures(CHOICES, 3)
    scores = evaluate_performance(candidates, tiny_data())
    better = optimize_structure(candidates, scores, tiny_data(), max_neighbours=2)
    best = select_best_structure(candidates, scores)
    assert better in [best, *best.space.neighbours(best)]


@pytest.mark.parametrize("method", ["evolution", "adam", "sgd"])
def test_the_other_steps_never_go_down_and_stay_in_the_space(method: str):
    candidates = generate_candidate_structures(CHOICES, 4)
    scores = evaluate_performance(candidates, tiny_data(), epochs=1)
    better = optimize_structure(
        candidates, scores, tiny_data(), method=method, max_neighbours=1, epochs=1
    )
    best = select_best_structure(candidates, scores)
    assert better == best or better not in candidates
    assert best.space.contains(better)


def test_a_method_that_is_not_there_is_refused_with_the_nearest():
    candidates = generate_candidate_structures(CHOICES, 2)
    with pytest.raises(NasError, match="Did you mean 'evolution'"):
        optimize_structure(candidates, [0.1, 0.2], tiny_data(), method="evolutoin")


def test_the_first_of_equal_candidates_is_selected():
    candidates = generate_candidate_structures(CHOICES, 3)
    assert select_best_structure(candidates, [0.5, 0.9, 0.9]) == candidates[1]


def test_of_equal_candidates_the_smaller_model_is_selected_where_data_tells_its_size():
    space = SearchSpace.from_dict(CHOICES).for_data(tiny_data().spec)
    candidates = generate_candidate_structures(space, 6)
    sizes = [one.symbolic_model().count_params() for one in candidates]
    chosen = select_best_structure(candidates, [0.5] * 6)
    assert chosen == candidates[sizes.index(min(sizes))]


@pytest.mark.parametrize("scores", [[], [0.5]])
def test_scores_that_do_not_match_are_one_sentence(scores: list[float]):
    candidates = generate_candidate_structures(CHOICES, 2)
    with pytest.raises(NasError, match="one score for each candidate"):
        select_best_structure(candidates, scores)


def test_a_count_of_zero_is_refused():
    with pytest.raises(NasError, match="`count`"):
        generate_candidate_structures(CHOICES, 0)


@pytest.mark.parametrize(
    "call",
    [
        lambda one: generate_candidate_structures(CHOICES, seed=1.5),
        lambda one: evaluate_performance(None, tiny_data()),
        lambda one: evaluate_performance(["a"], tiny_data()),
        lambda one: evaluate_performance([one], tiny_data(), seed="0"),
        lambda one: select_best_structure(None, None),
        lambda one: select_best_structure([one], None),
        lambda one: select_best_structure([one], ["b"]),
        lambda one: optimize_structure([one], [1.0], tiny_data(), method=["adam"]),
        lambda one: optimize_structure([1], [1.0], tiny_data()),
    ],
)
def test_an_argument_of_a_wrong_type_is_one_sentence(call):
    (one,) = generate_candidate_structures(CHOICES, 1)
    with pytest.raises(NasError, match="Received"):
        call(one)
