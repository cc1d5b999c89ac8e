from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import keras
import keras_tuner as kt
import numpy as np
import pytest
from keras_tuner.src import protos
from keras_tuner.src.distribute import oracle_chief

from nas_nb.evaluate.backend import on_tensorflow
from nas_nb.oracles.strategy_oracle import oracle
from nas_nb.tuners import Tuner

STEPS = 4
X = np.random.default_rng(0).normal(size=(8 * STEPS, 3)).astype("float32")
Y = X[:, 0]


class Begun(keras.callbacks.Callback):  # type: ignore[misc]
    """Notes how many steps a model has behind it when its training begins."""

    seen: list[int] = []  # noqa: RUF012 - tuners copy callbacks

    def on_train_begin(self, logs: Any = None) -> None:
        self.seen.append(int(self.model.optimizer.iterations))


def build(hp: kt.HyperParameters) -> keras.Model:
    units = hp.Int("units", 2, 9)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_a_trial_is_trained_for_the_epochs_that_its_oracle_asks_for(tmp_path: Path) -> None:
    halving = oracle("hyperband", "val_loss", max_trials=9, seed=0, max_epochs=2, factor=2)
    tuner = Tuner(halving, build, directory=tmp_path)
    rest = {"validation_data": (X, Y), "batch_size": 8, "callbacks": [Begun()]}
    tuner.search(X, Y, epochs=5, verbose=0, **rest)
    history = halving.history
    bracket = history.completed[:3]
    assert [trial.fidelity["epochs"] for trial in bracket] == [1, 1, 2]
    assert [trial.epochs for trial in bracket] == [1, 1, 1]
    assert Begun.seen[:3] == [0, 0, STEPS]


def draw(**given: Any) -> kt.Oracle:
    return kt.oracles.RandomSearchOracle("val_loss", max_trials=1, seed=1, **given)


def search(tuner: Tuner, x: Any = X, **given: Any) -> Any:
    """Searches, and returns the first trial."""
    tuner.search(x, Y, validation_data=(X, Y), epochs=1, verbose=0, **given)
    return tuner.oracle.get_trial("0")


def test_trials_run_under_a_distribution_strategy(tmp_path: Path) -> None:
    if not on_tensorflow():
        pytest.skip("strategies are TensorFlow's")
    import tensorflow as tf

    mirrored = tf.distribute.MirroredStrategy(["/cpu:0"])
    given = {"distribution_strategy": mirrored, "optimizer": "adam", "directory": tmp_path}
    tuner = Tuner(draw(), build, **given)
    trial = search(tuner)
    assert trial.status == "COMPLETED", trial.message
    best = tuner.get_best_models(1)[0]
    assert best.evaluate(X, Y, verbose=0) == pytest.approx(trial.score)


class OwnLoop(kt.HyperModel):  # type: ignore[misc]
    """A loop of one's own over a model that nobody compiled, after KerasTuner's guide."""

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        inputs = keras.Input((3,))
        return keras.Model(inputs, keras.layers.Dense(hp.Int("units", 1, 2))(inputs))

    def fit(self, hp: Any, model: Any, *args: Any, callbacks: Any = (), **kwargs: Any) -> float:
        for callback in callbacks:
            callback.set_model(model)
        for epoch, loss in enumerate((3.0, 1.0, 2.0)):
            model.set_weights([np.full(w.shape, loss) for w in model.get_weights()])
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs={"mine": loss})
        return 1.0


def test_a_loop_of_ones_own_keeps_its_best_epoch(tmp_path: Path) -> None:
    objective = kt.Objective("mine", "min")
    tuner = Tuner(
        kt.oracles.RandomSearchOracle(objective, max_trials=1), OwnLoop(), directory=tmp_path
    )
    search(tuner)
    assert {float(w.max()) for w in tuner.get_best_models(1)[0].get_weights()} == {1.0}


