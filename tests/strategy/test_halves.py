import pytest

from nas_nb.record.history import History
from nas_nb.space.domain import Domain
from nas_nb.strategy.predictor import Predictor
from nas_nb.strategy.proposal import Proposal
from nas_nb.strategy.strategy import generator
from tests.strategy.worlds import choice, told

NAMES = ("units_1", "units_2", "units_3", "units_4")
KNOWN = Domain(tuple(choice(name, 8, 16, 32, 64) for name in NAMES))
UNKNOWN = Domain(tuple(choice(f"c{n}", "w", "x", "y", "z") for n in range(6)))


def test_it_begins_with_full_trainings_near_the_best_where_it_believes() -> None:
    strategy = Predictor(min_epochs=1, max_epochs=6, domain=KNOWN)
    for seed in range(5):
        history = told([])
        drawn = [_go_on(strategy, history, seed) for _ in range(6)]
        assert [p.fidelity["epochs"] for p in drawn] == [6, 6, 6, 6, 6, 1]
        # All score alike, so that the best is the first.
        apart = [sum(p.values[n] != drawn[0].values[n] for n in NAMES) for p in drawn]
        assert all(1 <= steps <= 2 for steps in apart[1:5])


def test_without_belief_it_looks_everywhere_with_one_epoch_after_the_first() -> None:
    history, strategy = told([]), Predictor(min_epochs=1, max_epochs=6, domain=UNKNOWN)
    drawn = [_go_on(strategy, history, 0) for _ in range(4)]
    assert [p.fidelity["epochs"] for p in drawn] == [6, 1, 1, 1]


def test_full_trainings_at_once_get_half_of_the_epochs() -> None:
    history, strategy = told([]), Predictor(min_epochs=1, max_epochs=6, domain=KNOWN)
    drawn = [_go_on(strategy, history, 0) for _ in range(80)]
    at_once = [p for p in drawn if p.parent is None and p.fidelity["epochs"] == 6]
    rungs = [p for p in drawn if p not in at_once]
    assert sum(p.fidelity["epochs"] for p in rungs) == pytest.approx(6 * len(at_once), abs=6)


def _go_on(strategy: Predictor, history: History, seed: int) -> Proposal:
    """Lets a strategy propose once more, and records a trial of that."""
    number = len(history)
    proposal = strategy.propose(history, generator(seed, number))
    for event in (
        {
            "event": "trial_proposed",
            "values": proposal.values,
            "origin": "test",
            "fidelity": proposal.fidelity,
            "parent": proposal.parent,
        },
        {"event": "trial_started"},
        {"event": "trial_ended", "status": "completed", "score": 0.5},
    ):
        history.apply({"time": 0.0, "trial": number, **event})
    return proposal
