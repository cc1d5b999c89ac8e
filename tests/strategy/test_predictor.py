from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import pytest

from nas_nb.errors import StrategyError
from nas_nb.record.history import History
from nas_nb.record.journal import Journal
from nas_nb.record.trial import Values
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.strategy.base import Proposal, SpaceExhausted, Strategy, best_of, proposal_rng
from nas_nb.strategy.predictor import Predictor, PredictorState, TopTrials, full_is_due
from nas_nb.strategy.random_grid import RandomSearch
from tests.strategy.test_rungs import POINTS, tell
from tests.strategy.worlds import choice, layered, rng, told, twelve

WIDE = Domain(tuple(choice(f"c{n}", "w", "x", "y", "z") for n in range(6)))


def quality(values: Values) -> float:
    """How many choices agree with the one best architecture, with one interaction."""
    hits = [value == "wxyz"[n % 4] for n, value in enumerate(values.values())]
    return sum(hits) + 2.0 * (hits[0] and hits[3])


def best_found(
    strategy: Strategy, trials: int, seed: int, score: Callable[[Values], float] = quality
) -> float:
    history = told([])
    for number in range(trials):
        values = cast("Values", strategy.propose(history, proposal_rng(seed, number)))
        _record(history, number, values, score(values))
    return max(trial.score or 0.0 for trial in history.completed)


def _record(history: History, number: int, values: Values, score: float) -> None:
    for event in (
        {"event": "trial_proposed", "values": values, "origin": "test"},
        {"event": "trial_started"},
        {"event": "trial_ended", "status": "completed", "score": score},
    ):
        history.apply({"trial": number, **event})


def test_it_finds_the_best_of_4096_in_40_trials_where_random_search_does_not() -> None:
    found = [best_found(Predictor(domain=WIDE), 40, seed) for seed in range(3)]
    assert min(found) == 8.0
    assert max(best_found(RandomSearch(domain=WIDE), 40, seed) for seed in range(3)) < 8.0


def test_it_finds_a_narrow_hill_over_ranges_in_40_trials() -> None:
    ranges = [Parameter(f"x{n}", ParameterKind.FLOAT, low=0.0, high=1.0) for n in range(4)]
    predictor = Predictor(domain=Domain(tuple(ranges)))

    def hill(values: Values) -> float:
        return math.exp(-10.0 * sum((float(value) - 0.3) ** 2 for value in values.values()))

    assert min(best_found(predictor, 40, seed, hill) for seed in range(3)) > 0.95


def test_it_starts_at_random_and_does_not_count_failures() -> None:
    source = rng()
    tried = [(WIDE.sample(source), 0.5 if number < 4 else None) for number in range(8)]
    drawn = Predictor(domain=WIDE).propose(told(tried), rng(1))
    assert drawn == RandomSearch(domain=WIDE).propose(told(tried), rng(1))


@pytest.mark.parametrize("option", ["t0", "candidates", "window"])
def test_options_out_of_range_are_refused(option: str) -> None:
    with pytest.raises(StrategyError, match=option):
        Predictor(**{option: 1})


def test_what_is_believed_follows_the_steps_of_its_own_full_training() -> None:
    domain = Domain((Parameter("learning_rate", ParameterKind.CHOICE, (1e-4, 1e-3, 1e-2)),))
    journal = Journal.in_memory()
    about = {"objective": "quality", "direction": "max", "seed": 0}
    journal.append("search_opened", **about, fidelity={"epochs": 6}, steps_per_epoch=10)
    short = Predictor(domain=domain).propose(journal.history, rng())
    long = Predictor(min_epochs=1, max_epochs=10_000, domain=domain).propose(journal.history, rng())
    assert short == {"learning_rate": 1e-2}
    assert long.values == {"learning_rate": 1e-3}


NAMES = ("units_1", "units_2", "units_3", "units_4")
KNOWN = Domain(tuple(choice(name, 8, 16, 32, 64) for name in NAMES))
UNKNOWN = Domain(tuple(choice(f"c{n}", "w", "x", "y", "z") for n in range(6)))


def opened(**budget: Any) -> History:
    history = History()
    about = {"objective": "quality", "direction": "max", "seed": 0, "time": 0.0}
    history.apply({"event": "search_opened", **about, "budget": budget})
    return history


def go_on(
    history: History,
    domain: Domain = KNOWN,
    score: float | None = 0.5,
    seconds: float | None = None,
) -> Proposal:
    """Lets the strategy propose once more, and records a trial of that."""
    strategy = Predictor(min_epochs=1, max_epochs=6, domain=domain)
    proposal = strategy.propose(history, proposal_rng(0, len(history)))
    assert isinstance(proposal, Proposal)
    tell(history, proposal, score, seconds)
    return proposal


