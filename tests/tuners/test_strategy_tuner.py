from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import pytest

import nas_nb as nas
from nas_nb.errors import StrategyError
from tests.pages import blocks
from tests.tuners.test_drop_in import X, Y, build, search

STEPS = 2  # batches of an epoch


class Steps(keras.callbacks.Callback):  # type: ignore[misc]
    """Notes how many steps a model has behind it when its training begins and ends."""

    seen: list[int] = []  # noqa: RUF012 - tuners copy callbacks

    def on_train_begin(self, logs: Any = None) -> None:
        self.seen.append(int(self.model.optimizer.iterations))

    def on_train_end(self, logs: Any = None) -> None:
        self.seen.append(int(self.model.optimizer.iterations))


RUNGS: dict[str, dict[str, Any]] = {
    "successive_halving": {"max_epochs": 2, "factor": 2},
    "hyperband": {"max_epochs": 2, "factor": 2},
    "asha": {"max_epochs": 2, "factor": 2},
    "predictor": {"min_epochs": 1, "max_epochs": 2, "factor": 2},
    "bohb": {"max_epochs": 2, "factor": 2},
}


def known_at_once(hp: kt.HyperParameters) -> keras.Model:
    """Its space doesn't grow: what was proposed before it grew is not promoted."""
    units, activation = hp.Int("units", 2, 9), hp.Choice("activation", ["relu", "tanh"])
    layers = [keras.layers.Dense(units, activation), keras.layers.Dense(2, "softmax")]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_its_arguments_are_those_of_random_search_in_their_order() -> None:
    theirs = list(inspect.signature(kt.RandomSearch.__init__).parameters)[:-1]
    assert list(inspect.signature(nas.StrategyTuner.__init__).parameters)[: len(theirs)] == theirs


