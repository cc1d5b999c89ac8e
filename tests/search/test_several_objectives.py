"""A search of several objectives: what decides, what is kept, and what can be asked of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras_tuner as kt
import numpy as np
import pytest

import nas_nb as nas
from nas_nb.errors import JournalError, SearchError
from nas_nb.search.objective import split_objectives
from nas_nb.search.search import Search
from nas_nb.strategy.registry import STRATEGIES
from nas_nb.workers.checkpoints import CheckpointStore
from tests.search.tiny import tiny_data, tiny_search

BOTH = ["val_accuracy", "params"]
WIDE = {
    "layers": ["Dense"],
    "units": [1, 2, 4, 8, 16, 32],
    "activations": ["relu"],
    "depth": [1, 2],
}


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Search:
    folder = tmp_path_factory.mktemp("several")
    changes = {"space": WIDE, "max_trials": 9, "epochs": 1, "objective": BOTH}
    return tiny_search(folder, strategy="predictor", **changes).run()


def test_the_front_is_a_column_of_the_table_and_a_list_of_trials(search: Search) -> None:
    front = {one.number for one in search.pareto_front()}
    assert front == {one.number for one in search.pareto_front("score", "params")}
    assert {*search.trials.index[search.trials["front"]]} == front
    assert search.best.number in front
    knee = search.knee()
    assert knee is None or knee.number in front


def test_each_of_the_front_has_its_model_however_it_was_trained_and_after_a_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CheckpointStore.__init__, "__defaults__", (1,))
    changes = {"space": WIDE, "epochs": 8, "objective": ["val_loss", "params"], "strategy": "grid"}
    tiny_search(tmp_path, max_trials=6, **changes).run()
    search = tiny_search(tmp_path, max_trials=12, workers=2, **changes).run()
    front = search.pareto_front()
    assert len(front) > 2
    for one in front:
        measured = one.model().evaluate(*search.data.part("val"), verbose=0, return_dict=True)
        assert measured["loss"] == pytest.approx(one.score, rel=1e-4)
    kept = {file.name for file in (tmp_path / "checkpoints").iterdir()}
    assert kept == {one.record.checkpoint for one in front}


def test_one_objective_has_no_such_column_and_the_front_of_params(tmp_path: Path) -> None:
    alone = tiny_search(tmp_path, max_trials=2, epochs=1).run()
    assert "front" not in alone.trials
    assert alone.history.minimised == ()
    assert [one.number for one in alone.pareto_front()] == [
        one.number for one in alone.pareto_front("score", "params")
    ]


def test_the_hypervolume_grows_up_to_a_reference_that_it_names(search: Search) -> None:
    grown = search.hypervolume()
    assert [*grown.index] == [trial.number for trial in search.history.completed]
    assert (grown.diff().dropna() >= 0).all()
    assert {*grown.attrs["reference"]} == {"score", "params"}
    wide = search.hypervolume(reference={"score": 0.0, "params": 10_000})
    assert wide.iloc[-1] > grown.iloc[-1]
    with pytest.raises(JournalError, match="Expected a reference number"):
        search.hypervolume(reference={"score": 0.0})


def test_every_strategy_says_what_it_makes_of_several_objectives(search: Search) -> None:
    history, domain = search.history, search.space.domain
    told = {
        name: kind().over(domain).full_reason(history) or "" for name, kind in STRATEGIES.items()
    }
    assert all("params" in text for text in told.values())
    assert "expected improvement of the hypervolume" in told["predictor"]
    assert "hypervolume" in told["auto"] or "no objective" in told["auto"]
    assert "sorts by val_accuracy and params" in told["nsga2"]
    assert "goes by no objective" in told["random"]
    assert "goes by val_accuracy alone" in told["evolution"]
    assert search.strategy_reason == told["predictor"]


def test_it_is_the_same_search_again_with_the_same_objectives_alone(search: Search) -> None:
    assert nas.open(search.directory, data=tiny_data()).settings.minimised == ("params",)
    changes = {"space": WIDE, "max_trials": 9, "epochs": 1, "strategy": "predictor"}
    with pytest.raises(SearchError, match="with another list of costs"):
        tiny_search(search.directory, **changes)


@pytest.mark.parametrize("strategy", ["predictor", "nsga2"])
def test_a_search_that_is_cut_proposes_what_it_would_have_proposed(
    strategy: str, tmp_path: Path
) -> None:
    changes: dict[str, Any] = {"space": WIDE, "epochs": 1, "objective": BOTH, "strategy": strategy}
    whole = tiny_search(tmp_path / "whole", max_trials=8, **changes).run()
    tiny_search(tmp_path / "cut", max_trials=6, **changes).run()
    again = tiny_search(tmp_path / "cut", max_trials=8, **changes).run()
    assert [t.values for t in again.history] == [t.values for t in whole.history]


def test_latency_is_measured_where_it_is_an_objective(tmp_path: Path) -> None:
    timed = tiny_search(tmp_path, max_trials=1, epochs=1, objective=["val_loss", "latency_s"]).run()
    assert timed.trials["latency_s"][0] > 0
    assert timed.direction == "min"


@pytest.mark.parametrize(
    ("given", "scored", "costs"),
    [
        ("val_accuracy", "val_accuracy", ()),
        ("val_accuracy, params", "val_accuracy", ("params",)),
        (("macs", "val_loss", "params"), "val_loss", ("macs", "params")),
        ([kt.Objective("auc", "max"), kt.Objective("params", "min")], "auc", ("params",)),
        (None, None, ()),
    ],
)
def test_objectives_are_a_name_or_a_list_in_any_order(given: Any, scored: Any, costs: Any) -> None:
    found, minimised = split_objectives(given)
    assert getattr(found, "name", found) == scored
    assert minimised == costs


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["params"],
        ["val_accuracy", "val_loss"],
        ["val_accuracy", "params", "params"],
        ["val_accuracy", kt.Objective("params", "max")],
    ],
)
def test_what_is_no_such_list_is_refused_in_one_sentence(given: Any) -> None:
    with pytest.raises(SearchError, match="Expected one objective that the candidates log, and"):
        split_objectives(given)


def test_pruning_by_the_score_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="Expected prune=False for several objectives"):
        tiny_search(tmp_path, objective=BOTH, prune=True)


def test_a_cost_that_no_trial_tells_leaves_an_empty_front(tmp_path: Path) -> None:
    made = nas.Search(WIDE, tiny_data(), objective=BOTH, max_trials=1, directory=tmp_path)
    assert made.pareto_front() == []
    assert made.knee() is None
    assert len(made.hypervolume()) == 0
    assert np.isfinite(made.history.front.volume)
