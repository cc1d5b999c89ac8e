from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from nas_nb.record.history import History
from nas_nb.space.domain import Domain
from nas_nb.strategy.base import Proposal, SpaceExhausted, proposal_rng
from nas_nb.strategy.predictor import Predictor, full_is_due
from tests.strategy.test_rungs import POINTS, tell
from tests.strategy.worlds import choice, layered

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
