from __future__ import annotations

from typing import Any

import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.oracles import BayesianOptimizationOracle

from nas_nb.errors import StrategyError
from nas_nb.space.domain import Domain
from nas_nb.space.hyperparameters import to_hyperparameters
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.strategy.bayesian import BayesianOptimization, best_and_recent
from tests.strategy.worlds import choice, rng, told

RANGE = {"low": 0.0, "high": 1.0}
SQUARE = Domain(
    (Parameter("a", ParameterKind.FLOAT, **RANGE), Parameter("b", ParameterKind.FLOAT, **RANGE))
)


def bowl(values: Any) -> float:
    return (float(values["a"]) - 0.3) ** 2 + (float(values["b"]) - 0.8) ** 2


def sampled(count: int, direction: str = "min") -> Any:
    sign = 1.0 if direction == "min" else -1.0
    points = [SQUARE.sample(rng(seed)) for seed in range(count)]
    return told([(point, sign * bowl(point)) for point in points], direction)


def test_it_proposes_what_keras_tuner_would() -> None:
    history = sampled(12)
    mine = BayesianOptimization(domain=SQUARE, num_initial_points=3).propose(history, rng(5))
    theirs = BayesianOptimizationOracle(
        objective=kt.Objective("score", "min"),
        num_initial_points=3,
        seed=int(rng(5).integers(1, 2**31)),
        hyperparameters=to_hyperparameters(SQUARE),
    )
    for trial in history.completed:
        hp = to_hyperparameters(SQUARE)
        hp.values = dict(trial.values)
        done = kt.engine.trial.Trial(hp, str(trial.number), "COMPLETED")
        done.score = trial.score
        theirs.trials[done.trial_id] = done
    expected = theirs.populate_space("next")["values"]
    assert mine == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("direction", ["min", "max"])
def test_it_finds_the_bottom_of_a_bowl_either_way_up(direction: str) -> None:
    greedy = BayesianOptimization(domain=SQUARE, num_initial_points=3, beta=0.0)
    proposed = greedy.propose(sampled(25, direction), rng(0))
    assert proposed == pytest.approx({"a": 0.3, "b": 0.8}, abs=0.1)


def test_it_draws_at_random_until_three_points_for_each_parameter_are_completed() -> None:
    history = told(
        [
            (point, None if at == 0 else 0.5)
            for at, point in enumerate(SQUARE.sample(rng(seed)) for seed in range(6))
        ]
    )
    free = BayesianOptimization(domain=SQUARE)
    assert free.propose(history, rng(99)) == SQUARE.sample(rng(99))


def test_a_known_optimum_is_replaced_by_something_new() -> None:
    domain = Domain((choice("a", 0, 1, 2, 3, 4, 5),))
    known = [({"a": a}, float(a)) for a in (0, 1, 3, 4, 5)]
    proposed = BayesianOptimization(domain=domain, num_initial_points=1, beta=0.0).propose(
        told(known), rng()
    )
    assert proposed == {"a": 2}


def test_the_upper_end_of_a_logarithmic_range_of_ints_is_legal() -> None:
    domain = Domain((Parameter("units", ParameterKind.INT, low=4, high=512, log=True),))
    rising = told([({"units": units}, float(units)) for units in (4, 32, 100, 300, 500)])
    greedy = BayesianOptimization(domain=domain, num_initial_points=1, beta=0.0)
    assert {greedy.propose(rising, rng(seed))["units"] for seed in range(3)} == {512}


def test_the_process_sees_the_latest_and_the_best_of_the_others() -> None:
    scores = [float(score) for score in np.random.default_rng(0).permutation(1200)]
    history = told([({"a": at}, score) for at, score in enumerate(scores)], "max")
    seen = best_and_recent(history)
    assert [trial.number for trial in seen[50:]] == list(range(1150, 1200))
    assert sorted(trial.score or 0 for trial in seen[:50]) == sorted(scores[200:1150])[-50:]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"num_initial_points": 0}, "`num_initial_points` to be a whole number, 1 or more"),
        ({"alpha": 0}, "`alpha` to be a number, above 0. Received: alpha=0"),
        ({"alpha": "small"}, "Received: alpha='small'"),
        ({"beta": -1}, "`beta` to be a number, 0 or more. Received: beta=-1"),
        ({"beta": float("inf")}, "Received: beta=inf"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(StrategyError) as refused:
        BayesianOptimization(**options)
    assert sentence in str(refused.value)
