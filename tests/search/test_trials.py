from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

import nas_nb as nas
from nas_nb.errors import DataError, NasError, NasWarning, SearchError
from nas_nb.search.search import Search
from tests.search.tiny import tiny_data, tiny_search, unbuildable
from tests.spaces.ready import datasets


def best_of(space: nas.SearchSpace, data: nas.Data, directory: Path) -> Any:
    search = nas.Search(space, data, strategy="random", max_trials=1, epochs=1, directory=directory)
    return search.run().best


def from_code(best: Any) -> Any:
    """The model of the plain source, with the trained one's weights."""
    made: dict[str, Any] = {}
    exec(best.code(raw=True), made)
    model = made["build_model"]()
    model.set_weights(best.model(raw=True).get_weights())
    return model


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Search:
    folder = tmp_path_factory.mktemp("evolution")
    options = {"population": 4, "sample": 3}
    changes = {"strategy": "evolution", "strategy_options": options, "max_trials": 12}
    return tiny_search(folder, epochs=1, **changes).run()


def test_every_way_to_a_trial_gives_the_same_kind(search: Search) -> None:
    number = search.best.number
    assert search.trial(number).record == search.best.record
    assert [t.score for t in search.top(3)] == search.trials["score"].nlargest(3).tolist()
    assert len(search.top(99)) == 12
    front = search.pareto_front()
    assert {type(one) for one in (search.best, *search.top(2), *front)} == {type(search.trial(0))}
    assert search.best.number in [one.number for one in front]
    assert [one.number for one in search.pareto_front("score", "macs")] == [
        one.number for one in search.history.pareto_front("score", "macs").trials
    ]
    by_name = [one.number for one in search.pareto_front(search.objective, "macs")]
    assert by_name == [one.number for one in search.pareto_front("score", "macs")]
    assert by_name == [one.number for one in search.pareto_front("macs")]


def test_a_trial_tells_of_itself(search: Search) -> None:
    trial = search.trial(3)
    row = search.trials.loc[3]
    assert (trial.score, trial.status, trial.reason) == (row["score"], "completed", None)
    assert trial.costs["params"] == row["params"]
    assert trial.curve[0][search.objective] == trial.score
    assert trial.origin == row["origin"]
    assert repr(trial).startswith(f"Trial 3: val_accuracy {trial.score:.4f}")


def test_a_trial_knows_its_parent_and_what_changed(search: Search) -> None:
    children = [one for one in search.top(12) if one.record.ancestors]
    assert children
    for child in children:
        parent = child.parent
        assert parent is not None
        assert parent.number == child.record.ancestors[0]
        assert child.changes
        for name, (before, now) in child.changes.items():
            assert (parent.values.get(name), child.values.get(name)) == (before, now)
    first = search.trial(0)
    assert (first.parent, first.changes) == (None, {})


def test_only_the_best_keep_their_weights_and_the_others_say_so(search: Search) -> None:
    kept = search.top(5)
    assert all(one.model().count_params() == one.costs["params"] for one in kept)
    last = search.top(12)[-1]
    with pytest.raises(SearchError, match=f"weights of trial {last.number} .*only the best 5"):
        last.model()
    assert last.code()
    assert last.diagram() is not None


