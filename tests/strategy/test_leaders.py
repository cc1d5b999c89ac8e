import pytest

from nas_nb.space.domain import Domain
from nas_nb.strategy.base import best_of
from nas_nb.strategy.predictor import TopTrials
from tests.strategy.worlds import rng, told, twelve


def test_the_best_are_those_of_a_sort_however_many_trials_were_seen_before() -> None:
    points = list(twelve().enumerate())
    draws = rng().integers(5, size=60).tolist()
    trials = told([(points[n % 12], float(score)) for n, score in enumerate(draws)]).completed
    for direction in ("max", "min"):
        leaders = TopTrials(twelve(), 4)
        for size in (0, 1, 3, 30, 31, 60, 20, 45):
            assert leaders.of(trials[:size], direction) == best_of(trials[:size], 4, direction)


def test_trials_of_another_space_lead_nothing() -> None:
    mine = next(iter(twelve().enumerate()))
    trials = told([({"other": 1}, 9.0), (mine, 1.0)]).completed
    assert TopTrials(twelve(), 3).of(trials, "max") == [trials[1]]


def test_of_rungs_that_are_asked_about_in_turn_only_new_trials_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = list(twelve().enumerate())
    trials = told([(point, float(n % 5)) for n, point in enumerate(points)]).completed
    domain, looks = twelve(), []
    monkeypatch.setattr(Domain, "contains", lambda _, values: looks.append(values) or True)
    leaders = TopTrials(domain, 12)
    for size in range(1, 7):
        for rung in (trials[::2], trials[1::2]):
            assert leaders.of(rung[:size], "max") == best_of(rung[:size], 12, "max")
    assert len(looks) == 12
