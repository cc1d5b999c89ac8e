from __future__ import annotations

import numpy as np
import pytest

from nas_nb.errors import NasError, SearchError
from nas_nb.explain.confidence import (
    Confirmation,
    Confirmed,
    Repeats,
    believed_best,
    believed_score,
    confirm,
    last_epoch_score,
    near_best,
    shrunk,
)
from nas_nb.record.history import History
from tests.explain.worlds import DOMAIN, drawn_history, history_of, planted
from tests.search.tiny import tiny_search


def scored(*scores, **more):
    return history_of([({"n": n}, score, "drawn") for n, score in enumerate(scores)], **more)


def test_trials_within_noise_can_not_be_told_from_the_best():
    history = scored(0.90, 0.885, 0.80, 0.90, rows=100, params=lambda v: 100 - 10 * v["n"])
    near = near_best(history)
    assert near is not None
    assert near.error == pytest.approx(0.03)
    assert [trial.number for trial in near.trials] == [0, 1]
    assert history.incumbent.number == near.smallest.number == 3


def test_an_unknown_error_is_no_error_of_zero():
    assert near_best(scored(0.9, 0.8)) is None
    assert near_best(scored(1.2, 2.0, objective="val_loss", direction="min", rows=100)) is None
    assert near_best(History()) is None
    assert believed_score(scored(0.9), scored(0.9)[0]) is None


def test_the_best_of_many_is_believed_less_than_the_best_of_few():
    rng = np.random.default_rng(0)
    scores = 0.9 + 0.01 * rng.normal(size=500)
    believed = [shrunk(scores[:n].max(), scores[:n], 0.01) for n in (5, 50, 500)]
    lucky = [scores[:n].max() for n in (5, 50, 500)]
    assert all(0.89 < b < raw for b, raw in zip(believed, lucky, strict=True))
    assert lucky[2] - believed[2] > lucky[0] - believed[0]


def test_shrinking_comes_nearer_to_the_truth_than_the_score_itself():
    raw = corrected = 0.0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        true = 0.9 - 0.02 * rng.exponential(size=60)
        measured = true + 0.015 * rng.normal(size=60)
        winner = int(measured.argmax())
        raw += measured[winner] - true[winner]
        corrected += shrunk(measured[winner], measured, 0.015) - true[winner]
    assert raw / 100 > 0.015
    assert abs(corrected) < raw / 5


def test_the_trial_that_is_believed_best_is_better_than_the_luckiest():
    gains = []
    for seed in range(12):
        history = drawn_history(60, seed, noise=0.05)
        picked = believed_best(history, DOMAIN, error=0.05)
        assert picked in sorted(history.completed, key=history.rank)[:5]
        gains.append(planted(picked.values) - planted(history.incumbent.values))
    assert np.mean(gains) > 0
    few = drawn_history(20, 0, noise=0.05)
    assert believed_best(few, DOMAIN) == few.incumbent


def test_without_noise_or_rivals_a_score_is_believed():
    assert shrunk(0.9, np.array([0.9, 0.8]), 0.0) == 0.9
    assert shrunk(0.9, np.array([0.9, 0.1]), 0.01) == pytest.approx(0.9)


def test_the_last_epoch_stands_beside_the_best(tmp_path):
    search = tiny_search(tmp_path, max_trials=1, epochs=3).run()
    curve = search.best.curve
    assert last_epoch_score(search.history, search.history.incumbent) == curve[-1]["val_accuracy"]


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    return tiny_search(tmp_path_factory.mktemp("confirm"), max_trials=4, epochs=2).run()


def test_a_repeat_with_the_trials_own_seed_gives_its_score(search):
    trial = search.history.completed[0]
    again = Repeats(search, None).score(trial.values, trial.seed, trial.fidelity)
    assert again == pytest.approx(trial.score)


def test_the_best_are_trained_again_with_the_same_new_seeds_and_compared_in_pairs(search):
    told = []
    found = confirm(search, top=3, seeds=2, on_training=lambda *done: told.append(done))
    assert told == [(n, 6) for n in range(1, 7)]
    assert len(found.trials) == 3
    assert {len(one.scores) for one in found.trials} == {2}
    first = found.trials[0]
    assert first.mean == max(one.mean for one in found.trials)
    assert (first.behind, first.margin) == (0, 0)
    for one in found.trials:
        gaps = np.subtract(first.scores, one.scores)
        assert one.behind == pytest.approx(gaps.mean())
    assert f"Trial {first.number}" in found.verdict
    assert len(search.history.trials) == 4


def test_of_those_that_cannot_be_told_apart_the_smallest_is_named():
    one, two = (
        Confirmed(n, 0.9, (0.9, 0.8), 0.85, 0.0, 0.1, size) for n, size in ((3, 70), (5, 9))
    )
    assert (
        "from trial 5: take the smallest of them, trial 5,"
        in Confirmation("val_accuracy", 2, (one, two)).verdict
    )
    assert (
        "take the smallest of them, trial 5," in Confirmation("val_accuracy", 2, (two, one)).verdict
    )


def test_confirming_too_little_is_one_sentence(search, tmp_path):
    with pytest.raises(NasError, match="Expected `top` to be a whole number, 2 or more"):
        confirm(search, top=1)
    with pytest.raises(SearchError, match=r"2 completed trials or more.*Received: 0"):
        confirm(tiny_search(tmp_path))
    with pytest.raises(SearchError, match=r"Expected `max_time` above 0. Received: max_time=-1"):
        confirm(search, max_time=-1)
    with pytest.raises(SearchError, match=r"Expected time for 2 trainings.*enough for 0"):
        confirm(search, max_time=1e-6)
