from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from nas_nb.errors import SearchError
from nas_nb.search.search import Search
from tests.search.tiny import tiny_search


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Search:
    return tiny_search(tmp_path_factory.mktemp("tracking"), max_trials=2, epochs=2).run()


def test_the_table_is_written_as_csv(search: Search, tmp_path: Path) -> None:
    read = pd.read_csv(search.export(tmp_path / "trials.csv"), index_col="trial")
    assert read["score"].tolist() == pytest.approx(search.trials["score"].tolist())
    assert [*read.columns] == [*search.trials.columns]


@pytest.mark.parametrize(
    "path", ["trials.xls", "trials", "no/trials.csv", "file/trials.csv", "a.csv", "a.parquet"]
)
def test_another_path_gets_a_sentence(search: Search, tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "a.csv").mkdir()
    (tmp_path / "a.parquet").mkdir()
    with pytest.raises(SearchError, match="Expected a"):
        search.export(tmp_path / path)


@pytest.mark.tensorflow
def test_logs_that_can_not_be_written_are_a_sentence(search: Search, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in ("file", "file/logs"):
        with pytest.raises(SearchError, match="take the path of a folder"):
            search.log_to("tensorboard", tmp_path / folder)


def test_without_pyarrow_a_parquet_file_names_it(
    search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*given: Any) -> None:
        raise ImportError

    monkeypatch.setattr(pd.DataFrame, "to_parquet", missing)
    with pytest.raises(SearchError, match="pip install pyarrow"):
        search.export(tmp_path / "trials.parquet")


@pytest.mark.tensorflow
def test_tensorboard_reads_curves_and_costs(search: Search, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(2):  # the second time in the place of the first
        where = search.log_to("tensorboard", tmp_path)
    for trial in search.history.trials:
        events = EventAccumulator(f"{where}/trial_{trial.number:06d}", {"tensors": 0})
        events.Reload()
        assert len(events.Tensors("val_accuracy")) == 2
        assert {"params", "score", "loss"} <= set(events.Tags()["tensors"])


class Mlflow(ModuleType):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__("mlflow")
        self.told: list[tuple[Any, ...]] = []

    def start_run(self, run_name: str) -> Any:
        from contextlib import nullcontext

        self.told.append((run_name,))
        return nullcontext()

    def __getattr__(self, name: str) -> Any:
        return lambda *given, **named: self.told.append((name, *given, named))


def test_mlflow_gets_a_run_for_each_trial(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", made := Mlflow())
    search.log_to("mlflow", "sqlite:///runs.db")
    assert made.told[0] == ("set_tracking_uri", "sqlite:///runs.db", {})
    assert [one for one in made.told if len(one) == 1] == [("trial 0",), ("trial 1",)]
    logged = [one for one in made.told if one[0] == "log_metrics"]
    assert [one[2]["step"] for one in logged] == [1, 2, 2, 1, 2, 2]
    assert logged[2][1]["score"] == search.trial(0).score


def test_a_service_that_is_not_there_gets_a_sentence(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SearchError, match="Did you mean 'tensorboard'"):
        search.log_to("tensorbord")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(SearchError, match="pip install mlflow"):
        search.log_to("mlflow")
