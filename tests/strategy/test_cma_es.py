from __future__ import annotations

import pytest

from nas_nb.strategy.optuna_samplers import CmaEs
from nas_nb.strategy.random_grid import RandomSearch
from tests.strategy.worlds import DOMAINS, rng, told

pytest.importorskip("cmaes", reason='needs Optuna: pip install -e ".[optuna]"')


def test_it_climbs_a_smooth_hill() -> None:
    domain = DOMAINS["mixed"]()
    source = rng()
    points = [domain.sample(source) for _ in range(60)]
    history = told([(p, -abs(float(p["dropout"]) - 0.1)) for p in points])
    cma = CmaEs(domain=domain)
    drawn = [float(cma.propose(history, rng(seed))["dropout"]) for seed in range(8)]
    assert sum(abs(dropout - 0.1) for dropout in drawn) / 8 < 0.1


@pytest.mark.parametrize(("world", "trials"), [("mixed", 9), ("cells", 12)])
def test_where_there_is_nothing_to_fit_it_is_random_search(world: str, trials: int) -> None:
    domain, source = DOMAINS[world](), rng()
    history = told([(domain.sample(source), float(n)) for n in range(trials)])
    mine = CmaEs(domain=domain).propose(history, rng(3))
    assert mine == RandomSearch(domain=domain).propose(history, rng(3))
