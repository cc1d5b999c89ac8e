"""Programs in the manner of KerasTuner's public guides, changed in their import alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import nas_nb as keras_tuner
from nas_nb.evaluate.backend import on_tensorflow

X = np.random.default_rng(0).normal(size=(48, 4)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("int64")
HELD_OUT = (X[:16], Y[:16])


@pytest.fixture
def place(tmp_path: Path) -> dict[str, Any]:
    return {"overwrite": True, "directory": str(tmp_path), "project_name": "helloworld"}


def build_model(hp: Any) -> keras.Model:
    model = keras.Sequential([keras.Input((4,))])
    for i in range(hp.Int("num_layers", 1, 2)):
        model.add(keras.layers.Dense(hp.Int(f"units_{i}", 4, 8, step=4), activation="relu"))
    if hp.Boolean("dropout"):
        model.add(keras.layers.Dropout(rate=0.25))
    model.add(keras.layers.Dense(2, activation="softmax"))
    rate = hp.Float("lr", min_value=1e-4, max_value=1e-2, sampling="log")
    optimizer = keras.optimizers.Adam(learning_rate=rate)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def build_regressor(hp: Any) -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(hp.Int("units", 4, 8))])
    model.add(keras.layers.Dense(1))
    model.compile("adam", "mean_squared_error", metrics=["mean_absolute_error"])
    return model


class MyHyperModel(keras_tuner.HyperModel):
    def build(self, hp: Any) -> keras.Model:
        return build_model(hp)

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        return model.fit(*args, shuffle=hp.Boolean("shuffle"), **kwargs)


def test_a_build_function_is_searched_queried_and_retrained(place, capsys):
    build_model(keras_tuner.HyperParameters())
    tuner = keras_tuner.RandomSearch(
        hypermodel=build_model,
        objective="val_accuracy",
        max_trials=2,
        executions_per_trial=2,
        **place,
    )
    tuner.search_space_summary()
    tuner.search(X, Y, epochs=2, validation_data=HELD_OUT)
    best_model = tuner.get_best_models(num_models=2)[0]
    best_model.summary()
    tuner.results_summary()
    best_hps = tuner.get_best_hyperparameters(5)
    model = build_model(best_hps[0])
    model.fit(x=X, y=Y, epochs=1, verbose=0)
    shown = capsys.readouterr().out
    assert "Results summary" in shown
    assert "Best val_accuracy So Far" in shown


def test_arguments_of_fit_are_tuned_with_the_model(place):
    tuner = keras_tuner.RandomSearch(MyHyperModel(), "val_accuracy", max_trials=1, **place)
    tuner.search(X, Y, epochs=1, validation_data=HELD_OUT, verbose=0)
    best_hp = tuner.get_best_hyperparameters()[0]
    assert "shuffle" in best_hp.values
    hypermodel = MyHyperModel()
    model = hypermodel.build(best_hp)
    hypermodel.fit(best_hp, model, X, Y, epochs=1, verbose=0)


def test_a_metric_that_is_not_keras_own_is_the_objective(place):
    class HyperRegressor(keras_tuner.HyperModel):
        def build(self, hp: Any) -> keras.Model:
            return build_regressor(hp)

        def fit(self, hp: Any, model: Any, x: Any, y: Any, validation_data: Any, **kwargs: Any):
            model.fit(x, y, **kwargs)
            x_val, y_val = validation_data
            error = np.mean(np.abs(y_val - model.predict(x_val, verbose=0)))
            return {"metric_a": -error, "metric_b": error}

    objective = keras_tuner.Objective("metric_a", "max")
    tuner = keras_tuner.RandomSearch(HyperRegressor(), objective, max_trials=1, **place)
    tuner.search(X, Y, validation_data=HELD_OUT, epochs=1, verbose=0)
    assert tuner.oracle.get_best_trials()[0].score < 0


def test_the_direction_of_a_metric_is_given(place):
    objective = keras_tuner.Objective("val_mean_absolute_error", direction="min")
    tuner = keras_tuner.BayesianOptimization(build_regressor, objective, max_trials=2, **place)
    tuner.search(X, Y, validation_split=0.2, epochs=1, verbose=0)
    scores = [trial.score for trial in tuner.oracle.get_best_trials(2)]
    assert scores == sorted(scores)


def test_a_function_is_tuned_in_run_trial(place):
    class MyTuner(keras_tuner.RandomSearch):
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> float:
            x = trial.hyperparameters.Float("x", min_value=-1.0, max_value=1.0)
            return x * x + 1

    tuner = MyTuner(max_trials=3, **place)
    tuner.search()
    assert -1 <= tuner.get_best_hyperparameters()[0].get("x") <= 1


def test_keras_code_is_kept_apart_in_a_tuner_over_an_oracle(place, tmp_path):
    class MyTuner(keras_tuner.Tuner):
        def run_trial(self, trial: Any, x: Any, y: Any, **kwargs: Any) -> dict[str, float]:
            hp = trial.hyperparameters
            model = self.hypermodel.build(hp)
            loss = self.hypermodel.fit(hp, model, x, y, **kwargs).history["loss"][-1]
            model.save(tmp_path / f"{trial.trial_id}.keras")
            return {"loss": loss}

    objective = keras_tuner.Objective("loss", "min")
    oracle = keras_tuner.oracles.RandomSearchOracle(objective=objective, max_trials=1)
    tuner = MyTuner(oracle=oracle, hypermodel=build_model, **place)
    tuner.search(X, Y, epochs=1, verbose=0)
    best_trial_id = tuner.oracle.get_best_trials()[0].trial_id
    keras.models.load_model(tmp_path / f"{best_trial_id}.keras")


def test_the_space_is_tailored_without_touching_the_model(place):
    hp = keras_tuner.HyperParameters()
    hp.Choice("lr", values=[1e-2, 1e-3])
    tuner = keras_tuner.GridSearch(
        build_model,
        hyperparameters=hp,
        tune_new_entries=False,
        objective="val_accuracy",
        max_trials=4,
        optimizer=keras.optimizers.Adam(1e-2),
        metrics=["accuracy"],
        **place,
    )
    tuner.search(X, Y, epochs=1, validation_data=HELD_OUT, verbose=0)
    tried = [trial.hyperparameters.get("lr") for trial in tuner.oracle.trials.values()]
    assert tried == [1e-2, 1e-3]


def test_hyperband_stops_early_and_the_best_is_trained_for_its_epochs(place):
    tuner = keras_tuner.Hyperband(build_model, "val_accuracy", max_epochs=2, factor=3, **place)
    stop_early = keras.callbacks.EarlyStopping(monitor="val_loss", patience=5)
    tuner.search(X, Y, epochs=5, validation_split=0.2, callbacks=[stop_early], verbose=0)
    model = tuner.hypermodel.build(tuner.get_best_hyperparameters(num_trials=1)[0])
    history = model.fit(X, Y, epochs=2, validation_split=0.2, verbose=0)
    assert len(history.history["val_accuracy"]) == 2


@pytest.mark.skipif(not on_tensorflow(), reason="tf.data and TensorBoard")
def test_a_tf_dataset_is_searched_and_logged_for_tensorboard(place, tmp_path):
    import tensorflow as tf

    rows = tf.data.Dataset.from_tensor_slices((X, Y)).batch(16)
    tuner = keras_tuner.tuners.RandomSearch(build_model, "val_accuracy", max_trials=1, **place)
    board = keras.callbacks.TensorBoard(str(tmp_path / "tb_logs"))
    tuner.search(rows, validation_data=rows, epochs=1, callbacks=[board], verbose=0)
    assert (tmp_path / "tb_logs" / "0" / "execution0").is_dir()


@pytest.mark.skipif(not on_tensorflow(), reason="the loop is TensorFlow's")
def test_a_training_loop_is_ones_own(place):
    tuner = keras_tuner.RandomSearch(
        hypermodel=OwnLoop(), objective=keras_tuner.Objective("my_metric", "min"), max_trials=2,
        **place,
    )  # fmt: skip
    tuner.search(x=X, y=Y[:, None].astype("float32"), validation_data=HELD_OUT)
    best_hps = tuner.get_best_hyperparameters()[0]
    assert {"batch_size", "learning_rate"} <= set(best_hps.values)
    best_model = tuner.get_best_models()[0]
    best_model.summary()


class OwnLoop(keras_tuner.HyperModel):
    def build(self, hp: Any) -> keras.Model:
        inputs = keras.Input(shape=(4,))
        hidden = keras.layers.Dense(hp.Choice("units", [4, 8]), activation="relu")(inputs)
        return keras.Model(inputs=inputs, outputs=keras.layers.Dense(1)(hidden))

    def fit(self, hp: Any, model: Any, x: Any, y: Any, validation_data: Any, callbacks: Any):
        import tensorflow as tf

        batch_size = hp.Int("batch_size", 8, 16, step=8, default=16)
        train_ds = tf.data.Dataset.from_tensor_slices((x, y)).batch(batch_size)
        optimizer = keras.optimizers.Adam(hp.Float("learning_rate", 1e-4, 1e-2, sampling="log"))
        loss_fn = keras.losses.MeanSquaredError()

        @tf.function
        def run_train_step(rows: Any, targets: Any) -> None:
            with tf.GradientTape() as tape:
                loss = loss_fn(targets, model(rows))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

        for callback in callbacks:
            callback.set_model(model)
        best_epoch_loss = float("inf")
        for epoch in range(2):
            for rows, targets in train_ds:
                run_train_step(rows, targets)
            epoch_loss = float(loss_fn(validation_data[1][:, None], model(validation_data[0])))
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs={"my_metric": epoch_loss})
            best_epoch_loss = min(best_epoch_loss, epoch_loss)
        return best_epoch_loss


def test_failed_trials_are_told_and_retried(place):
    def build(hp: Any) -> keras.Model:
        model = build_model(hp)
        if hp.Int("num_layers", 1, 2) == 2:
            raise keras_tuner.errors.FailedTrialError("Model too big.")
        return model

    hp = keras_tuner.HyperParameters()
    hp.Choice("num_layers", [1, 2])
    tuner = keras_tuner.GridSearch(
        build,
        "val_accuracy",
        hyperparameters=hp,
        tune_new_entries=False,
        max_consecutive_failed_trials=8,
        max_retries_per_trial=1,
        **place,
    )
    tuner.search(X, Y, epochs=1, validation_data=HELD_OUT, verbose=0)
    assert [trial.status for trial in tuner.oracle.trials.values()] == ["COMPLETED", "FAILED"]
    tuner.results_summary()


def test_a_scikit_learn_model_is_tuned(place):
    from sklearn import linear_model

    tuner = keras_tuner.tuners.SklearnTuner(
        oracle=keras_tuner.oracles.BayesianOptimizationOracle(
            objective=keras_tuner.Objective("score", "max"), max_trials=2
        ),
        hypermodel=lambda hp: linear_model.LogisticRegression(C=hp.Float("C", 0.1, 1.0)),
        **place,
    )
    tuner.search(X, Y)
    assert tuner.get_best_models(num_models=1)[0].predict(X).shape == (48,)


def test_ready_hypermodels_and_paths_of_modules_are_keras_tuners():
    import keras_tuner as theirs

    from nas_nb.applications import HyperResNet
    from nas_nb.oracles import HyperbandOracle
    from nas_nb.tuners import Hyperband

    assert HyperResNet is theirs.applications.HyperResNet
    assert HyperbandOracle is theirs.oracles.HyperbandOracle
    assert Hyperband is keras_tuner.Hyperband
    assert issubclass(keras_tuner.Tuner, keras_tuner.engine.tuner.Tuner)


@pytest.mark.parametrize("module", ["", "tuners", "oracles", "applications", "errors"])
def test_no_public_name_of_keras_tuner_is_missing(module: str):
    import keras_tuner as theirs

    their = getattr(theirs, module) if module else theirs
    ours = getattr(keras_tuner, module) if module else keras_tuner
    public = [name for name in vars(their) if not name.startswith("_") and name != "src"]
    assert [name for name in public if not hasattr(ours, name)] == []
