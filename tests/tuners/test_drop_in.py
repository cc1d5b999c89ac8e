from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import keras_tuner as kt
import numpy as np
import pytest

import nas_nb
from nas_nb import tuners
from nas_nb.errors import NasWarning, SearchError
from nas_nb.space.search_space import SearchSpace
from nas_nb.tuners import Tuner

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("int64")
TUNERS: dict[str, dict[str, Any]] = {
    "RandomSearch": {"max_trials": 4},
    "GridSearch": {"max_trials": 4},
    "BayesianOptimization": {"max_trials": 4, "num_initial_points": 4},
    "Hyperband": {"max_epochs": 3},
}


def build(hp: kt.HyperParameters) -> keras.Model:
    model = keras.Sequential([keras.Input((4,))])
    for number in range(hp.Int("depth", 1, 2)):
        model.add(keras.layers.Dense(hp.Choice(f"units_{number}", [2, 3, 5]), activation="relu"))
    model.add(keras.layers.Dense(2, activation="softmax"))
    optimizer = keras.optimizers.Adam(hp.Choice("learning_rate", [0.01, 0.1]))
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def search(tuner: kt.Tuner) -> kt.Tuner:
    tuner.search(X, Y, validation_data=(X, Y), epochs=2, verbose=0)
    return tuner


def make(module: Any, name: str, folder: Path, **changes: Any) -> kt.Tuner:
    given = {"objective": "val_accuracy", "seed": 3, "directory": folder, **TUNERS[name]}
    return getattr(module, name)(build, **{**given, **changes})


def proposals(tuner: kt.Tuner) -> list[dict[str, Any]]:
    return [trial.hyperparameters.values for trial in tuner.oracle.trials.values()]


def scores(tuner: kt.Tuner) -> dict[str, float]:
    return {trial.trial_id: trial.score for trial in tuner.oracle.trials.values()}


@pytest.mark.parametrize("name", TUNERS)
@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("workers", r"Unrecognized arguments \['workers'\].*nas\.Search\(build, data, workers="),
        ("max_time", r"nas\.Search\(build, data, max_time="),
        ("batch_size", r"tuner\.search\(x, y, batch_size="),
        ("nonsense", r"Unrecognized arguments \['nonsense'\] for `BaseTuner.__init__\(\)`\.$"),
    ],
)
def test_an_argument_that_belongs_elsewhere_says_where(
    tmp_path: Path, name: str, argument: str, said: str
):
    with pytest.raises(ValueError, match=said):
        make(nas_nb, name, tmp_path, **{argument: 2})


def test_workers_are_no_argument_of_a_training_either(tmp_path: Path):
    tuner = make(nas_nb, "RandomSearch", tmp_path)
    with pytest.raises(SearchError, match=r"`fit`.*workers, of nas.Search"):
        tuner.search(X, Y, validation_data=(X, Y), verbose=0, workers=2)
    assert not tuner.oracle.trials


@pytest.mark.parametrize("name", ["RandomSearch", "GridSearch", "BayesianOptimization"])
def test_the_same_seed_gives_the_proposals_of_keras_tuner(tmp_path: Path, name: str):
    ours = search(make(tuners, name, tmp_path / "ours"))
    theirs = search(make(kt, name, tmp_path / "theirs"))
    assert proposals(ours) == proposals(theirs)


@pytest.mark.parametrize("name", TUNERS)
def test_the_best_model_scores_what_its_trial_recorded(tmp_path: Path, name: str):
    tuner = search(make(tuners, name, tmp_path))
    best = tuner.oracle.get_best_trials(1)[0]
    measured = tuner.get_best_models(1)[0].evaluate(X, Y, verbose=0, return_dict=True)
    assert measured["accuracy"] == pytest.approx(best.score)
    assert tuner.get_best_hyperparameters(1)[0].values == best.hyperparameters.values


@pytest.mark.parametrize("name", TUNERS)
def test_an_existing_project_is_reloaded(tmp_path: Path, name: str):
    first = search(make(tuners, name, tmp_path))
    again = make(tuners, name, tmp_path)
    assert scores(again) == scores(first)
    assert make(tuners, name, tmp_path, overwrite=True).oracle.trials == {}


