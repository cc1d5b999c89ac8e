from __future__ import annotations

import pytest

from nas_nb.errors import StrategyError
from nas_nb.strategy.multi_objective import Nsga2
from nas_nb.strategy.optuna_samplers import Translation
from nas_nb.strategy.random_grid import RandomSearch
from tests.strategy.worlds import chain, rng, told, twelve

pytest.importorskip("optuna", reason='needs Optuna: pip install -e ".[optuna]"')


def test_it_is_told_the_cost_where_there_is_one() -> None:
    domain = twelve()
    first, second, *_ = domain.enumerate()
    history = told([(first, 0.5), (second, 0.6)])
    nsga2 = Nsga2(elite=1, domain=domain)
    assert [t.values for t in nsga2.told(Translation(domain), history)] == [[0.5], [0.6]]
    for event in (
        {"event": "trial_proposed", "trial": 2, "values": first, "origin": "user"},
        {"event": "trial_started", "trial": 2},
        {"event": "trial_built", "trial": 2, "costs": {"params": 7}},
        {"event": "trial_ended", "trial": 2, "status": "completed", "score": 0.4},
    ):
        history.apply(event)
    assert [t.values for t in nsga2.told(Translation(domain), history)] == [[0.4, 7]]


@pytest.mark.parametrize(
    ("direction", "best"), [("max", [3.0, 4.0, 2.0]), ("min", [0.0, 1.0, 2.0])]
)
def test_the_better_half_by_score_is_told_in_the_order_of_its_trials(
    direction: str, best: list[float]
) -> None:
    domain = twelve()
    scores = [3.0, 0.0, 4.0, 1.0, 2.0]
    history = told(list(zip(domain.enumerate(), scores, strict=False)), direction)
    elite = Nsga2(population_size=2, domain=domain).told(Translation(domain), history)
    assert [trial.values[0] for trial in elite] == best
    assert [trial.system_attrs["NSGAIISampler:generation"] for trial in elite] == [0, 0, 1]


def test_before_the_first_generation_is_whole_it_is_random_search() -> None:
    domain, source = chain(), rng()
    history = told([(domain.sample(source), float(n)) for n in range(8)])

    def proposed(population_size: int) -> dict[str, object]:
        nsga2 = Nsga2(population_size=population_size, domain=domain)
        return dict(nsga2.propose(history, rng(3)))

    by_chance = RandomSearch(domain=domain).propose(history, rng(3))
    assert proposed(5) == by_chance
    assert proposed(4) != by_chance


def test_no_elite_is_refused() -> None:
    with pytest.raises(StrategyError, match="`elite`"):
        Nsga2(elite=0)
