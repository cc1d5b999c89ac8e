from __future__ import annotations

import math
import warnings

import pytest

from nas_nb.evaluate.proxy_scores import PROXIES, ProxyScore, chance_tau, rank_proxies, score_all
from tests.evaluate.proxies.nets import NETS, batch


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