def test_hyperband_takes_the_optimizers_state_from_rung_to_rung(tmp_path: Path):
    tuner = search(make(tuners, "Hyperband", tmp_path))
    promoted = [
        trial.hyperparameters
        for trial in tuner.oracle.trials.values()
        if "tuner/trial_id" in trial.hyperparameters.values
    ]
    model = tuner._try_build(promoted[0])
    assert int(model.optimizer.iterations) == 2  # two batches of the one epoch of the rung before


def test_executions_are_averaged_and_the_best_weights_are_kept(tmp_path: Path):
    tuner = search(make(tuners, "RandomSearch", tmp_path, executions_per_trial=2, max_trials=2))
    assert len(tuner.oracle.trials) == 2
    assert (Path(tuner.project_dir) / "trial_0" / "checkpoint.weights.h5").is_file()


def test_a_model_over_max_model_size_fails_its_trial(tmp_path: Path):
    tuner = make(
        tuners, "RandomSearch", tmp_path, max_model_size=5, max_consecutive_failed_trials=9
    )
    search(tuner)
    assert {trial.status for trial in tuner.oracle.trials.values()} == {"FAILED"}
    assert "max_model_size=5" in tuner.oracle.trials["0"].message


def test_the_oracles_file_is_whole_at_the_end(tmp_path: Path):
    tuner = search(make(tuners, "RandomSearch", tmp_path))
    state = json.loads((Path(tuner.project_dir) / "oracle.json").read_text())
    assert len(state["end_order"]) == 4
    assert not list(Path(tuner.project_dir).glob("partial_*"))


def test_batch_hooks_of_a_subclass_are_called(tmp_path: Path):
    seen: list[int] = []

    class Watching(tuners.RandomSearch):
        def on_batch_end(self, trial: Any, model: Any, batch: int, logs: Any = None) -> None:
            seen.append(batch)

    search(Watching(build, "val_accuracy", 1, seed=1, directory=tmp_path))
    assert len(seen) == 4  # two batches in each of two epochs


