from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import keras_tuner as kt
import numpy as np
import pytest

from nas_nb.data.dataset import Data
from nas_nb.errors import BudgetError, NasError, SearchError, StrategyError
from nas_nb.record.trial_facts import best_text
from nas_nb.search.search import Search
from nas_nb.workers.control import SearchState
from tests.search.tiny import CHOICES, tiny_data, tiny_search, unbuildable


def test_a_search_evaluates_its_budget_and_names_the_incumbent(tmp_path: Path):
    search = tiny_search(tmp_path).run()
    assert search.state is SearchState.FINISHED
    assert search.reason == "max_trials=3 reached"
    assert list(search.trials["status"]) == ["completed"] * 3
    assert search.best.score == search.trials["score"].max()
    assert list(search.trials["epochs"]) == [2, 2, 2]


def test_nothing_is_written_before_the_start(tmp_path: Path):
    search = tiny_search(tmp_path / "project")
    assert search.state is SearchState.NEW
    assert not (tmp_path / "project").exists()


def test_epochs_are_a_budget_over_all_trials(tmp_path: Path):
    search = tiny_search(tmp_path, max_trials=None, max_epochs=5).run()
    assert search.reason == "max_epochs=5 reached"
    assert list(search.trials["epochs"]) == [2, 2, 1]


def test_an_exhausted_space_ends_the_search_and_says_so(tmp_path: Path):
    small = {**CHOICES, "units": [2], "learning_rate": [0.1]}
    search = tiny_search(tmp_path, space=small, max_trials=50).run()
    assert search.state is SearchState.FINISHED
    assert len(search.trials) == 2
    assert "All 2 architectures" in (search.reason or "")


def test_a_candidate_over_max_params_is_a_row_with_its_reason(tmp_path: Path):
    search = tiny_search(tmp_path, max_params=5).run()
    assert set(search.trials["status"]) == {"failed"}
    assert search.trials["reason"].str.contains("more params than max_params=5").all()


def diverging(hp: kt.HyperParameters) -> keras.Model:
    rate = hp.Choice("learning_rate", [1e-2, 1e38])
    model = keras.Sequential([keras.Input((4,)), *map(keras.layers.Dense, (4, 1))])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate), loss, metrics=["accuracy"])
    return model


def test_a_loss_that_is_not_finite_fails_the_trial_and_not_the_search(tmp_path: Path):
    search = tiny_search(tmp_path, space=diverging, max_trials=2, objective="val_accuracy").run()
    rows = search.trials.set_index("learning_rate")
    assert rows.loc[1e-2, "status"] == "completed"
    assert rows.loc[1e38, "status"] == "failed"
    assert "not finite" in rows.loc[1e38, "reason"]


def test_a_model_that_cannot_be_built_is_a_row_with_its_reason(tmp_path: Path):
    search = tiny_search(tmp_path, space=unbuildable, max_trials=2).run()
    failed = search.trials[search.trials["status"] == "failed"]
    assert list(failed["reason"]) == ["ValueError: a kernel of 9 does not fit"]


def test_a_search_without_a_completed_trial_names_the_failure(tmp_path: Path):
    search = tiny_search(tmp_path, max_params=1, max_trials=2).run()
    with pytest.raises(SearchError, match=r"it is finished, 2 trials ended.*max_params=1 allows"):
        _ = search.best


def test_a_finished_search_is_finished_when_it_is_made_again(tmp_path: Path):
    tiny_search(tmp_path, max_trials=1).run()
    again = tiny_search(tmp_path, max_trials=1)
    assert again.state is SearchState.FINISHED
    assert again.reason == "max_trials=1 reached"
    again.start().wait()
    assert len(again.trials) == 1


def test_the_trained_model_of_the_incumbent_scores_what_was_recorded(tmp_path: Path):
    search = tiny_search(tmp_path).run()
    data = search.data
    measured = search.best.model().evaluate(data.x_val, data.y_val, verbose=0, return_dict=True)
    assert measured["accuracy"] == pytest.approx(search.best.score)


def test_the_incumbents_test_metrics_come_from_rows_no_decision_has_seen(tmp_path: Path):
    measured = tiny_search(tmp_path).run().best.evaluate()
    assert set(measured) == {"loss", "accuracy"}
    assert 0 <= measured["accuracy"] <= 1


def test_the_incumbents_code_is_plain_keras(tmp_path: Path):
    search = tiny_search(tmp_path).run()
    code = search.best.code()
    assert "nas_nb" not in code
    scope: dict[str, Callable[[], keras.Model]] = {}
    exec(code, scope)
    model = scope["build_model"]()
    assert model.count_params() == search.best.record.costs["params"]


def test_the_incumbent_before_any_trial_says_what_to_do(tmp_path: Path):
    with pytest.raises(SearchError, match=r"search\.start\(\)"):
        _ = tiny_search(tmp_path).best