def test_it_begins_with_full_trainings_near_the_best_where_it_believes() -> None:
    history = opened()
    drawn = [go_on(history) for _ in range(6)]
    assert [p.fidelity["epochs"] for p in drawn] == [6, 6, 6, 6, 6, 1]
    # All score alike, so that the best is the first.
    apart = [sum(p.values[n] != drawn[0].values[n] for n in NAMES) for p in drawn]
    assert all(1 <= steps <= 2 for steps in apart[1:5])


def test_among_the_first_are_those_with_a_layer_more_or_less() -> None:
    history = opened()
    drawn = [go_on(history, layered(3)) for _ in range(5)]
    assert [p.fidelity["epochs"] for p in drawn] == [6] * 5
    assert [p.values["num_layers"] for p in drawn] == [2, 3, 2, 2, 2]


@pytest.mark.parametrize(
    ("budget", "seconds"),
    [({"max_time_s": 40.0}, 6.0), ({"max_epochs": 40}, None), ({"max_epochs": 40}, 0.1)],
)
def test_what_it_begins_with_fits_into_a_quarter_of_the_budget(
    budget: dict[str, Any], seconds: float | None
) -> None:
    history = opened(**budget)
    drawn = [go_on(history, seconds=seconds) for _ in range(4)]
    assert [p.fidelity["epochs"] for p in drawn] == [6, 6, 1, 1]


def test_without_belief_it_looks_everywhere_with_one_epoch_after_the_first() -> None:
    history = opened()
    drawn = [go_on(history, UNKNOWN) for _ in range(4)]
    assert [p.fidelity["epochs"] for p in drawn] == [6, 1, 1, 1]


def test_if_the_first_fails_another_is_trained_in_full() -> None:
    history = opened()
    assert go_on(history, score=None).fidelity["epochs"] == 6
    assert go_on(history).fidelity["epochs"] == 6


def test_full_trainings_at_once_get_half_of_the_epochs() -> None:
    history = opened()
    drawn = [go_on(history) for _ in range(80)]
    at_once = [p for p in drawn if p.parent is None and p.fidelity["epochs"] == 6]
    on_rungs = [p.fidelity["epochs"] - (p.parent is not None) for p in drawn if p not in at_once]
    assert sum(on_rungs) == pytest.approx(6 * len(at_once), abs=6)


def test_when_all_are_tried_all_climb_to_the_top_before_it_ends() -> None:
    history = opened()
    domain = Domain((choice("units", *range(1, 18)),))
    drawn: list[Proposal] = []
    with suppress(SpaceExhausted):
        while len(drawn) < 100:
            drawn.append(go_on(history, domain, seconds=1.0))
    assert len(drawn) < 100
    begun_low = [p for p in drawn if p.fidelity["epochs"] == 1]
    assert begun_low
    assert sum(p.parent is not None for p in drawn) == len(begun_low)
    in_full = [p.values["units"] for p in drawn if p.fidelity["epochs"] == 6]
    assert sorted(in_full) == list(range(1, 18))


def test_full_trainings_are_due_until_they_had_half_of_the_epochs() -> None:
    history = opened()
    tell(history, Proposal(POINTS[0]), 0.5)
    assert full_is_due(history, 9, t0=2)
    assert not full_is_due(history, 9, t0=1)
    tell(history, Proposal(POINTS[1], {"epochs": 1}), 0.4)
    tell(history, Proposal(POINTS[1], {"epochs": 9}, parent=1), None)
    assert full_is_due(history, 9, t0=1)


def test_what_was_trained_on_costs_its_own_epochs_alone() -> None:
    history = opened()
    tell(history, Proposal(POINTS[0]), 0.5)
    tell(history, Proposal(POINTS[1], {"epochs": 3}), 0.4)
    tell(history, Proposal(POINTS[1], {"epochs": 8}, parent=1), 0.5)
    assert not full_is_due(history, 9, t0=1)
    tell(history, Proposal(POINTS[2], {"epochs": 1}), 0.4)
    assert full_is_due(history, 9, t0=1)


def test_full_trainings_are_due_until_they_had_half_of_the_seconds() -> None:
    history = opened(max_time_s=100.0)
    tell(history, Proposal(POINTS[0]), 0.5, seconds=2.0)
    tell(history, Proposal(POINTS[1], {"epochs": 1}), 0.4, seconds=1.9)
    assert not full_is_due(history, 9, t0=1)
    tell(history, Proposal(POINTS[2], {"epochs": 1}), 0.4, seconds=0.1)
    assert full_is_due(history, 9, t0=1)


def test_measured_seconds_decide_nothing_unless_the_budget_limits_time() -> None:
    drawn: dict[bool, list[list[Proposal]]] = {}
    for timed in (False, True):
        for machine in (1.0, 9.0):
            history = opened(max_time_s=1000.0) if timed else opened(max_trials=30)
            took = (machine if number % 2 else 1.0 for number in range(30))
            drawn.setdefault(timed, []).append(
                [go_on(history, score=0.01 * number, seconds=next(took)) for number in range(30)]
            )
    assert drawn[False][0] == drawn[False][1]
    assert drawn[True][0] != drawn[True][1]


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