def test_the_users_session_is_left_alone(tmp_path: Path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        search(make(tuners, "RandomSearch", tmp_path, max_trials=1))
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy(before)


def test_a_hypermodels_own_fit_is_used(tmp_path: Path):
    class Own(kt.HyperModel):
        def build(self, hp: kt.HyperParameters) -> keras.Model:
            return build(hp)

        def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> float:
            return 0.25

    tuner = tuners.RandomSearch(Own(), kt.Objective("mine", "max"), 1, directory=tmp_path)
    search(tuner)
    assert tuner.oracle.trials["0"].score == 0.25


def test_our_strategies_run_as_tuners_too(tmp_path: Path):
    from nas_nb.oracles.strategy_oracle import oracle

    evolution = oracle("evolution", "val_accuracy", max_trials=3, seed=0, population=2, sample=1)
    tuner = search(Tuner(evolution, build, directory=str(tmp_path), project_name="p"))
    assert len(tuner.oracle.history.completed) == 3
    assert tuner.get_best_models(1)[0].count_params() > 0


def test_a_script_for_keras_tuner_runs_after_changing_the_import(tmp_path: Path, root: Path):
    script = """
import sys
import keras, numpy as np
import nas_nb as keras_tuner
from tests.tuners.test_drop_in import build, X, Y
tuner = keras_tuner.RandomSearch(
    build, objective="val_accuracy", max_trials=2, executions_per_trial=2,
    overwrite=True, directory=sys.argv[1], project_name="helloworld",
)
tuner.search_space_summary()
tuner.search(X, Y, epochs=2, validation_data=(X, Y))
tuner.results_summary()
print("best", tuner.get_best_models(num_models=2)[0].count_params())
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(command, check=False, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Search space summary" in done.stdout
    assert "best " in done.stdout


def unnamed(hp: kt.HyperParameters) -> keras.Model:
    """Looks its layer up, and names neither metrics nor heads."""
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(hp.Choice("units", [2, 3, 5]), activation="relu")(inputs)
    heads = [keras.layers.Dense(1, activation="sigmoid")(hidden) for _ in range(2)]
    model = keras.Model(inputs, heads)
    kernel = model.get_layer("dense").kernel
    kernel.assign(kernel / 2)
    losses = ["binary_crossentropy"] * 2
    model.compile("sgd", losses, metrics=[[keras.metrics.AUC()], [keras.metrics.Precision()]])
    return model


class Looking(keras.callbacks.Callback):  # type: ignore[misc]
    """Looks a layer up by its automatic name, and makes a metric of its own."""

    names: list[str] = []  # noqa: RUF012 - tuners copy callbacks

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.names.append(self.model.get_layer("dense_1").name)


OBJECTIVE = kt.Objective("val_dense_1_auc", "max")


@pytest.mark.parametrize("name", ["RandomSearch", "StrategyTuner"])
def test_automatic_names_begin_anew_for_each_build(tmp_path: Path, name: str):
    mine = keras.metrics.AUC().name  # an earlier cell made one, too
    Looking.names.clear()
    tuner = getattr(tuners, name)(
        unnamed, OBJECTIVE, max_trials=2, seed=0, executions_per_trial=2, directory=tmp_path
    )
    rest = {"validation_split": 0.25, "epochs": 1, "verbose": 0, "callbacks": [Looking()]}
    tuner.search(X, [Y, Y], **rest)
    trials = list(tuner.oracle.trials.values())
    assert [trial.status for trial in trials] == ["COMPLETED"] * 2, trials[0].message
    assert all(trial.metrics.exists("val_dense_2_precision") for trial in trials)
    assert Looking.names == ["dense_1"] * 4
    best = tuner.get_best_models(2)
    assert [layer.name for layer in best[1].layers][1:] == ["dense", "dense_1", "dense_2"]
    count = int(mine.removeprefix("auc").removeprefix("_") or 0)
    assert keras.metrics.AUC().name == f"auc_{count + 1}"  # the user's own names go on


class OwnFit(kt.HyperModel):  # type: ignore[misc]
    """Compiles in `fit`, and tunes the batch size there."""

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        units = hp.Choice("units", [2, 3])
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(units), head()])

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        model.compile("sgd", "binary_crossentropy", metrics=[keras.metrics.AUC()])
        return model.fit(*args, batch_size=hp.Choice("batch_size", [8, 16]), **kwargs)


def head() -> keras.layers.Layer:
    return keras.layers.Dense(1, activation="sigmoid")


def test_names_go_on_from_the_build_into_a_hypermodels_own_fit(tmp_path: Path):
    objective = kt.Objective("val_auc", "max")
    tuner = tuners.RandomSearch(OwnFit(), objective, max_trials=2, seed=0, directory=tmp_path)
    tuner.search(X, Y, validation_split=0.25, epochs=1, verbose=0)
    assert [trial.status for trial in tuner.oracle.trials.values()] == ["COMPLETED"] * 2
    assert "batch_size" in tuner.get_best_hyperparameters()[0].values


def test_a_space_as_hypermodel_takes_the_fast_path(tmp_path: Path):
    tuner = search(make(tuners, "RandomSearch", tmp_path, max_trials=1))
    space = SearchSpace(build)
    given = {"objective": "val_accuracy", "max_trials": 1, "directory": tmp_path / "space"}
    same = search(tuners.RandomSearch(space, **given))
    for found in (tuner, same):
        assert found.oracle.trials["0"].message in (None, *OTHER_BACKENDS)


OTHER_BACKENDS = ["trained by model.fit: the compiled epoch is TensorFlow's, and Keras runs on jax"]


def test_what_a_program_saves_is_written_at_once(tmp_path: Path):
    tuner = search(make(tuners, "RandomSearch", tmp_path))
    file = Path(tuner.project_dir) / "oracle.json"
    for save in (tuner.save, tuner.oracle.save):
        file.unlink()
        save()
        assert json.loads(file.read_text())["end_order"]


@pytest.mark.parametrize(
    "name", ["base_tuner", "hypermodel", "hyperparameters", "metrics_tracking", "oracle", "trial"]
)
def test_engine_modules_are_keras_tuners_own(name: str):
    module = importlib.import_module(f"nas_nb.engine.{name}")
    assert module is importlib.import_module(f"keras_tuner.engine.{name}")
    assert getattr(nas_nb.engine, name) is module


def test_the_engines_tuner_is_ours():
    from nas_nb.engine.tuner import Tuner, maybe_distribute

    assert Tuner is nas_nb.Tuner
    assert nas_nb.engine.tuner.Tuner is Tuner
    with maybe_distribute(None):
        pass


@pytest.mark.tensorflow
def test_a_board_of_epochs_takes_the_fast_path(tmp_path: Path):
    tuner = make(tuners, "RandomSearch", tmp_path / "p", max_trials=1)
    board = keras.callbacks.TensorBoard(tmp_path / "board")
    rest = {"validation_split": 0.25, "epochs": 1, "verbose": 0}
    tuner.search(X, Y, callbacks=[board], **rest)
    assert tuner.oracle.trials["0"].message is None
    assert list((tmp_path / "board").rglob("events*"))


class Loop(keras.Model):  # type: ignore[misc]
    """Trains itself, with optimizers of its own kept under Keras's name."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(1)
        self.optimizer = {"one": keras.optimizers.SGD(), "other": keras.optimizers.SGD()}

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)

    def fit(self, x: Any, y: Any, callbacks: Any = (), **kwargs: Any) -> Any:
        self(x[:1])
        history = keras.callbacks.History()
        for callback in (*callbacks, history):
            callback.set_model(self)
            callback.on_train_begin()
            callback.on_epoch_end(0, {"val_loss": 1.0})
        return history


