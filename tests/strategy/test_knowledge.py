from nas_nb.record.history import History
from nas_nb.space.domain import Domain
from nas_nb.strategy.predictor import PredictorState
from tests.strategy.worlds import choice, told

SIDES = Domain((choice("side", "good", "bad"), choice("other", *range(15))))


def noisy() -> History:
    """Fifteen of the good side, and as many of the bad one, of which the last was lucky."""
    good = [({"side": "good", "other": n}, 1.0 + n % 3 / 50) for n in range(15)]
    bad = [({"side": "bad", "other": n}, n % 3 / 50) for n in range(14)]
    return told([*good, *bad, ({"side": "bad", "other": 14}, 1.05)])


def test_the_best_are_five_and_the_best_comes_first() -> None:
    best = PredictorState(SIDES, 100).best(noisy())
    assert len(best) == 5
    assert best[0].score == 1.05


def test_who_was_lucky_among_the_bad_does_not_come_first_by_the_model() -> None:
    history = noisy()
    ranked = PredictorState(SIDES, 100).ranked(history, history.completed)
    assert len(ranked) == 30
    assert ranked[0].values["side"] == "good"


def test_while_trials_are_few_they_are_ranked_by_their_scores() -> None:
    history = told([({"side": "bad", "other": 1}, 0.1), ({"side": "good", "other": 2}, 0.9)])
    ranked = PredictorState(SIDES, 100).ranked(history, history.completed)
    assert [trial.score for trial in ranked] == [0.9, 0.1]


def test_trials_of_another_space_are_not_ranked() -> None:
    history = told([({"elsewhere": 1}, 2.0), *((t.values, t.score) for t in noisy().completed)])
    ranked = PredictorState(SIDES, 100).ranked(history, history.completed)
    assert len(ranked) == 30


def test_the_model_predicts_more_where_scores_are_better_in_either_direction() -> None:
    points = [{"side": "good", "other": 3}, {"side": "bad", "other": 3}]
    for direction, better in (("max", 0), ("min", 1)):
        history = told([(t.values, t.score) for t in noisy().completed], direction)
        mean, deviation, seen = PredictorState(SIDES, 100).predicted(history, points)
        assert mean[better] > mean[1 - better]
        assert (deviation > 0).all()
        assert seen >= mean.max()
