from __future__ import annotations

import pytest

from nas_nb.errors import StrategyError
from nas_nb.record.history import History
from nas_nb.strategy.base import Proposal, best_of
from nas_nb.strategy.rungs import Rungs, full_epochs, granted, ladder
from tests.strategy.worlds import twelve

POINTS = list(twelve().enumerate())


def opened(epochs: int | None = None) -> History:
    history = History()
    about = {"objective": "quality", "direction": "max", "seed": 0, "time": 0.0}
    fidelity = {} if epochs is None else {"fidelity": {"epochs": epochs}}
    history.apply({"event": "search_opened", **about, **fidelity})
    return history


def tell(
    history: History, proposal: Proposal, score: float | None, seconds: float | None = None
) -> None:
    number = len(history)
    took = {} if seconds is None else {"duration_s": seconds}
    status = "completed" if score is not None else "failed"
    for event in (
        {
            "event": "trial_proposed",
            "values": proposal.values,
            "origin": "test",
            "fidelity": proposal.fidelity,
            "parent": proposal.parent,
        },
        {"event": "trial_started"},
        {"event": "trial_ended", "status": status, "score": score, **took},
    ):
        history.apply({"time": 0.0, "trial": number, **event})


@pytest.mark.parametrize(
    ("arguments", "epochs"),
    [
        ((1, 10, 3), (1, 3, 10)),
        ((1, 27, 3), (1, 3, 9, 27)),
        ((1, 1, 3), (1,)),
        ((1, 2, 3), (1, 2)),
        ((2, 9, 3), (2, 9)),
        ((12, 200, 16), (12, 200)),
        ((5, 5, 2), (5,)),
    ],
)
def test_a_ladder_climbs_by_the_factor_and_ends_at_the_top(
    arguments: tuple[int, int, int], epochs: tuple[int, ...]
) -> None:
    assert ladder(*arguments) == epochs


def test_the_option_comes_before_the_search_and_one_of_them_has_to_say() -> None:
    assert full_epochs("asha", opened(9), None) == 9
    assert full_epochs("asha", opened(9), 27) == 27
    with pytest.raises(StrategyError, match=r"'asha' expected to know the epochs.*max_epochs"):
        full_epochs("asha", opened(), None)


def test_a_trial_stands_on_the_highest_rung_that_it_was_granted() -> None:
    history = opened(9)
    for point, fidelity in zip(POINTS, ({"epochs": 1}, {"epochs": 5}, {}), strict=False):
        tell(history, Proposal(point, fidelity), 0.5)
    tell(history, Proposal(POINTS[3], {"epochs": 1}), None)
    rungs = Rungs.of(history, (1, 3, 9))
    assert [[t.number for t in rung] for rung in rungs.completed] == [[0], [1], [2]]
    assert [len(rung) for rung in rungs.finished] == [2, 1, 1]
    assert granted(history[2], 9) == 9


def test_one_of_the_factor_climbs_and_it_is_the_best_that_has_not() -> None:
    history, domain = opened(9), twelve()
    for number, score in enumerate((0.1, 0.9, 0.5)):
        tell(history, Proposal(POINTS[number], {"epochs": 1}), score)
    due = Rungs.of(history, (1, 9)).due(history, domain, 3)
    assert due == Proposal(POINTS[1], {"epochs": 9}, parent=1)
    tell(history, due, 0.95)
    assert Rungs.of(history, (1, 9)).due(history, domain, 3) is None
    assert Rungs.of(history, (1, 9)).due(history, domain, 2) is None
    for number in (3, 4, 5):
        tell(history, Proposal(POINTS[number], {"epochs": 1}), 0.2)
    again = Rungs.of(history, (1, 9)).due(history, domain, 3)
    assert again == Proposal(POINTS[2], {"epochs": 9}, parent=2)


def test_of_what_is_left_the_best_of_the_highest_rung_climbs_however_many_did() -> None:
    history = opened()
    for point, epochs, score in zip(POINTS, (1, 1, 3, 3), (0.9, 0.1, 0.2, 0.3), strict=False):
        tell(history, Proposal(point, {"epochs": epochs}), score)
    climbed = []
    while promotion := Rungs.of(history, (1, 3, 9)).left(history, twelve()):
        climbed.append((promotion.parent, promotion.fidelity["epochs"]))
        tell(history, promotion, 0.5)
    assert climbed == [(3, 9), (2, 9), (0, 3), (6, 9), (1, 3), (8, 9)]


def test_what_was_trained_in_full_by_hand_does_not_climb() -> None:
    history, domain = opened(9), twelve()
    tell(history, Proposal(POINTS[0]), 0.3)
    tell(history, Proposal(POINTS[0], {"epochs": 1}), 0.9)
    tell(history, Proposal(POINTS[1], {"epochs": 1}), 0.1)
    due = Rungs.of(history, (1, 9)).due(history, domain, 2)
    assert due is not None
    assert due.values == POINTS[1]


def test_a_view_shows_one_rung_and_the_rest_as_tried() -> None:
    history = opened(9)
    tell(history, Proposal(POINTS[0], {"epochs": 1}), 0.5)
    tell(history, Proposal(POINTS[1], {}), 0.9)
    view = Rungs.of(history, (1, 9)).view(history)
    assert [trial.number for trial in view.completed] == [0]
    assert view.has_tried(POINTS[1])
    assert view.direction == "max"


def test_the_best_come_first_and_of_equals_the_earlier() -> None:
    history = opened(1)
    for number, score in enumerate((0.5, 0.7, 0.5, 0.1)):
        tell(history, Proposal(POINTS[number]), score)
    assert [t.number for t in best_of(history.completed, 3, "max")] == [1, 0, 2]
    assert [t.number for t in best_of(history.completed, 2, "min")] == [3, 0]
