"""What strategies stand on: proposals, new points, what runs while one is proposed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from nas_nb.errors import StrategyError
from nas_nb.oracles.strategy_oracle import StrategyOracle
from nas_nb.record.journal import Journal
from nas_nb.record.trial import values_key
from nas_nb.space.domain import Domain
from nas_nb.space.hyperparameters import to_hyperparameters
from nas_nb.space.parameter import Condition, Parameter, ParameterKind
from nas_nb.strategy.base import (
    Proposal,
    SpaceExhausted,
    Strategy,
    is_continuation,
    liars,
    new_mutant,
    proposal_rng,
    sample_new,
    select_informative,
    single_blas_thread,
)
from nas_nb.strategy.bayesian import BayesianOptimization
from nas_nb.strategy.evolution import Evolution
from nas_nb.strategy.optuna_samplers import Tpe
from nas_nb.strategy.predictor import Predictor
from nas_nb.strategy.random_grid import RandomSearch
from nas_nb.strategy.surrogate import PointEncoder, SurrogateFitter
from tests.record.logbook import end, opened, start
from tests.strategy.worlds import chain, choice, mixed, rng, told, twelve


def test_the_last_architecture_of_a_space_is_found_without_a_lucky_draw() -> None:
    everything = list(twelve().enumerate())
    for missing in everything:
        history = told([(values, 1.0) for values in everything if values != missing])
        assert sample_new(twelve(), history, rng(), tries=0) == missing


def test_a_corner_that_is_hardly_ever_drawn_is_found() -> None:
    door = choice("door", *range(1000))
    behind = choice("behind", *range(50), when=(Condition("door", (7,)),))
    domain = Domain((door, behind))
    others = [values for values in domain.enumerate() if values["door"] != 7]
    values = sample_new(domain, told([(other, 0.0) for other in others]), rng(), tries=10)
    assert values["door"] == 7


def test_the_rest_of_a_space_is_drawn_evenly() -> None:
    drawn = {values_key(sample_new(chain(), told([]), rng(seed), tries=0)) for seed in range(300)}
    assert len(drawn) > 150


def test_an_exhausted_space_says_how_many_architectures_it_had() -> None:
    history = told([(values, None) for values in twelve().enumerate()])
    with pytest.raises(SpaceExhausted, match="All 12 architectures"):
        sample_new(twelve(), history, rng())


def test_an_infinite_space_with_a_closed_part_gives_up_after_its_draws() -> None:
    rare = Parameter(
        "rate", ParameterKind.FLOAT, low=0.0, high=1.0, conditions=(Condition("door", (0,)),)
    )
    domain = Domain((choice("door", *range(1000)), rare))
    history = told([({"door": door}, 0.0) for door in range(1, 1000)])
    with pytest.raises(SpaceExhausted, match="5 draws"):
        sample_new(domain, history, rng(), tries=5)
    assert sample_new(domain, history, rng(), tries=20_000)["door"] == 0


def test_a_corner_of_an_infinite_space_is_found_where_one_of_150_draws_meets_it() -> None:
    rare = Parameter(
        "rate", ParameterKind.FLOAT, low=0.0, high=1.0, conditions=(Condition("door", (0,)),)
    )
    domain = Domain((choice("door", *range(150)), rare))
    history = told([({"door": door}, 0.0) for door in range(1, 150)])
    assert all(sample_new(domain, history, rng(seed))["door"] == 0 for seed in range(30))


def test_a_strategy_without_a_space_says_how_to_bind_it() -> None:
    with pytest.raises(StrategyError, match="over"):
        RandomSearch().propose(told([]), rng())


def test_binding_makes_a_copy_and_keeps_the_options() -> None:
    free = Evolution(population=7, sample=3)
    bound = free.over(mixed())
    assert bound.domain == mixed()
    assert bound.options == {"population": 7, "sample": 3, "inherit_weights": False} == free.options
    assert free.domain is None


def test_the_generator_depends_on_seed_and_number_alone() -> None:
    draws = {(s, n): proposal_rng(s, n).integers(2**60) for s in range(5) for n in range(5)}
    assert len(set(draws.values())) == 25
    assert proposal_rng(0, 3).integers(2**60) == draws[0, 3]


@pytest.mark.parametrize(
    ("budget", "design"),
    [
        ({}, 20),
        ({"max_trials": None}, 20),
        ({"max_trials": 30}, 10),
        ({"max_epochs": 90}, 6),
        ({"max_time_s": 45.0}, 3),
        ({"max_trials": 30, "max_epochs": 90, "max_time_s": 1000.0}, 6),
        ({"max_trials": 2}, 1),
    ],
)
def test_the_initial_design_goes_by_whatever_limit_is_known(
    budget: dict[str, Any], design: int
) -> None:
    journal = Journal.in_memory()
    about = {"objective": "x", "direction": "max", "seed": 0, "fidelity": {"epochs": 5}}
    journal.append("search_opened", budget=budget, **about)
    for number in range(2):
        journal.append("trial_proposed", trial=number, values={"n": number}, origin="x")
        journal.append("trial_started", trial=number)
        journal.append("trial_ended", trial=number, status="completed", score=1.0, duration_s=5.0)
    assert Evolution(domain=mixed()).initial_design(journal.history) == design


def test_a_budget_that_was_steered_counts() -> None:
    journal = Journal.in_memory()
    about = {"objective": "x", "direction": "max", "seed": 0}
    journal.append("search_opened", budget={"max_trials": 30}, **about)
    journal.append("steered", action="budget", detail={"max_trials": 15})
    assert journal.history.budget == {"max_trials": 15}
    assert Evolution(domain=mixed()).initial_design(journal.history) == 5
    journal.append("steered", action="budget", detail={"max_trials": None, "max_epochs": 7})
    assert journal.history.budget == {"max_epochs": 7}


DOMAIN = Domain((Parameter("units", ParameterKind.CHOICE, choices=(1, 2, 3)),))


@dataclass(frozen=True)
class Twice(Strategy):
    """Trains one architecture for one epoch, then goes on with it for two more."""

    name: ClassVar[str] = "twice"

    def propose(self, history: Any, rng: Any) -> Proposal:
        if not len(history):
            return Proposal({"units": 2}, {"epochs": 1})
        return Proposal({"units": 2}, {"epochs": 3}, parent=0)


@pytest.mark.parametrize(
    ("fidelity", "said"),
    [
        ({"epochs": 0}, "1 or more"),
        ({"epochs": 1.5}, "whole number"),
        ({"data_fraction": 0.0}, "above 0"),
        ({"data_fraction": 2.0}, "at most 1"),
        ({"data_fraction": "0.5"}, "a number above 0"),
        (3, r"to be a dict.*Received: 3 \(of type int\)"),
        ({"epoch": 3}, "one of epochs"),
    ],
)
def test_a_fidelity_out_of_range_is_refused(fidelity: Any, said: str) -> None:
    with pytest.raises(StrategyError, match=said):
        Proposal({"units": 1}, fidelity)


def test_fidelity_and_parent_are_in_the_record_and_the_parents_curve_counts_on() -> None:
    oracle = StrategyOracle(
        Twice(domain=DOMAIN),
        "val_accuracy",
        hyperparameters=to_hyperparameters(DOMAIN),
        seed=0,
        start_of=lambda trial: 1 if trial.parent is not None else 0,
    )
    first = oracle.create_trial("tuner")
    oracle.update_trial(first.trial_id, {"val_accuracy": 0.5})
    oracle.end_trial(first)
    second = oracle.create_trial("tuner")
    assert second.hyperparameters.values["tuner/epochs"] == 3
    assert second.hyperparameters.values["tuner/trial_id"] == "000000"
    oracle.journal.append("epoch_ended", trial=1, epoch=2, logs={"val_accuracy": 0.6})
    trial = oracle.history[1]
    assert (trial.parent, trial.fidelity, trial.epochs_granted) == (0, {"epochs": 3}, 3)
    assert [logs["val_accuracy"] for logs in trial.curve] == [0.5, 0.6]
    assert oracle.history.epochs_spent == 2
    assert [one.number for one in oracle.history.trials_of({"units": 2})] == [0, 1]


def test_the_last_untried_point_is_found_however_far_away() -> None:
    *tried, last = list(twelve().enumerate())
    history = told([(point, 0.1) for point in tried])
    assert new_mutant(twelve(), tried[0], history, rng()) == last


def test_a_space_without_choices_is_exhausted_by_its_one_point() -> None:
    domain = Domain((Parameter("loss", ParameterKind.FIXED, ("mse",)),))
    with pytest.raises(SpaceExhausted):
        new_mutant(domain, {"loss": "mse"}, told([({"loss": "mse"}, 0.5)]), rng())


def test_the_latest_and_the_best_inform_most() -> None:
    source = rng()
    points = [mixed().sample(source) for _ in range(100)]
    scores = np.random.default_rng(0).permutation(100).astype(float)
    trials = told(list(zip(points, scores.tolist(), strict=True))).finished
    chosen = select_informative(trials, 1.0, 20)
    assert [trial.number for trial in chosen[10:]] == list(range(90, 100))
    assert [trial.score for trial in chosen[:10]] == sorted(scores[:90].tolist())[-10:][::-1]
    assert len(select_informative(trials[:15], 1.0, 20)) == 15


def test_trials_without_a_score_are_only_told_while_they_are_new() -> None:
    source = rng()
    trials = told([(mixed().sample(source), None) for _ in range(30)]).finished
    assert [trial.number for trial in select_informative(trials, 1.0, 10)] == list(range(25, 30))


def test_a_history_continues_what_it_was_and_no_other() -> None:
    source = rng()
    points = [(mixed().sample(source), float(n)) for n in range(6)]
    trials, others = told(points).finished, told(points).finished
    assert all(is_continuation(trials, trials[:size]) for size in range(7))
    assert not is_continuation(trials[:3], trials[:4])
    assert not is_continuation(
        (*trials[:2], *trials[3:], trials[2]), trials[:4]
    )  # one was trained on
    assert not is_continuation(others, trials[:4])


def test_of_what_informs_most_the_fewer_that_do_are_those_of_all() -> None:
    source = rng()
    points = [mixed().sample(source) for _ in range(80)]
    scores = np.random.default_rng(1).integers(9, size=80) / 2.0
    trials = told(list(zip(points, scores.tolist(), strict=True))).finished
    for sign in (1.0, -1.0):
        of_all = select_informative(trials, sign, 20)
        of_some = select_informative(select_informative(trials, sign, 40), sign, 20)
        assert sorted(t.score or 0 for t in of_some) == sorted(t.score or 0 for t in of_all)
        assert of_some[10:] == of_all[10:]


WIDE = chain()


def journal_of(trials: int) -> Journal:
    """Returns a journal of random architectures, with scores by their width."""
    journal = opened()
    rng = np.random.default_rng(0)
    while len(journal.history) < trials:
        values = WIDE.sample(rng)
        if not journal.history.has_tried(values):
            number = start(journal, **values)
            end(journal, number, score=float(values["units_1"]) / 128)
    return journal


def test_a_lie_is_the_mean_of_what_is_known() -> None:
    journal = journal_of(6)
    values = next(v for v in WIDE.enumerate() if not journal.history.has_tried(v))
    assert liars(journal.history, WIDE, journal.history.completed) == []
    start(journal, **values)
    known = journal.history.completed
    (lie,) = liars(journal.history, WIDE, known)
    assert lie.number == 6
    assert lie.score == pytest.approx(np.mean([trial.score for trial in known]))
    assert liars(opened().history, WIDE, ()) == []


def test_the_surrogate_doubts_less_where_a_trial_runs() -> None:
    journal = journal_of(12)
    values = next(v for v in WIDE.enumerate() if not journal.history.has_tried(v))
    history = journal.history
    fitter, best = SurrogateFitter(PointEncoder(WIDE), 200), history.completed[:5]
    _, free = fitter.learn(history.finished, best, 1.0).predict([values])
    start(journal, **values)
    lies = liars(history, WIDE, history.completed)
    _, lied = fitter.learn(history.finished, best, 1.0, lies).predict([values])
    assert lied[0] < free[0]


@pytest.mark.parametrize("strategy", [Predictor, BayesianOptimization, Tpe])
def test_nothing_that_runs_is_proposed_again(strategy: type[Strategy]) -> None:
    journal = journal_of(30)
    asked = strategy(domain=WIDE)
    for number in range(30, 36):
        proposed = asked.propose(journal.history, proposal_rng(0, number))
        values = (
            getattr(proposed, "values", proposed) if not isinstance(proposed, dict) else proposed
        )
        assert not journal.history.has_tried(values)
        start(journal, **values)
    assert len(journal.history.pending) == 6


def threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_linear_algebra_has_one_thread_inside_and_as_many_as_before_after() -> None:
    with single_blas_thread():
        pass  # so that the library is loaded
    before = threads()
    with single_blas_thread():
        assert threads() == {1}
    assert threads() == before