def test_predictions_are_names_of_classes(search: Search) -> None:
    x, y = search.data.x_test, search.data.y_test
    names = search.best.predict(x)
    assert set(names) <= set(search.data.classes)
    expected = search.best.evaluate()["accuracy"]
    assert np.mean(names == np.array(search.data.classes)[y]) == pytest.approx(expected)
    numbers = search.best.predict(x.astype("float64").tolist(), classes=False)
    np.testing.assert_allclose(numbers, search.best.model().predict(x, verbose=0), rtol=1e-6)


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.zeros((2, 5)), r"shape \(samples, 4\).*\(2, 5\)"),
        (np.zeros(4), r"shape \(samples, 4\)"),
        (np.zeros((0, 4)), "at least one row"),
        (np.full((1, 4), np.nan), "finite"),
        (["a text"], r"shape \(samples, 4\)"),
        (None, "x"),
    ],
)
def test_what_is_no_sample_gets_a_sentence(search: Search, x: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        search.best.predict(x)


@pytest.mark.parametrize("number", [12, -1, 1.0, "2", True, None])
def test_what_is_no_trial_gets_a_sentence(search: Search, number: Any) -> None:
    with pytest.raises(NasError, match="number"):
        search.trial(number)


def test_a_failed_trial_says_why_it_has_no_model(tmp_path: Path) -> None:
    search = tiny_search(tmp_path, space=unbuildable, max_trials=2, strategy="grid").run()
    failed = next(one for one in map(search.trial, range(2)) if one.values["kernel"] == 9)
    assert (failed.status, failed.curve, np.isnan(failed.score)) == ("failed", (), True)
    assert failed.reason is not None
    assert "does not fit" in repr(failed)
    for asked in (failed.model, failed.evaluate, lambda: failed.predict(tiny_data().x_test)):
        with pytest.raises(SearchError, match=r"trial \d, which is failed: .*does not fit\. It"):
            asked()
    with pytest.raises(SearchError, match=r"Trial \d can't be drawn: .*does not fit"):
        failed.diagram()


@pytest.mark.tensorflow
def test_model_of_texts_takes_texts(tmp_path: Path) -> None:
    data = datasets.texts()
    space = nas.spaces.text(families="embedding", embeddings=4, widths=4)
    best = best_of(space, data, tmp_path)
    texts = np.array(["Good, GOOD film!", "what a bad plot", ""], dtype=object)
    expected = best.model().predict(data.raw.tokens(texts), verbose=0)
    for model in (best.model(raw=True), from_code(best)):
        np.testing.assert_allclose(model.predict(texts, verbose=0), expected, rtol=1e-5)
    with pytest.warns(NasWarning, match="1 of 3 texts have no word"):
        names = best.predict(texts)
    assert names.tolist() == best.predict(data.raw.tokens(texts)).tolist()
    assert best.predict(list(texts)[:2]).tolist() == names.tolist()[:2]
    assert set(names) <= {0, 1}  # as the labels were


@pytest.mark.tensorflow
def test_model_of_a_table_takes_its_columns(tmp_path: Path) -> None:
    data = datasets.table()
    space = nas.spaces.tabular(families="mlp", depths=1, widths=4)
    best = best_of(space, data, tmp_path)
    frame = pd.DataFrame({"home town": ["Oslo", "Rome", "Paris"], "age": [30.0, 60.0, 45.0]})
    columns = {name: frame[name].to_numpy() for name in frame}
    expected = best.model().predict(data.raw.numbers(columns), verbose=0)
    for model in (best.model(raw=True), from_code(best)):
        np.testing.assert_allclose(model.predict(columns, verbose=0), expected, rtol=1e-5)
    with pytest.warns(NasWarning, match=r"'home town': 'Paris' \(1 rows\)"):
        named = best.predict(frame)
    assert best.predict(data.raw.numbers(columns)).tolist() == named.tolist()
    frame = frame.assign(**{"home town": ["Oslo", "Rome", "Rome"]})
    columns = {name: frame[name].to_numpy() for name in frame}
    for x in (columns, data.raw.numbers(columns), frame.assign(other=1)[::-1][::-1]):
        assert best.predict(x).tolist() == best.predict(frame).tolist()
    with pytest.raises(DataError, match="none called 'age'"):
        best.predict(frame.drop(columns="age"))
    with pytest.raises(DataError, match="missing or infinite ones in 'age', which had none"):
        best.predict(frame.assign(age=[30.0, np.nan, 45.0]))
    with pytest.raises(DataError, match=r"numbers in the column 'age'.*'45,5'.*decimal=','"):
        best.predict(frame.assign(age=["30", "60", "45,5"]))
    one = best.predict({"home town": "Oslo", "age": "30"})
    assert one.tolist() == best.predict(frame)[:1].tolist()


@pytest.mark.parametrize("augmentation", ["none", "flip"])
def test_model_of_images_takes_bytes(tmp_path: Path, augmentation: str) -> None:
    data = datasets.images()
    space = nas.spaces.image(
        families="vgg", stages=1, blocks=1, widths=4, augmentations=augmentation
    )
    best = best_of(space, data, tmp_path)
    pixels = np.random.default_rng(1).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    expected = best.model().predict(pixels.astype("float32"), verbose=0)
    np.testing.assert_allclose(best.model(raw=True).predict(pixels, verbose=0), expected, rtol=1e-4)


@pytest.mark.parametrize("name", ["diabetes", "wine"])
def test_model_of_a_standardised_table_takes_its_numbers_and_predicts_in_its_units(
    tmp_path: Path, name: str
) -> None:
    data, own = nas.load(name), nas.load(name, scaled=False)
    space = nas.SearchSpace.from_dict({"layers": ["Dense"], "units": [4], "activations": ["relu"]})
    best = best_of(space, data, tmp_path)
    expected = data.raw.quantities(best.model().predict(data.x_test, verbose=0))
    np.testing.assert_allclose(data.raw.numbers(own.x_test), data.x_test, rtol=1e-4, atol=1e-4)
    for model in (best.model(raw=True), from_code(best)):
        predicted = model.predict(own.x_test, verbose=0)
        np.testing.assert_allclose(predicted, expected, rtol=1e-3, atol=1e-3)
    by_frame = best.predict(pd.DataFrame(own.x_test), classes=False)
    if name == "diabetes":
        np.testing.assert_allclose(by_frame, expected, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(data.raw.quantities(best.predict(data.x_test)), expected)
        assert own.y_train.min() < predicted.mean() < own.y_train.max()


@pytest.fixture(scope="module")
def two_trials(tmp_path_factory: pytest.TempPathFactory) -> Search:
    return tiny_search(tmp_path_factory.mktemp("tracking"), max_trials=2, epochs=2).run()


def test_the_table_is_written_as_csv(two_trials: Search, tmp_path: Path) -> None:
    read = pd.read_csv(two_trials.export(tmp_path / "trials.csv"), index_col="trial")
    assert read["score"].tolist() == pytest.approx(two_trials.trials["score"].tolist())
    assert [*read.columns] == [*two_trials.trials.columns]


@pytest.mark.parametrize(
    "path", ["trials.xls", "trials", "no/trials.csv", "file/trials.csv", "a.csv", "a.parquet"]
)
def test_another_path_gets_a_sentence(two_trials: Search, tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "a.csv").mkdir()
    (tmp_path / "a.parquet").mkdir()
    with pytest.raises(SearchError, match="Expected a"):
        two_trials.export(tmp_path / path)


@pytest.mark.tensorflow
def test_logs_that_can_not_be_written_are_a_sentence(two_trials: Search, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in ("file", "file/logs"):
        with pytest.raises(SearchError, match="take the path of a folder"):
            two_trials.log_to("tensorboard", tmp_path / folder)


def test_without_pyarrow_a_parquet_file_names_it(
    two_trials: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*given: Any) -> None:
        raise ImportError

    monkeypatch.setattr(pd.DataFrame, "to_parquet", missing)
    with pytest.raises(SearchError, match="pip install pyarrow"):
        two_trials.export(tmp_path / "trials.parquet")


@pytest.mark.tensorflow
def test_tensorboard_reads_curves_and_costs(two_trials: Search, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(2):  # the second time in the place of the first
        where = two_trials.log_to("tensorboard", tmp_path)
    for trial in two_trials.history.trials:
        events = EventAccumulator(f"{where}/trial_{trial.number:06d}", {"tensors": 0})
        events.Reload()
        assert len(events.Tensors("val_accuracy")) == 2
        assert {"params", "score", "loss"} <= set(events.Tags()["tensors"])


@pytest.mark.tensorflow
def test_tensorboard_takes_names_and_values_that_are_no_unicode(tmp_path: Path) -> None:
    def build(hp: Any) -> keras.Model:
        hp.Choice("kind \ud800", ["a \ud800"])
        net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")])
        net.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
        return net

    search = tiny_search(tmp_path / "s", space=build, max_trials=1, epochs=1).run()
    search.log_to("tensorboard", tmp_path / "logs")
    assert list((tmp_path / "logs").rglob("events.out.tfevents.*"))


def test_mlflow_gets_a_run_for_each_trial_also_of_those_that_failed(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    def build(hp: Any) -> keras.Model:
        units = hp.Choice("units $ (all)", [2, 3])
        if units == 3:
            raise ValueError("three are too many")
        net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")])
        net.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
        return net

    uri = f"sqlite:///{tmp_path}/runs.db"
    search = tiny_search(tmp_path / "s", space=build, strategy="grid", max_trials=2, epochs=2).run()
    assert search.log_to("mlflow", uri) == uri
    client = MlflowClient(uri)
    runs = client.search_runs([client.get_experiment_by_name("tiny").experiment_id])
    one, other = sorted(runs, key=lambda run: str(run.info.status), reverse=True)
    assert [run.info.status for run in (one, other)] == ["FINISHED", "FAILED"]
    best = search.best
    assert [run.info.run_name for run in (one, other)] == [
        f"trial {n}" for n in (best.number, 1 - best.number)
    ]
    assert one.data.params["units _ _all_"] == "2"
    assert one.data.metrics["score"] == best.score
    curve = client.get_metric_history(one.info.run_id, "val_accuracy")
    assert [(m.step, m.value) for m in curve] == [
        (epoch, logs["val_accuracy"]) for epoch, logs in enumerate(best.curve, 1)
    ]
    assert "three are too many" in other.data.tags["reason"]
    user_s = client.create_run(one.info.experiment_id, run_name="trial 0").info.run_id
    again = tiny_search(tmp_path / "t", space=build, strategy="grid", max_trials=1, epochs=2).run()
    for logged in (again, search, search):  # runs of the user's, or of another search, stay
        logged.log_to("mlflow", uri)
    names = [run.info.run_name for run in client.search_runs([one.info.experiment_id])]
    assert sorted(names) == ["trial 0"] * 3 + ["trial 1"]
    assert client.get_run(user_s).info.lifecycle_stage == "active"


def test_the_table_is_written_as_parquet(two_trials: Search, tmp_path: Path) -> None:
    read = pd.read_parquet(two_trials.export(tmp_path / "trials.parquet"))
    kept = two_trials.trials
    pd.testing.assert_frame_equal(read.astype(object).fillna(""), kept.astype(object).fillna(""))


def test_a_service_that_is_not_there_gets_a_sentence(
    two_trials: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SearchError, match="Did you mean 'tensorboard'"):
        two_trials.log_to("tensorbord")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(SearchError, match="pip install mlflow"):
        two_trials.log_to("mlflow")
