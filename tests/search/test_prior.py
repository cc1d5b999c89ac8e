"""A prior: what another search found is knowledge, and counts as nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nas_nb as nas
from nas_nb.errors import SearchError
from nas_nb.record.events import EventKind
from nas_nb.record.history import History
from nas_nb.search.prior import MOST, as_prior, first_of_prior, own_ancestors, with_prior
from nas_nb.search.search import Search
from nas_nb.strategy.base import Proposal, proposal_rng
from nas_nb.strategy.registry import STRATEGIES
from tests.explain.worlds import DOMAIN, history_of
from tests.search.tiny import CHOICES, tiny_data, tiny_search

WIDE = {**CHOICES, "units": [2, 3, 4, 6, 8], "depth": [1, 2]}


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Search:
    folder = tmp_path_factory.mktemp("other")
    return tiny_search(folder, space=WIDE, max_trials=8, epochs=1).run()


def informed(folder: Path, prior: Any, **changes: Any) -> Search:
    given = {"strategy": "predictor", "epochs": 1, "seed": 5, **changes}
    return tiny_search(folder, space=WIDE, prior=prior, **given)


def test_its_trials_are_known_and_are_no_trials(other: Search, tmp_path: Path) -> None:
    search = informed(tmp_path, other, max_trials=3).run()
    assert len(search.trials) == len(search.history) == 3
    assert [trial.score for trial in search.history.prior] == [
        trial.score for trial in other.history.completed
    ]
    assert search.trials["origin"][0] == "predictor: best of the prior"
    assert search.trial(0).values == other.best.values
    assert "learns, too, from the 8 trials of the prior" in (search.strategy_reason or "")
    assert search.best.number >= 0
    assert search.best.parent is None


def test_a_cut_search_goes_on_as_it_would_have_though_the_other_is_gone(
    other: Search, tmp_path: Path
) -> None:
    shutil.copytree(other.directory, tmp_path / "copy")
    whole = informed(tmp_path / "whole", tmp_path / "copy", max_trials=6).run()
    informed(tmp_path / "cut", tmp_path / "copy", max_trials=3).run()
    shutil.rmtree(tmp_path / "copy")
    again = informed(tmp_path / "cut", None, max_trials=6).run()
    assert [t.values for t in again.history] == [t.values for t in whole.history]
    alone = informed(tmp_path / "alone", None, max_trials=6).run()
    assert [t.values for t in alone.history] != [t.values for t in whole.history]


def test_only_the_prior_that_it_began_with_may_be_given_again(
    other: Search, tmp_path: Path
) -> None:
    informed(tmp_path / "begun", other, max_trials=1).run()
    informed(tmp_path / "begun", other.directory, max_trials=1)
    informed(tmp_path / "alone", None, max_trials=1).run()
    with pytest.raises(SearchError, match="began without a prior"):
        informed(tmp_path / "alone", other, max_trials=1)
    with pytest.raises(SearchError, match="began with the prior"):
        informed(tmp_path / "begun", tmp_path / "alone", max_trials=1)


def test_another_space_or_objective_or_no_trial_is_refused(other: Search, tmp_path: Path) -> None:
    small = tiny_search(tmp_path / "small", max_trials=1, epochs=1).run()
    with pytest.raises(SearchError, match=r"space\. .* depth: choices \[1\], now \[1, 2\];"):
        informed(tmp_path / "new", small)
    loss = {"objective": "val_loss", "max_trials": 1}
    with pytest.raises(SearchError, match="same objective, val_loss"):
        informed(tmp_path / "new", other, **loss)
    with pytest.raises(SearchError, match="Expected a prior with completed trials"):
        informed(tmp_path / "new", tmp_path)
    with pytest.raises(SearchError, match="Expected `prior` to be another search, or its folder"):
        informed(tmp_path / "new", 3)


def test_scores_of_other_data_or_epochs_are_taken_and_told(other: Search, tmp_path: Path) -> None:
    x, y = tiny_data().part("train")
    data = nas.Data.from_arrays(x, np.array(["down", "up"])[y], name="fewer", seed=0)
    with pytest.warns(UserWarning, match="taken as they are, but differ in: .*rows.*fidelity"):
        informed(tmp_path, other, data=data, epochs=2)


def prior_of(past: History, *own: Any) -> History:
    """A history with that one as its prior, and trials of its own."""
    history = history_of([*own])
    trials = [{"values": t.values, "score": t.score, "costs": t.costs} for t in past.completed]
    history.apply(
        {
            "event": EventKind.PREPARED,
            "time": 0.0,
            "strategy": "prior",
            "what": "prior",
            "detail": {"trials": trials},
        }
    )
    return history


@pytest.mark.parametrize("name", sorted({*STRATEGIES} - {"one_shot", "darts"}))
def test_each_strategy_uses_a_prior_or_says_that_it_does_not(name: str) -> None:
    rng = np.random.default_rng(0)
    past = history_of([(DOMAIN.sample(rng), float(n) / 40, "drawn") for n in range(40)])
    own = (DOMAIN.sample(rng), 0.5, "drawn")
    known, alone = prior_of(past, own), history_of([own])
    options = {"max_epochs": 9} if "max_epochs" in STRATEGIES[name].option_names() else {}
    strategy = STRATEGIES[name](**options).over(DOMAIN)

    def proposals(history: History) -> list[Proposal]:
        made = (strategy.propose(history, proposal_rng(0, number)) for number in range(1, 5))
        return [own_ancestors(p if isinstance(p, Proposal) else Proposal(p)) for p in made]

    uses = strategy.uses_prior(known)
    assert (first_of_prior(prior_of(past), strategy) is not None) == uses
    assert first_of_prior(known, strategy) is None
    told = proposals(with_prior(known, strategy))
    assert all(each.parent is None or each.parent >= 0 for each in told)
    assert all(n >= 0 for each in told for n in each.lineage.get("ancestors", ()))
    if not uses:
        assert [each.values for each in told] == [each.values for each in proposals(alone)]
    assert ("learns, too" if uses else "makes no use") in (strategy.full_reason(known) or "")


def test_a_large_prior_is_its_best_and_its_latest(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    past = history_of([(DOMAIN.sample(rng), float(n % 7), "drawn") for n in range(MOST + 50)])
    given = SimpleNamespace(history=past, directory=tmp_path)
    prior = as_prior(given, History(), {"objective": "val_accuracy", "direction": "max"})
    assert prior is not None
    assert len(prior.trials) == MOST
    assert prior.trials[-1] == past.completed[-1]
