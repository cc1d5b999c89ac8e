import pytest

from nas_nb.errors import StrategyError
from nas_nb.record import Journal
from nas_nb.record.history import History
from nas_nb.record.values import Values
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.strategy.predictor import Predictor
from nas_nb.strategy.random_search import RandomSearch
from nas_nb.strategy.strategy import Strategy, generator
from tests.strategy.worlds import choice, rng, told

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


def test_what_is_believed_follows_the_steps_of_its_own_full_training() -> None:
    domain = Domain((Parameter("learning_rate", ParameterKind.CHOICE, (1e-4, 1e-3, 1e-2)),))
    journal = Journal.in_memory()
    about = {"objective": "quality", "direction": "max", "seed": 0}
    journal.append("search_opened", **about, fidelity={"epochs": 6}, steps_per_epoch=10)
    short = Predictor(domain=domain).propose(journal.history, rng())
    long = Predictor(min_epochs=1, max_epochs=10_000, domain=domain).propose(journal.history, rng())
    assert short == {"learning_rate": 1e-2}
    assert long.values == {"learning_rate": 1e-3}
