import math
from collections.abc import Callable
from typing import cast

import pytest

from nas_nb.errors import StrategyError
from nas_nb.record.history import History
from nas_nb.record.journal import Journal
from nas_nb.record.trial import Values
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.strategy.base import Strategy, proposal_rng
from nas_nb.strategy.predictor import Predictor
from nas_nb.strategy.random_grid import RandomSearch
from tests.strategy.worlds import choice, rng, told

WIDE = Domain(tuple(choice(f"c{n}", "w", "x", "y", "z") for n in range(6)))


def quality(values: Values) -> float:
    """How many choices agree with the one best architecture, with one interaction."""
    hits = [value == "wxyz"[n % 4] for n, value in enumerate(values.values())]
    return sum(hits) + 2.0 * (hits[0] and hits[3])


def best_of(
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
    found = [best_of(Predictor(domain=WIDE), 40, seed) for seed in range(3)]
    assert min(found) == 8.0
    assert max(best_of(RandomSearch(domain=WIDE), 40, seed) for seed in range(3)) < 8.0


def test_it_finds_a_narrow_hill_over_ranges_in_40_trials() -> None:
    ranges = [Parameter(f"x{n}", ParameterKind.FLOAT, low=0.0, high=1.0) for n in range(4)]
    predictor = Predictor(domain=Domain(tuple(ranges)))

    def hill(values: Values) -> float:
        return math.exp(-10.0 * sum((float(value) - 0.3) ** 2 for value in values.values()))

    assert min(best_of(predictor, 40, seed, hill) for seed in range(3)) > 0.95


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
