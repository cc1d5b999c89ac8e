"""Steering against made-up scores: no model is trained."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import pytest

from nas_nb.errors import StrategyError
from nas_nb.record.journal import Journal
from nas_nb.record.trial import Values
from nas_nb.search.settings import SteeringState
from nas_nb.search.tuner import SearchOracle
from nas_nb.space.domain import Domain
from nas_nb.space.hyperparameters import to_hyperparameters
from nas_nb.strategy.registry import STRATEGIES, make_strategy
from tests.strategy.worlds import (
    MAXIMISE,
    Recorder,
    answer,
    chain,
    journal_of,
    quality,
    rng,
    twelve,
)

FEW = {
    "evolution": {"population": 4, "sample": 2},
    "bayesian": {"num_initial_points": 3},
    "predictor": {"t0": 3},
}
NARROW = {"without": {"layer_1": ["Dense"]}, "at_least": {"units": [64]}}


def fits(values: Values) -> bool:
    wide = all(value >= 64 for name, value in values.items() if name.startswith("units"))
    return wide and values["layer_1"] == "Conv2D"


def oracle_of(
    strategy: Any,
    journal: Journal,
    domain: Domain | None = None,
    steering_state: SteeringState | None = None,
) -> SearchOracle:
    domain = chain() if domain is None else domain
    options = FEW.get(strategy, {}) if isinstance(strategy, str) else {}
    if not journal.history.opened:
        grant = {"fidelity": {"epochs": 9}}
        journal.append("search_opened", objective="quality", direction="max", seed=0, **grant)
    return SearchOracle(
        make_strategy(strategy, domain, **options),
        MAXIMISE,
        hyperparameters=to_hyperparameters(domain),
        seed=0,
        journal=journal,
        epochs=9,
        domain=domain,
        steering_state=SteeringState() if steering_state is None else steering_state,
    )


def steer(oracle: SearchOracle, action: str, **detail: Any) -> None:
    oracle.journal.append("steered", action=action, detail=detail)


def advance(oracle: SearchOracle, trials: int) -> list[Any]:
    """Runs so many trials and returns them; fewer where the oracle ends before."""
    first = len(oracle.history)
    for _ in range(trials):
        trial = oracle.create_trial("loop")
        if trial.status != "RUNNING":
            break
        answer(oracle, trial, quality(oracle.history[int(trial.trial_id)].values))
    return list(oracle.history.trials[first:])


@pytest.mark.parametrize("name", [n for n, kind in STRATEGIES.items() if not kind.needs_data])
def test_every_strategy_proposes_what_is_left_of_the_space_and_then_all_of_it(name: str):
    oracle = oracle_of(name, Journal.in_memory())
    advance(oracle, 8)
    steer(oracle, "restrict", **NARROW)
    inside = advance(oracle, 5)
    assert len(inside) == 5
    assert all(fits(trial.values) for trial in inside)
    steer(oracle, "unrestrict")
    assert len(advance(oracle, 2)) == 2


def test_candidates_of_the_user_come_first_and_in_order():
    oracle = oracle_of("random", Journal.in_memory(), twelve())
    mine = [{"optimizer": "adam", "units": units} for units in (32, 8)]
    for values in mine:
        steer(oracle, "queue", values=values)
    steer(oracle, "restrict", pin={"optimizer": ["sgd"]})
    trials = advance(oracle, 3)
    assert [trial.values for trial in trials[:2]] == mine
    assert [trial.origin for trial in trials] == ["user", "user", "random"]
    assert trials[2].values["optimizer"] == "sgd"


def test_a_trial_that_gets_more_epochs_is_continued_by_the_next_one():
    oracle = oracle_of("random", Journal.in_memory())
    (first,) = advance(oracle, 1)
    steer(oracle, "more_epochs", trial=0, epochs=4)
    (second,) = advance(oracle, 1)
    assert (second.values, second.parent, second.fidelity) == (first.values, 0, {"epochs": 5})
    assert second.epochs_granted == 5


def test_another_strategy_proposes_from_the_next_trial_on():
    oracle = oracle_of("evolution", Journal.in_memory(), twelve())
    advance(oracle, 2)
    steer(oracle, "strategy", strategy="grid", options={"points": 3})
    steer(oracle, "restrict", without={"optimizer": ["adam"]})
    origins = [trial.origin for trial in advance(oracle, 2)]
    assert origins == ["grid", "grid"]
    assert oracle.strategy.options == {"points": 3, "shuffle": True}


def test_steering_during_a_proposal_counts_for_it():
    steering_state = SteeringState()
    asked: list[int] = []

    def slow(history: Any, rng: Any) -> dict[str, Any]:
        if not asked:  # somebody steers while it thinks
            oracle.journal.append("steered", action="restrict", detail={"pin": {"units": [8]}})
        asked.append(len(history))
        return twelve().sample(rng)

    oracle = oracle_of(slow, Journal.in_memory(), twelve(), steering_state)
    (trial,) = advance(oracle, 1)
    assert trial.values["units"] == 8
    assert trial.origin == "slow"
    assert len(asked) > 1


@pytest.mark.parametrize("name", ["evolution", "local_search", "grid"])
def test_a_steered_search_that_was_cut_anywhere_proposes_what_it_would_have_proposed(name: str):
    def whole() -> Recorder:
        journal = Recorder()
        oracle = oracle_of(name, journal)
        advance(oracle, 4)
        steer(oracle, "restrict", **NARROW)
        steer(oracle, "queue", values=chain().sample(rng(3)))
        steer(oracle, "more_epochs", trial=1, epochs=2)
        steer(oracle, "strategy", strategy="random", options={})
        steer(oracle, "restrict", at_most={"units": [64]})
        advance(oracle, 6)
        return journal

    journal = whole()
    steered = max(n for n, event in enumerate(journal.events) if event["event"] == "steered")
    for cut in range(steered + 1, len(journal.events)):
        resumed = oracle_of(name, journal_of(journal.events[:cut]))
        advance(resumed, 10 - len(resumed.history.finished))
        mine, theirs = resumed.history.trials, journal.history.trials
        assert [(t.values, t.origin, t.parent) for t in mine] == [
            (t.values, t.origin, t.parent) for t in theirs
        ]


def test_whatever_is_steered_beside_proposals_each_keeps_what_was_said_before_it():
    steering_state, journal, over = SteeringState(), Recorder(), threading.Event()
    oracle = oracle_of("random", journal, steering_state=steering_state)

    def hammer() -> None:
        for number in itertools.count():
            bound = (32, 64, 128)[number % 3]
            with steering_state.guard:
                journal.append("steered", action="restrict", detail={"at_least": {"units": bound}})
            if over.wait(0.002):
                return

    steering = threading.Thread(target=hammer)
    steering.start()
    try:
        advance(oracle, 60)
    finally:
        over.set()
        steering.join(10)
    bound, seen = 0, set()
    for event in journal.events:
        if event["event"] == "steered":
            bound = event["detail"]["at_least"]["units"]
        elif event["event"] == "trial_proposed":
            units = [v for name, v in event["values"].items() if name.startswith("units")]
            assert min(units) >= bound
            seen.add(bound)
    assert len(seen) > 1


def test_what_is_used_up_says_that_the_search_is_restricted():
    oracle = oracle_of("random", Journal.in_memory(), twelve())
    steer(oracle, "restrict", pin={"optimizer": ["adam"]})
    assert len(advance(oracle, 12)) == 3
    assert "All 3 architectures" in (oracle.reason or "")
    assert "restricted (optimizer pinned to adam): `search.steer.unrestrict()`" in (
        oracle.reason or ""
    )
    steer(oracle, "unrestrict")
    assert len(advance(oracle, 12)) == 9


def test_a_function_is_asked_again_until_it_proposes_inside():
    def mine(history: Any, rng: Any) -> dict[str, Any]:
        return twelve().sample(rng)

    def stubborn(history: Any, rng: Any) -> dict[str, Any]:
        return {"optimizer": "adam", "units": 8}

    for function in (mine, stubborn):
        oracle = oracle_of(function, Journal.in_memory(), twelve())
        steer(oracle, "restrict", pin={"units": [16]}, without={"optimizer": ["adam"]})
        trials = advance(oracle, 3)
        assert [trial.values["units"] for trial in trials] == [16, 16, 16]


def test_a_mistake_of_a_function_is_named_also_where_the_space_is_restricted():
    def wrong(history: Any, rng: Any) -> dict[str, Any]:
        return {"optimizer": "adam", "units": 9}

    oracle = oracle_of(wrong, Journal.in_memory(), twelve())
    steer(oracle, "restrict", pin={"units": [16]})
    with pytest.raises(StrategyError, match="restricted"):
        oracle.create_trial("loop")
