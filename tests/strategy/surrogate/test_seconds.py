from __future__ import annotations

from dataclasses import replace

import numpy as np

from nas_nb.record.trial import Trial, TrialStatus
from nas_nb.space.domain import Domain
from nas_nb.space.parameter import Parameter, ParameterKind
from nas_nb.strategy.surrogate import PointEncoder, predict_log_seconds

KINDS = Parameter("kind", ParameterKind.CHOICE, ("small", "large"))
RATE = Parameter("rate", ParameterKind.FLOAT, low=0.0, high=1.0)
CODER = PointEncoder(Domain((KINDS, RATE)))
POINTS = [{"kind": kind, "rate": 0.5} for kind in ("small", "large")]


def trained(number: int, kind: str, epochs: int, duration_s: float) -> Trial:
    return Trial(
        number,
        {"kind": kind, "rate": 0.1 * number},
        "random",
        TrialStatus.COMPLETED,
        curve=({"loss": 1.0},) * epochs,
        score=0.5,
        duration_s=duration_s,
    )


def test_an_epoch_of_what_took_longer_is_predicted_to_take_longer() -> None:
    trials = [
        trained(n, kind, 2, s) for n, (kind, s) in enumerate([("small", 2), ("large", 20)] * 4)
    ]
    small, large = np.exp(predict_log_seconds(CODER, trials, POINTS))
    assert 0.5 < small < 2.5
    assert 4.0 < large < 20.0


def test_epochs_count_and_not_trials() -> None:
    trials = [
        trained(n, kind, e, e) for n, (kind, e) in enumerate([("small", 1), ("large", 9)] * 4)
    ]
    assert np.allclose(np.exp(predict_log_seconds(CODER, trials, POINTS)), 1.0)


def test_a_trial_that_another_began_tells_nothing_of_the_time_of_its_epochs() -> None:
    trials = [trained(n, kind, 2, 2) for n, kind in enumerate(["small", "large"] * 4)]
    continued = [replace(trained(n, "large", 9, 0.1), parent=0) for n in range(8, 12)]
    assert np.allclose(np.exp(predict_log_seconds(CODER, [*trials, *continued], POINTS)), 1.0)


def test_where_no_trial_tells_its_time_all_are_alike() -> None:
    assert predict_log_seconds(CODER, [trained(0, "small", 1, 0.0)], POINTS).tolist() == [0.0, 0.0]
    assert predict_log_seconds(CODER, [], POINTS).tolist() == [0.0, 0.0]
