from collections.abc import Mapping, Sequence

import numpy as np

from nas_nb.record.trial import Trial, Values
from nas_nb.space.domain import Domain
from nas_nb.space.encoding import Featured, feature_rows
from nas_nb.strategy.surrogate import PointEncoder, Surrogate, SurrogateFitter
from tests.strategy.worlds import choice, rng, told


class Counted(Domain):
    """A domain that tells how many of its choices are set."""

    def features(self, values: Values) -> Mapping[str, float]:
        return {"set": float(sum(value == 1 for value in values.values()))}


def learn(
    domain: Domain, trials: Sequence[Trial], best: Sequence[Trial], sign: float, window: int
) -> Surrogate:
    return SurrogateFitter(PointEncoder(domain), window).learn(trials, best, sign)


PARAMETERS = tuple(choice(f"c{n}", "x", "y") for n in range(6))
SWITCHES = tuple(choice(f"c{n}", 0, 1) for n in range(10))


def test_the_model_tells_good_from_bad() -> None:
    domain, source = Domain(PARAMETERS), rng()
    tried = [domain.sample(source) for _ in range(30)]
    history = told([(point, float(point["c0"] == "y")) for point in tried])
    model = learn(domain, history.finished, history.completed, 1.0, 200)
    good, bad = [dict.fromkeys(tried[0], "x") | {"c0": value} for value in ("y", "x")]
    mean, _ = model.predict([good, bad])
    assert mean[0] > mean[1] + 1


def test_a_smaller_score_is_better_with_a_negative_sign() -> None:
    domain, source = Domain(PARAMETERS), rng()
    tried = [domain.sample(source) for _ in range(30)]
    history = told([(point, float(point["c0"] == "y")) for point in tried], "min")
    mean, _ = learn(domain, history.finished, history.completed, -1.0, 200).predict(
        [dict.fromkeys(tried[0], "x") | {"c0": value} for value in ("y", "x")]
    )
    assert mean[0] < mean[1] - 1


def test_what_failed_looks_bad() -> None:
    domain, source = Domain(PARAMETERS), rng()
    tried = [domain.sample(source) for _ in range(30)]
    history = told([(point, None if point["c1"] == "y" else 0.5) for point in tried])
    mean, _ = learn(domain, history.finished, history.completed, 1.0, 200).predict(
        [dict.fromkeys(tried[0], "x") | {"c1": value} for value in ("y", "x")]
    )
    assert mean[0] < mean[1]


def test_features_reach_beyond_what_was_seen() -> None:
    domain = Counted(SWITCHES)
    assert isinstance(domain, Featured)
    low = [point for point in domain.enumerate() if sum(point.values()) <= 3][::6]
    history = told([(point, float(sum(point.values()))) for point in low])
    ends = [dict.fromkeys(low[0], 1), dict.fromkeys(low[0], 0)]
    featured, _ = learn(domain, history.finished, history.completed, 1.0, 200).predict(ends)
    plain, _ = learn(Domain(SWITCHES), history.finished, history.completed, 1.0, 200).predict(ends)
    assert featured[0] - featured[1] > plain[0] - plain[1]


def test_a_domain_without_features_has_no_columns() -> None:
    assert feature_rows(Domain(SWITCHES), [dict.fromkeys("ab", 1)]).shape == (1, 0)


def test_where_only_the_latest_few_completed_they_are_what_is_shown() -> None:
    domain = Domain(SWITCHES)
    points = list(domain.enumerate())[:120]
    history = told([(p, 0.1 * n if n >= 115 else None) for n, p in enumerate(points)])
    model = learn(domain, history.finished, history.completed, 1.0, 200)
    mean, deviation = model.predict(points[:3])
    assert np.isfinite(mean).all()
    assert np.isfinite(deviation).all()


def test_trials_of_another_space_are_overlooked() -> None:
    domain = Domain(SWITCHES)
    mine = [(point, 0.5) for point in list(domain.enumerate())[:5]]
    history = told([*mine, *(({"other": n}, 1.0 + n) for n in range(150))])
    model = learn(domain, history.finished, history.completed[:5], 1.0, 100)
    assert np.isfinite(model.predict([mine[0][0]])[0]).all()


def test_a_learner_that_saw_all_before_learns_what_a_new_one_does() -> None:
    domain, source = Counted(SWITCHES), rng()
    tried = [(point, float(source.random())) for point in list(domain.enumerate())[:260]]
    history = told([(p, None if n % 9 == 4 else s) for n, (p, s) in enumerate(tried)])
    points, old = [point for point, _ in tried[:5]], SurrogateFitter(PointEncoder(domain), 100)
    for size in range(2, 260, 7):
        trials = history.finished[:size]
        seen, new = [
            learner.learn(trials, history.completed[:2], 1.0).predict(points)
            for learner in (old, SurrogateFitter(PointEncoder(domain), 100))
        ]
        assert np.array_equal(seen, new)