def test_the_example_of_the_page_runs_and_goes_on(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (root / "docs" / "kerastuner.md").read_text()
    example = next(code for code in blocks(page, "python") if "nas.StrategyTuner" in code)
    example = example.replace("max_trials=20", "max_trials=2, seed=0")
    known = {"nas": nas, "build": build, "x": X, "y": Y, "x_val": X, "y_val": Y}
    exec(example, known)
    exec(example.replace("max_trials=2", "max_trials=3"), again := dict(known))
    scores = [[t.score for t in names["tuner"].oracle.history] for names in (known, again)]
    assert len(scores[0]) == 2
    assert len(scores[1]) == 3
    assert scores[1][:2] == scores[0]
    assert again["tuner"].get_best_models(1)[0].count_params() > 0


@pytest.mark.parametrize("name", RUNGS)
def test_trials_are_trained_as_far_as_promised_and_promoted_ones_go_on(
    name: str, tmp_path: Path
) -> None:
    Steps.seen.clear()
    options = RUNGS[name]
    tuner = nas.StrategyTuner(
        known_at_once,
        "val_accuracy",
        8,
        0,
        strategy=name,
        strategy_options=options,
        directory=tmp_path,
    )
    tuner.search(X, Y, validation_data=(X, Y), epochs=9, verbose=0, callbacks=[Steps()])
    history = tuner.oracle.history
    assert len(history.completed) == len(history) > 0
    promoted = [trial for trial in history if trial.parent is not None]
    assert promoted, [(trial.fidelity, trial.parent, trial.values) for trial in history]
    promised = []
    for trial in history:
        before = 0 if trial.parent is None else history[trial.parent].fidelity["epochs"]
        promised += [before * STEPS, trial.fidelity["epochs"] * STEPS]
    assert Steps.seen == promised


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"tune_new_entries": False}, "Expected `hyperparameters` with tune_new_entries=False"),
        ({"allow_new_entries": False}, "Expected `hyperparameters` with allow_new_entries=False"),
        ({"max_retries_per_trial": 1}, "Expected max_retries_per_trial=0. Received: 1"),
    ],
)
def test_what_it_cannot_honour_is_refused(
    given: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(StrategyError) as refused:
        nas.StrategyTuner(build, "val_accuracy", directory=tmp_path, **given)
    assert sentence in str(refused.value)


def test_new_entries_are_not_tuned_where_that_is_asked(tmp_path: Path) -> None:
    hp = kt.HyperParameters()
    hp.Int("depth", 1, 2)
    given = {"hyperparameters": hp, "tune_new_entries": False, "directory": tmp_path}
    tuner = search(nas.StrategyTuner(build, "val_accuracy", 2, 0, strategy="random", **given))
    assert [set(trial.values) for trial in tuner.oracle.history] == [{"depth"}, {"depth"}]


def test_new_entries_are_an_error_where_they_are_not_allowed(tmp_path: Path) -> None:
    hp = kt.HyperParameters()
    hp.Int("depth", 1, 2)
    with pytest.raises(RuntimeError, match="allow_new_entries"):
        nas.StrategyTuner(build, hyperparameters=hp, allow_new_entries=False, directory=tmp_path)


class Formula(nas.StrategyTuner):
    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> float:
        x = trial.hyperparameters.Float("x", -1.0, 1.0)
        return x * x + trial.hyperparameters.Int("n", 1, 3)


@pytest.mark.parametrize("name", ["random", "evolution", "auto"])
def test_its_own_run_trial_needs_no_hypermodel(name: str, tmp_path: Path) -> None:
    for trials in (3, 5):
        tuner = Formula(max_trials=trials, seed=0, strategy=name, directory=tmp_path)
        tuner.search()
    values = [trial.hyperparameters.values for trial in tuner.oracle.trials.values()]
    assert [set(one) for one in values] == [{"x", "n"}] * 5
    assert len({tuple(one.values()) for one in values}) > 3


def of_units(
    units: list[int],
    more: bool = False,
    last: int = 9,
    ranges: bool = True,
    default: int | None = None,
) -> Any:
    def build(hp: kt.HyperParameters) -> keras.Model:
        size = hp.Choice("units", units, default=default) + (
            hp.Int("range", 1, min(units) + last - 9) if ranges else 1
        )
        layers = [keras.layers.Dense(size), keras.layers.Dense(2, "softmax")]
        if more:
            layers.insert(1, keras.layers.Dropout(hp.Float("drop", 0.0, 0.5)))
        model = keras.Sequential([keras.Input((4,)), *layers])
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    return build


def stock(build: Any, trials: int, folder: Path) -> kt.Tuner:
    oracle = nas.oracle("random", "val_accuracy", trials, seed=0)
    return kt.Tuner(oracle, build, directory=folder)


def strategy_tuner(build: Any, trials: int, folder: Path) -> kt.Tuner:
    return nas.StrategyTuner(build, "val_accuracy", trials, 0, strategy="random", directory=folder)


@pytest.mark.parametrize("make", [stock, strategy_tuner])
def test_a_project_of_another_space_is_refused_before_a_trial(make: Any, tmp_path: Path) -> None:
    search(make(of_units([2, 3]), 1, tmp_path))
    assert len(search(make(of_units([2, 3]), 2, tmp_path)).oracle.history) == 2
    for changed, told in (
        (of_units([4, 5]), r"'units' 2, 3, now 4, 5"),
        (of_units([2, 3], more=True), r"'drop' not in it, now 0.0 to 0.5"),
        (of_units([2, 3], last=12), r"'range' "),
        (of_units([2, 3], ranges=False), r"with 'range', now without it"),
        (
            of_units([2, 3], default=3),
            r"'units' 2, 3 with the default 2, now 2, 3 with the default",
        ),
    ):
        with pytest.raises(StrategyError, match=rf"Expected the space of the search .*\({told}"):
            make(changed, 3, tmp_path)
    assert len(make(of_units([2, 3]), 2, tmp_path).oracle.history) == 2


def of_branch(widest: int) -> Any:
    def build(hp: kt.HyperParameters) -> keras.Model:
        layers = [keras.layers.Dense(2, "softmax")]
        if hp.Choice("depth", [1, 2]) == 2:
            layers.insert(0, keras.layers.Dense(hp.Choice("width", [4, widest])))
        model = keras.Sequential([keras.Input((4,)), *layers])
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    return build


@pytest.mark.parametrize("make", [stock, strategy_tuner])
def test_a_branch_that_the_defaults_do_not_take_is_compared_too(make: Any, tmp_path: Path) -> None:
    first = search(make(of_branch(5), 4, tmp_path))
    assert {trial.values["depth"] for trial in first.oracle.history.completed} == {1, 2}
    assert len(search(make(of_branch(5), 5, tmp_path)).oracle.history) == 5
    with pytest.raises(StrategyError, match=r"\('width' 4, 5, now 4, 6\)"):
        make(of_branch(6), 6, tmp_path)


def test_a_project_whose_build_and_training_ask_for_more_by_and_by_goes_on(tmp_path: Path) -> None:
    class Tuned(kt.HyperModel):  # type: ignore[misc]
        def build(self, hp: kt.HyperParameters) -> keras.Model:
            return build(hp)

        def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
            return model.fit(*args, batch_size=hp.Choice("batch", [16, 32]), **kwargs)

    for trials in (3, 4):
        rest = {"strategy": "random", "directory": tmp_path}
        tuner = search(nas.StrategyTuner(Tuned(), "val_accuracy", trials, 0, **rest))
    assert [trial.status for trial in tuner.oracle.trials.values()] == ["COMPLETED"] * 4


def test_failures_in_a_row_end_the_search(tmp_path: Path) -> None:
    given = {"max_model_size": 5, "max_consecutive_failed_trials": 2, "directory": tmp_path}
    tuner = nas.StrategyTuner(build, "val_accuracy", 9, 0, strategy="random", **given)
    with pytest.raises(RuntimeError, match="max_model_size=5"):
        search(tuner)
    assert len(tuner.oracle.history) == 2
