import pytest

from nas_nb.errors import StrategyError
from nas_nb.record import Journal
from nas_nb.record.history import History
from nas_nb.record.values import Values
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.strategy.predictor import Predictor
from nas_nb.strategy.proposal import Proposal
from nas_nb.strategy.random_search import RandomSearch
from nas_nb.strategy.strategy import Strategy, generator
from tests.strategy.worlds import choice, rng, told

NAMES = ("units_1", "units_2", "units_3", "units_4")
WIDE = Domain(tuple(choice(f"c{n}", "w", "x", "y", "z") for n in range(6)))


def quality(values: Values) -> float:
    """How many choices agree with the one best architecture, with one interaction."""
    hits = [value == "wxyz"[n % 4] for n, value in enumerate(values.values())]
    return sum(hits) + 2.0 * (hits[0] and hits[3])


def best_of(strategy: Strategy, trials: int, seed: int) -> float:
    tried: list[tuple[Values, float | None]] = []
    history = told([])
    for number in range(trials):
        values = strategy.propose(history, generator(seed, number))
        tried.append((values, quality(values)))
        _record(history, number, values)
    return max(score for _, score in tried if score is not None)


def _record(history: History, number: int, values: Values) -> None:
    for event in (
        {"event": "trial_proposed", "values": values, "origin": "test"},
        {"event": "trial_started"},
        {"event": "trial_ended", "status": "completed", "score": quality(values)},
    ):
        history.apply({"trial": number, **event})


def test_it_finds_the_best_of_4096_in_40_trials_where_random_search_does_not() -> None:
    found = [best_of(Predictor(domain=WIDE), 40, seed) for seed in range(3)]
    assert min(found) == 8.0
    assert max(best_of(RandomSearch(domain=WIDE), 40, seed) for seed in range(3)) < 8.0


def test_it_starts_at_random_and_does_not_count_failures() -> None:
    source = rng()
    tried = [(WIDE.sample(source), 0.5 if number < 4 else None) for number in range(8)]
    drawn = Predictor(domain=WIDE).propose(told(tried), rng(1))
    assert drawn == RandomSearch(domain=WIDE).propose(told(tried), rng(1))


@pytest.mark.parametrize("option", ["t0", "candidates", "window"])
def test_options_out_of_range_are_refused(option: str) -> None:
    with pytest.raises(StrategyError, match=option):
        Predictor(**{option: 1})


def test_with_rungs_it_begins_with_full_trainings_near_the_best_where_it_believes() -> None:
    domain = Domain(tuple(choice(n, 8, 16, 32, 64) for n in NAMES))
    strategy = Predictor(min_epochs=1, max_epochs=6, domain=domain)
    for seed in range(5):
        history = told([])
        drawn = [_go_on(strategy, history, seed) for _ in range(6)]
        assert [p.fidelity["epochs"] for p in drawn] == [6, 6, 6, 6, 6, 1]
        # All score alike, so that the best is the first.
        apart = [sum(p.values[n] != drawn[0].values[n] for n in NAMES) for p in drawn]
        assert all(1 <= steps <= 2 for steps in apart[1:5])


def test_without_belief_it_looks_everywhere_with_one_epoch_after_the_first() -> None:
    history, strategy = told([]), Predictor(min_epochs=1, max_epochs=6, domain=WIDE)
    drawn = [_go_on(strategy, history, 0) for _ in range(4)]
    assert [p.fidelity["epochs"] for p in drawn] == [6, 1, 1, 1]


def test_full_trainings_at_once_get_half_of_the_epochs() -> None:
    domain = Domain(tuple(choice(n, 8, 16, 32, 64) for n in NAMES))
    history, strategy = told([]), Predictor(min_epochs=1, max_epochs=6, domain=domain)
    drawn = [_go_on(strategy, history, 0) for _ in range(80)]
    at_once = [p for p in drawn if p.parent is None and p.fidelity["epochs"] == 6]
    rungs = [p for p in drawn if p not in at_once]
    assert sum(p.fidelity["epochs"] for p in rungs) == pytest.approx(6 * len(at_once), abs=6)


def test_what_is_believed_follows_the_steps_of_its_own_full_training() -> None:
    domain = Domain((Parameter("learning_rate", ParameterKind.CHOICE, (1e-4, 1e-3, 1e-2)),))
    journal = Journal.in_memory()
    about = {"objective": "quality", "direction": "max", "seed": 0}
    journal.append("search_opened", **about, fidelity={"epochs": 6}, steps_per_epoch=10)
    short = Predictor(domain=domain).propose(journal.history, rng())
    long = Predictor(min_epochs=1, max_epochs=10_000, domain=domain).propose(journal.history, rng())
    assert short == {"learning_rate": 1e-2}
    assert long.values == {"learning_rate": 1e-3}


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