def test_a_model_may_keep_several_optimizers_of_its_own(tmp_path: Path):
    def several(hp: kt.HyperParameters) -> keras.Model:
        hp.Choice("rate", [0.1, 0.2])
        return Loop()

    tuner = search(tuners.RandomSearch(several, "val_loss", max_trials=1, directory=tmp_path))
    assert tuner.oracle.trials["0"].status == "COMPLETED", tuner.oracle.trials["0"].message


OF_TRAINING = {
    "RandomSearch": "accuracy",
    "GridSearch": "loss",
    "BayesianOptimization": kt.Objective("accuracy", "max"),
    "Hyperband": ["accuracy", "loss"],
}


@pytest.mark.parametrize("name", TUNERS)
def test_an_objective_that_is_measured_on_training_rows_is_warned_of_once(
    tmp_path: Path, name: str
):
    tuner = make(tuners, name, tmp_path, objective=OF_TRAINING[name], executions_per_trial=2)
    with pytest.warns(NasWarning) as told:
        search(tuner)
    warned = [str(one.message) for one in told if issubclass(one.category, NasWarning)]
    assert len(warned) == 1
    assert "On held-out rows it is measured by objective='val_" in warned[0]
    assert len(scores(tuner)) > 2


def test_without_held_out_rows_the_warning_says_how_to_give_some(tmp_path: Path):
    tuner = make(tuners, "RandomSearch", tmp_path, objective="loss", max_trials=1)
    with pytest.warns(NasWarning, match=r"'val_loss', with validation_data=\(x, y\) or"):
        tuner.search(X, Y, epochs=1, verbose=0)


class Marks(keras.callbacks.Callback):  # type: ignore[misc]
    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        logs["worth"] = logs["val_accuracy"] - 0.1 * logs["val_loss"]


class OwnLoop(kt.HyperModel):  # type: ignore[misc]
    def build(self, hp: kt.HyperParameters) -> keras.Model:
        return build(hp)

    def fit(self, hp: Any, model: Any, *args: Any, callbacks: Any, **kwargs: Any) -> float:
        for one in callbacks:
            one.set_model(model)
            one.on_epoch_end(0, {"loss": 0.5})
        return 0.5


def test_what_a_callback_or_a_loop_of_ones_own_measures_is_not_warned_of(tmp_path: Path):
    worth = kt.Objective("worth", "max")
    tuner = make(tuners, "RandomSearch", tmp_path / "a", objective=worth, max_trials=1)
    tuner.search(X, Y, validation_data=(X, Y), epochs=1, callbacks=[Marks()], verbose=0)
    own = tuners.RandomSearch(OwnLoop(), "loss", max_trials=1, directory=tmp_path / "b")
    own.search(X, Y, verbose=0)
    assert [set(scores(one).values()) != {None} for one in (tuner, own)] == [True, True]
