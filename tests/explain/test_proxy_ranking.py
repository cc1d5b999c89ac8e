from __future__ import annotations

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kendalltau

from nas_nb.data.dataset import Data
from nas_nb.errors import NasError, SearchError
from nas_nb.evaluate.global_state import seeded
from nas_nb.evaluate.proxies import snip
from nas_nb.explain import proxy_ranking
from nas_nb.explain.proxy_ranking import (
    PROXIES,
    ProxyScore,
    chance_tau,
    measure_proxies,
    params_proxy,
    rank_proxies,
    score_all,
)
from tests.evaluate.proxies.nets import NETS, batch
from tests.search.tiny import tiny_search


def nothing(done, of):
    pass


def sorted_data():
    """Enough rows, sorted by class, that the first 32 are of one."""
    x = np.random.default_rng(0).normal(size=(240, 4)).astype("float32")
    data = Data.from_arrays(x, np.where(x.sum(axis=1) > 0, "up", "down"), name="tiny", seed=0)
    order = np.argsort(data.y_train.ravel(), kind="stable")
    return replace(data, x_train=data.x_train[order], y_train=data.y_train[order])


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    settings = {"max_trials": 7, "epochs": 1, "data": sorted_data()}
    return tiny_search(tmp_path_factory.mktemp("project"), **settings).run()


@pytest.fixture
def seen(monkeypatch):
    """What the proxies are asked about: model and batch."""
    asked = []
    real = proxy_ranking.score_all

    def score_all(model, x, y):
        asked.append((model, x, y))
        return real(model, x, y)

    monkeypatch.setattr(proxy_ranking, "score_all", score_all)
    return asked


def test_each_candidate_is_rebuilt_with_its_trials_seed(search, seen):
    measure_proxies(search, 50, nothing)
    assert len(seen) == 7
    for trial, (model, x, y) in zip(search.history.completed, seen, strict=True):
        with seeded(trial.seed):
            again = search.space.build_values(trial.values)
        assert params_proxy(model) == trial.costs["params"]
        assert snip(model, x, y) == snip(again, x, y)


def test_they_see_one_batch_of_the_training_samples_that_has_every_class(search, seen):
    measure_proxies(search, 50, nothing)
    x, y = seen[0][1:]
    assert x.shape == (32, 4)
    assert len(y) == 32
    train = {tuple(row) for row in search.data.x_train}
    assert {tuple(row) for row in x} <= train
    assert set(np.unique(y)) == set(np.unique(search.data.y_train))


def test_progress_is_told_after_each(search):
    told = []
    found = measure_proxies(search, 50, lambda *progress: told.append(progress))
    assert told == [(done, 7) for done in range(1, 8)]
    assert found.candidates == 7
    assert [rank.name for rank in found.ranks[:2]] == ["params", "macs"]


def test_of_more_trials_a_sample_is_taken_the_same_each_time(search, seen):
    measure_proxies(search, 5, nothing)
    measure_proxies(search, 5, nothing)
    counts = [params_proxy(model) for model, _, _ in seen]
    assert counts[:5] == counts[5:]
    assert len(counts) == 10


def test_where_less_is_better_the_least_score_counts_as_the_best(tmp_path):
    settings = {"max_trials": 6, "epochs": 1, "objective": "val_loss"}
    search = tiny_search(tmp_path, **settings).run()
    found = measure_proxies(search, 50, nothing)
    trials = search.history.completed
    tau = kendalltau([t.costs["params"] for t in trials], [-t.score for t in trials])[0]
    assert found.ranks[0].tau == pytest.approx(tau)


def test_trials_of_a_lower_fidelity_are_left_out(tmp_path):
    settings = {"max_trials": 9, "epochs": 4, "strategy": "successive_halving"}
    search = tiny_search(tmp_path, **settings).run()
    low = [trial for trial in search.history.completed if trial.fidelity.get("epochs", 4) < 4]
    assert low
    with pytest.raises(SearchError, match=rf"Received: {9 - len(low)} in the search 'tiny'"):
        measure_proxies(search, 50, nothing)


