from __future__ import annotations

import importlib.util

import pytest

from nas_nb.errors import StrategyError
from nas_nb.strategy.optuna_samplers import (
    CmaEs,
    OptunaStrategy,
    Tpe,
    Translation,
    told_study,
    told_trials,
)
from nas_nb.strategy.random_grid import RandomSearch
from tests.strategy.worlds import DOMAINS, rng, told

optuna = pytest.importorskip("optuna", reason='needs Optuna: pip install -e ".[optuna]"')


@pytest.mark.parametrize("world", list(DOMAINS))
def test_points_survive_the_translation(world: str) -> None:
    domain = DOMAINS[world]()
    translation, source = Translation(domain), rng()
    for _ in range(30):
        point = domain.sample(source)
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        study.enqueue_trial(translation.params(point))
        back = domain.canonical(translation.ask(study))
        assert list(back) == list(point)
        assert all(v == pytest.approx(point[name]) for name, v in back.items())


def test_failures_and_points_of_other_spaces_are_not_told() -> None:
    domain = DOMAINS["twelve"]()
    first, second, *_ = domain.enumerate()
    history = told([(first, 0.5), (second, None), ({"other": 1}, 0.7)])
    assert [trial.values for trial in told_trials(Translation(domain), history, 20)] == [[0.5]]


def test_a_study_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    domain = DOMAINS["twelve"]()
    trials = told_trials(Translation(domain), told([(next(domain.enumerate()), 0.5)]), 20)
    assert len(told_study(optuna.samplers.RandomSampler(), "max", trials).trials) == 1
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("strategy", [Tpe, CmaEs])
def test_a_missing_package_is_named_with_its_install_command(
    strategy: type[OptunaStrategy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StrategyError, match=r'optuna.*pip install "nas_nb\[optuna\]"'):
        strategy()


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