def test_only_the_best_trials_keep_their_weights(tmp_path: Path):
    search = tiny_search(tmp_path, max_trials=8, epochs=1).run()
    kept = {file.name for file in (tmp_path / "checkpoints").iterdir()}
    assert len(kept) == 5
    assert search.best.record.checkpoint in kept


def test_the_same_seed_gives_the_same_trials(tmp_path: Path):
    first = tiny_search(tmp_path / "a").run().trials
    second = tiny_search(tmp_path / "b").run().trials
    columns = [name for name in first.columns if name != "duration_s"]
    assert first[columns].equals(second[columns])
    other = tiny_search(tmp_path / "c", seed=1).run().trials
    assert not first[columns].equals(other[columns])


def test_the_users_dtype_policy_reaches_the_candidates_and_stays(tmp_path: Path):
    seen: list[str] = []

    def build(hp: kt.HyperParameters) -> keras.Model:
        hp.Choice("units", [1, 2])
        layer = keras.layers.Dense(1, activation="sigmoid")
        seen.append(layer.compute_dtype)
        model = keras.Sequential([keras.Input((4,)), layer])
        model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        return model

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        search = tiny_search(tmp_path, space=build, max_trials=2).start()
        search.wait()
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy(before)
    assert seen[-2:] == ["bfloat16", "bfloat16"]


def test_what_makes_trials_comparable_cannot_change_half_way(tmp_path: Path):
    search = tiny_search(tmp_path, max_trials=1).run()
    with pytest.raises(SearchError, match="another seed"):
        search.configure(seed=5)
    with pytest.raises(SearchError, match="another fidelity"):
        tiny_search(tmp_path, epochs=5)
    search.configure(strategy="evolution", max_trials=2)
    assert search.strategy.name == "evolution"


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"strategy": "evolutoin"}, StrategyError, "Did you mean 'evolution'"),
        ({"max_trials": None}, BudgetError, "no budget"),
        ({"max_trials": 0}, BudgetError, "could not evaluate anything"),
        ({"epochs": 0}, NasError, "1 or more"),
        ({"seed": -1}, NasError, "0 or more"),
        ({"objective": "val_wonder"}, SearchError, "that the candidates log: loss, accuracy"),
        ({"space": {}}, NasError, "layers"),
        ({"data": "digitz"}, NasError, "Did you mean 'digits'"),
        ({"data": 5}, NasError, "from_arrays"),
    ],
)
def test_bad_input_is_one_sentence_before_anything_runs(
    tmp_path: Path, changes: dict[str, object], error: type[Exception], says: str
):
    with pytest.raises(error, match=says):
        tiny_search(tmp_path / "project", **changes)
    assert not (tmp_path / "project").exists()


def test_the_repr_says_where_the_search_stands(tmp_path: Path):
    search: Search = tiny_search(tmp_path)
    assert repr(search) == (
        "<Search 'tiny': new, 0 of 3 trials, no incumbent yet, strategy random>"
    )
    search.run()
    assert f"finished, 3 of 3 trials, best {best_text(search.history)}, strategy" in repr(search)
    assert " ± " in repr(search)


def test_what_others_call_it_is_answered_with_what_to_write(tmp_path: Path):
    search: Search = tiny_search(tmp_path)
    with pytest.raises(AttributeError, match=r"no attribute 'best_model'. Write `search.best.mod"):
        _ = search.best_model
    with pytest.raises(AttributeError, match="Did you mean 'trials'"):
        _ = search.trails
    assert not hasattr(search, "_repr_svg_")
    with pytest.raises(TypeError, match=r"without parentheses behind it, as `search.best`"):
        search.run().best()


def test_the_space_comes_first():
    with pytest.raises(SearchError, match=r"first and then the data: nas.Search\(space, data\)"):
        Search(tiny_data(), CHOICES, max_trials=1)  # type: ignore[arg-type]
    with pytest.raises(SearchError, match="first and then the data"):
        Search("digits", lambda hp: None, max_trials=1)  # type: ignore[arg-type]


def test_tiny_data_fits_the_spaces_of_these_tests():
    assert tiny_data().spec.outputs == 1


def test_a_layer_that_can_only_be_dense_is_shown_as_dense(tmp_path: Path):
    deep = {**CHOICES, "layers": ["Conv1D", "Dense"], "depth": [2]}
    data = Data.from_arrays(np.zeros((40, 4, 1), "float32"), np.arange(40) % 2, name="tiny")
    asked = {"depth": 2, "layer_1": "Dense", "units_1": 2, "activation_1": "relu",
             "units_2": 2, "activation_2": "relu", "learning_rate": 0.1}  # fmt: skip
    search = tiny_search(
        tmp_path, space=deep, data=data, strategy=lambda history, rng: asked, max_trials=1, epochs=1
    ).run()
    assert "layer_2" not in search.history[0].values
    assert list(search.trials[["layer_1", "layer_2"]].loc[0]) == ["Dense", "Dense"]
