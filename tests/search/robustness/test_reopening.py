from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import nas_nb as nas
from nas_nb.errors import NasError, SearchError
from nas_nb.workers.control import SearchState
from tests.search.tiny import CHOICES, tiny_data, tiny_search, unbuildable


def test_a_search_is_opened_by_its_folder_alone(tmp_path: Path):
    given = {
        "strategy": "evolution",
        "strategy_options": {"population": 2, "sample": 2},
        "epochs": 1,
    }
    first = nas.Search(CHOICES, "iris", max_trials=2, seed=7, directory=tmp_path, **given).run()
    again = nas.open(tmp_path)
    assert again.state is SearchState.FINISHED
    assert again.trials.equals(first.trials)
    assert (again.seed, again.strategy, again.budget) == (first.seed, first.strategy, first.budget)
    assert again.best.model().count_params() == first.best.record.costs["params"]
    again.configure(max_trials=3)
    assert len(again.run().trials) == 3


def test_data_of_the_users_own_is_asked_for(tmp_path: Path):
    tiny_search(tmp_path, max_trials=1).run()
    with pytest.raises(SearchError, match=r"data 'tiny' is not in its journal.*data="):
        nas.open(tmp_path)
    assert len(nas.open(tmp_path, data=tiny_data()).trials) == 1


def test_a_build_function_is_asked_for(tmp_path: Path):
    tiny_search(tmp_path, space=unbuildable, max_trials=1).run()
    with pytest.raises(SearchError, match=r"builds its models.*space="):
        nas.open(tmp_path, data=tiny_data())
    assert len(nas.open(tmp_path, data=tiny_data(), space=unbuildable).trials) == 1


def test_a_ready_space_is_asked_for_by_its_name(tmp_path: Path):
    space = nas.spaces.tabular(families="mlp", depths=1, widths=4)
    tiny_search(tmp_path, data=nas.load("iris"), space=space, max_trials=1).run()
    with pytest.raises(SearchError, match=r"its space=|nas.open\(.*, space=nas.spaces.tabular\("):
        nas.open(tmp_path)


def test_a_strategy_function_is_asked_for(tmp_path: Path):
    def mine(history: object, rng: object) -> dict[str, object]:
        return search.space.domain.sample(rng)  # type: ignore[arg-type]

    search = tiny_search(tmp_path, max_trials=1, strategy=mine)
    search.run()
    with pytest.raises(SearchError, match="strategy=") as seen:
        nas.open(tmp_path, data=tiny_data())
    assert "mine" in str(seen.value)
    assert nas.open(tmp_path, data=tiny_data(), strategy="random").strategy.name == "random"


def squared(truth: Any, guess: Any) -> Any:
    return keras.ops.mean((keras.ops.cast(truth, "float32") - guess) ** 2)


def test_one_error_names_all_that_is_missing_the_measures_of_the_data_too(tmp_path: Path):
    x = np.random.default_rng(0).normal(size=(60, 4))
    data = nas.Data.from_arrays(x, x[:, 0] > 0, test=0.25, loss=squared, metrics=["auc", squared])
    given = {"max_trials": 1, "epochs": 1, "directory": tmp_path / "my search"}
    nas.Search(unbuildable, data, strategy=lambda history, rng: {"kernel": 1}, **given).run()
    with pytest.raises(SearchError) as seen:
        nas.open(tmp_path / "my search")
    told = str(seen.value)
    assert "models, its data and its strategy '<lambda>' (is a function) are not" in told
    assert "test=0.25, seed=0, loss=squared, metrics=['auc', squared]), strategy=...)" in told
    assert f"`%nas open '{tmp_path}/my search' --space NAME --data NAME --strategy NAME`" in told


def test_a_folder_without_a_search_says_so(tmp_path: Path):
    with pytest.raises(NasError, match="no search"):
        nas.open(tmp_path / "nothing")
    (tmp_path / "journal.jsonl").write_text("a diary\n")  # there is a file: what is wrong with it?
    with pytest.raises(NasError, match=r"on line 1 .*Received: b'a diary"):
        nas.open(tmp_path)
