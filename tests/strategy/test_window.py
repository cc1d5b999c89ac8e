import numpy as np

from nas_nb.strategy.window import informative
from tests.strategy.worlds import mixed, rng, told


def test_the_latest_and_the_best_inform_most() -> None:
    source = rng()
    points = [mixed().sample(source) for _ in range(100)]
    scores = np.random.default_rng(0).permutation(100).astype(float)
    trials = told(list(zip(points, scores.tolist(), strict=True))).finished
    chosen = informative(trials, 1.0, 20)
    assert [trial.number for trial in chosen[10:]] == list(range(90, 100))
    assert [trial.score for trial in chosen[:10]] == sorted(scores[:90].tolist())[-10:][::-1]
    assert len(informative(trials[:15], 1.0, 20)) == 15


def test_trials_without_a_score_are_only_told_while_they_are_new() -> None:
    source = rng()
    trials = told([(mixed().sample(source), None) for _ in range(30)]).finished
    assert [trial.number for trial in informative(trials, 1.0, 10)] == list(range(25, 30))