def test_too_few_trials_are_one_sentence(tmp_path):
    with pytest.raises(SearchError, match=r"at least 5 completed trials.*Received: 0.*new"):
        measure_proxies(tiny_search(tmp_path), 50, nothing)


@pytest.mark.parametrize("most", [4, 0, 2.5, True])
def test_so_few_candidates_can_not_be_asked_for(search, most):
    with pytest.raises(NasError, match="Expected `most` to be a whole number, 5 or more"):
        measure_proxies(search, most, nothing)


def scored(**values):
    """Candidates by the scores that each proxy gives them; None where it is not defined."""
    return [
        {name: ProxyScore(v, 2.0) for name, v in zip(values, row, strict=True) if v is not None}
        for row in zip(*values.values(), strict=True)
    ]


OUTCOMES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]


def ranked(**values):
    return {rank.name: rank for rank in rank_proxies(scored(**values), OUTCOMES)}


def test_tau_is_that_of_the_pairs_in_and_out_of_order():
    ranks = ranked(params=[1, 2, 3, 4, 5, 6], snip=[6, 5, 4, 3, 2, 1], zen=[2, 1, 3, 4, 5, 6])
    assert ranks["params"].tau == pytest.approx(1)
    assert ranks["snip"].tau == pytest.approx(-1)
    assert ranks["zen"].tau == pytest.approx((14 - 1) / 15)


def test_baselines_come_first_and_the_others_best_first():
    found = rank_proxies(
        scored(params=[6, 5, 4, 3, 2, 1], zen=[2, 1, 3, 4, 5, 6], naswot=[1, 2, 3, 4, 5, 6]),
        OUTCOMES,
    )
    assert [rank.name for rank in found[:4]] == ["params", "macs", "naswot", "zen"]
    assert {rank.name for rank in found} == set(PROXIES)


def test_a_proxy_is_compared_with_params_on_the_candidates_for_which_it_is_defined():
    ranks = ranked(params=[6, 1, 2, 3, 4, 5], zen=[None, 2, 1, 3, 4, 5])
    assert ranks["params"].tau < ranks["zen"].tau < ranks["zen"].params_tau == pytest.approx(1)
    assert ranks["zen"].candidates == 5
    assert not ranks["zen"].beats_params


def test_better_than_params_is_better_than_no_order_too():
    ranks = ranked(params=[6, 5, 4, 3, 2, 1], snip=[6, 5, 4, 3, 1, 2], zen=[1, 2, 3, 4, 5, 6])
    assert ranks["params"].tau < ranks["snip"].tau < 0
    assert not ranks["snip"].beats_params
    assert ranks["zen"].beats_params
    assert not ranks["params"].beats_params


def test_too_few_candidates_and_equal_scores_give_no_tau_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ranks = ranked(params=[3] * 6, zen=[None, None, 1, 2, 3, 4], naswot=[-math.inf, *range(5)])
    assert math.isnan(ranks["params"].tau)
    assert math.isnan(ranks["zen"].tau)
    assert ranks["zen"].candidates == 4
    assert math.isnan(ranks["synflow"].ms)
    assert ranks["naswot"].tau == pytest.approx(1)
    assert ranks["naswot"].beats_params


def test_a_proxy_that_is_not_defined_for_a_model_is_left_out():
    build, shape = NETS["dense"]
    found = score_all(build(), *batch(shape))
    assert set(found) == set(PROXIES) - {"zen"}
    assert all(score.ms > 0 for score in found.values())


def test_chance_is_the_normal_approximation_and_shrinks_with_candidates():
    assert chance_tau(30) == pytest.approx(1.96 * 0.1287, abs=1e-3)
    assert chance_tau(2) == 1.0
