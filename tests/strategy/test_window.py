import numpy as np

from nas_nb.strategy.base import is_continuation, select_informative
from tests.strategy.worlds import mixed, rng, told


def test_the_latest_and_the_best_inform_most() -> None:
    source = rng()
    points = [mixed().sample(source) for _ in range(100)]
    scores = np.random.default_rng(0).permutation(100).astype(float)
    trials = told(list(zip(points, scores.tolist(), strict=True))).finished
    chosen = select_informative(trials, 1.0, 20)
    assert [trial.number for trial in chosen[10:]] == list(range(90, 100))
    assert [trial.score for trial in chosen[:10]] == sorted(scores[:90].tolist())[-10:][::-1]
    assert len(select_informative(trials[:15], 1.0, 20)) == 15


def test_trials_without_a_score_are_only_told_while_they_are_new() -> None:
    source = rng()
    trials = told([(mixed().sample(source), None) for _ in range(30)]).finished
    assert [trial.number for trial in select_informative(trials, 1.0, 10)] == list(range(25, 30))


def test_a_history_continues_what_it_was_and_no_other() -> None:
    source = rng()
    points = [(mixed().sample(source), float(n)) for n in range(6)]
    trials, others = told(points).finished, told(points).finished
    assert all(is_continuation(trials, trials[:size]) for size in range(7))
    assert not is_continuation(trials[:3], trials[:4])
    assert not is_continuation(
        (*trials[:2], *trials[3:], trials[2]), trials[:4]
    )  # one was trained on
    assert not is_continuation(others, trials[:4])


def test_of_what_informs_most_the_fewer_that_do_are_those_of_all() -> None:
    source = rng()
    points = [mixed().sample(source) for _ in range(80)]
    scores = np.random.default_rng(1).integers(9, size=80) / 2.0
    trials = told(list(zip(points, scores.tolist(), strict=True))).finished
    for sign in (1.0, -1.0):
        of_all = select_informative(trials, sign, 20)
        of_some = select_informative(select_informative(trials, sign, 40), sign, 20)
        assert sorted(t.score or 0 for t in of_some) == sorted(t.score or 0 for t in of_all)
        assert of_some[10:] == of_all[10:]
