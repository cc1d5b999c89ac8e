from __future__ import annotations

from typing import Any

import pytest

from nas_nb.record.history import History
from nas_nb.record.journal import Journal
from nas_nb.space.domain import Domain
from nas_nb.strategy.base import Proposal
from nas_nb.strategy.predictor import Predictor
from nas_nb.strategy.registry import Auto, make_strategy
from tests.strategy.worlds import cells, chain, mixed, rng, told, twelve


def search(budget: dict[str, Any], epochs: int) -> Journal:
    journal = Journal.in_memory()
    about = {"objective": "quality", "direction": "max", "seed": 0}
    journal.append("search_opened", **about, budget=budget, fidelity={"epochs": epochs})
    return journal


@pytest.mark.parametrize(
    ("domain", "budget", "epochs", "chosen", "why"),
    [
        (twelve(), {"max_time_s": 60.0}, 10, "grid", "because the space has only 12 architectures"),
        (chain(), {"max_trials": 60}, 10, "predictor", "each trial is a full training"),
        (
            mixed(),
            {"max_time_s": 60.0},
            10,
            "predictor with rungs",
            "half of the budget goes to full trainings",
        ),
        (mixed(), {"max_epochs": 60}, 10, "predictor with rungs", "of which one of 4 goes on"),
        (cells(), {"max_time_s": 60.0}, 2, "predictor", "too short to cut"),
        (cells(), {}, 10, "predictor", "and from their sizes"),
    ],
)
def test_it_chooses_by_space_and_budget_and_says_why(
    domain: Domain, budget: dict[str, Any], epochs: int, chosen: str, why: str
) -> None:
    auto, history = Auto().over(domain), search(budget, epochs).history
    assert auto.choose(history).strategy.name == chosen.split(maxsplit=1)[0]
    assert auto.reason(history).startswith(f"{chosen}, because ")
    assert why in auto.reason(history)


def test_where_epochs_are_limited_it_begins_in_full_and_goes_on_with_one_epoch() -> None:
    auto, journal = Auto().over(chain()), search({"max_epochs": 400}, 10)
    epochs = []
    for number in range(6):
        made = auto.propose(journal.history, rng(number))
        assert isinstance(made, Proposal)
        epochs.append(made.fidelity["epochs"])
        about = {"values": made.values, "fidelity": made.fidelity, "origin": "auto"}
        journal.append("trial_proposed", trial=number, **about)
        journal.append("trial_ended", trial=number, status="completed", score=0.5, reason=None)
    assert epochs == [10, 10, 10, 10, 10, 1]


def test_without_a_limit_of_time_it_proposes_what_the_predictor_does() -> None:
    # So the benchmarks on tables, which count trainings, run one of the two.
    points, source = [cells().sample(rng(n)) for n in range(12)], rng()
    scores = source.random(12).tolist()
    for size in range(13):
        history = told(list(zip(points[:size], scores, strict=False)))
        auto, predictor = Auto().over(cells()), Predictor().over(cells())
        assert auto.propose(history, rng(size)) == predictor.propose(history, rng(size))


def test_with_a_number_of_trials_no_fidelity_is_asked_for() -> None:
    auto = Auto().over(chain())
    assert isinstance(auto.propose(search({"max_trials": 60}, 10).history, rng()), dict)


def test_what_it_chose_is_in_its_text_and_in_the_journal() -> None:
    auto = make_strategy("auto", chain())
    assert repr(auto).startswith("Auto(predictor, because ")
    assert auto.options == {}
    journal = search({"max_trials": 60}, 10)
    for _ in range(2):  # the second start of a search has nothing new to tell
        auto.prepare(None, None, journal, None, 0)  # type: ignore[arg-type]
    (event,) = journal.history.prepared
    assert event["what"] == "choice"
    told = {"chosen": "predictor", "reason": auto.reason(journal.history)}
    assert event["detail"] == told


def test_the_other_strategies_have_no_reason_to_tell() -> None:
    assert make_strategy("random", chain()).reason(History()) is None