@pytest.fixture
def chief(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[kt.Oracle]:
    """An oracle that is served to a worker, which is this process."""
    served = draw()
    served._set_project_dir(tmp_path, "chief")
    server = grpc.server(futures.ThreadPoolExecutor(1))
    servicer = oracle_chief.OracleServicer(served)
    protos.get_service_grpc().add_OracleServicer_to_server(servicer, server)
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(server.add_insecure_port("127.0.0.1:0")))
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker")
    server.start()
    yield served
    server.stop(None).wait()


def test_a_worker_leaves_the_oracle_to_its_chief(chief: kt.Oracle, tmp_path: Path) -> None:
    tuner = Tuner(draw(), build, directory=tmp_path, project_name="worker")
    search(tuner)
    assert chief.trials["0"].status == "COMPLETED"
    assert not (tmp_path / "worker" / "oracle.json").exists()


def test_a_chief_writes_what_the_last_worker_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def serve(served: kt.Oracle) -> None:
        trial = served.create_trial("worker")
        served.update_trial(trial.trial_id, {"val_loss": 1.0})
        trial.status = "COMPLETED"
        served.end_trial(trial)

    for name, value in (("ORACLE_IP", "-"), ("ORACLE_PORT", "-"), ("TUNER_ID", "chief")):
        monkeypatch.setenv(f"KERASTUNER_{name}", value)
    monkeypatch.setattr(oracle_chief, "start_server", serve)
    Tuner(draw(), build, directory=tmp_path, project_name="p").search(verbose=0)
    assert json.loads((tmp_path / "p" / "oracle.json").read_text())["end_order"] == ["0"]


def test_a_search_without_a_hypermodel_needs_a_run_trial(tmp_path: Path) -> None:
    class Own(Tuner):
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> float:
            return trial.hyperparameters.Float("x", 1.0, 2.0)

    with pytest.raises(ValueError, match=r"Expected a hypermodel.*hypermodel=None"):
        Tuner(draw(), directory=tmp_path)
    assert 1.0 <= search(Own(draw(), directory=tmp_path)).score <= 2.0


class OnBatch(keras.callbacks.Callback):  # type: ignore[misc]
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        pass


def test_a_trial_says_why_it_took_a_slower_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tuner = Tuner(draw(), build, directory=tmp_path)
    trial = search(tuner, callbacks=[OnBatch()])
    assert trial.message.startswith("trained by model.fit: ")
    tuner.results_summary()
    assert trial.message in capsys.readouterr().out
    told = json.loads((Path(tuner.get_trial_dir("0")) / "trial.json").read_text())
    assert told["message"] == trial.message


def test_a_trial_that_took_the_fast_path_says_nothing(tmp_path: Path) -> None:
    assert on_tensorflow() == (search(Tuner(draw(), build, directory=tmp_path)).message is None)


def test_max_model_size_counts_what_is_trained(tmp_path: Path) -> None:
    def normalized(hp: kt.HyperParameters) -> keras.Model:
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(hp.Int("units", 1, 1))])
        model.add(keras.layers.BatchNormalization())
        model.compile("sgd", "mse")
        return model

    six = Tuner(draw(), normalized, max_model_size=6, directory=tmp_path / "six")
    assert search(six).status == "COMPLETED"
    five = Tuner(draw(), normalized, max_model_size=5, directory=tmp_path / "five")
    assert "6 parameters" in search(five).message


def test_a_search_that_is_interrupted_has_written_its_state(tmp_path: Path) -> None:
    class Interrupted(Tuner):
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> float:
            if trial.trial_id == "1":
                raise KeyboardInterrupt
            return 1.0

    tuner = Interrupted(
        kt.oracles.RandomSearchOracle("loss", max_trials=2), build, directory=tmp_path
    )
    with pytest.raises(KeyboardInterrupt):
        search(tuner)
    state = json.loads((Path(tuner.project_dir) / "oracle.json").read_text())
    assert (state["end_order"], state["ongoing_trials"]) == (["0"], {"tuner0": "1"})
