"""Trials for other programs: a table in a file, TensorBoard, MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nas_nb.errors import SearchError, nearest, shown
from nas_nb.record.files import given_path, writing

if TYPE_CHECKING:
    import pandas as pd

    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial

SERVICES = ("tensorboard", "mlflow")


class Recorded(Protocol):
    """A search, as far as its trials are concerned."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def directory(self) -> Path:
        """Its project folder."""

    @property
    def history(self) -> History:
        """What has happened."""


def export_trials(trials: pd.DataFrame, path: str | Path) -> Path:
    """Writes a table of trials to a file, in the format of its suffix."""
    file = given_path(path, SearchError)
    if file.suffix not in (".csv", ".parquet"):
        raise SearchError(
            f"Expected a path that ends in .csv or .parquet. Received: {str(path)!r}."
        )
    try:
        with writing(file, SearchError):
            trials.to_csv(file) if file.suffix == ".csv" else trials.to_parquet(file)
    except ImportError as error:
        raise SearchError(
            "Expected pyarrow to write a .parquet file. Received: none. Install it (pip install "
            "pyarrow), or write a .csv."
        ) from error
    return file


def log_trials(search: Recorded, service: str, directory: str | Path | None) -> str:
    """Logs the trials of a search to TensorBoard or MLflow; returns where they are."""
    if not isinstance(service, str) or service not in SERVICES:
        raise SearchError(
            f"Expected one of {', '.join(SERVICES)}. Received: {shown(service)}."
            f"{nearest(str(service), SERVICES)}"
        )
    trials = [trial for trial in search.history.trials if trial.curve]
    if service == "tensorboard":
        usual = search.directory / "tensorboard"
        folder = usual if directory is None else given_path(directory, SearchError)
        with writing(folder, SearchError, folder=True):
            return _to_tensorboard(trials, folder)
    return _to_mlflow(search.name, trials, directory)


def _to_tensorboard(trials: list[Trial], folder: Path) -> str:
    import tensorflow as tf

    api = import_module("tensorboard.plugins.hparams.api")
    for trial in trials:
        # A folder a trial: written again, it replaces what an earlier call wrote.
        own = folder / f"trial_{trial.number:06d}"
        for file in own.glob("events.out.tfevents.*"):
            file.unlink()
        with tf.summary.create_file_writer(str(own)).as_default():
            api.hparams(dict(trial.values), trial_id=f"trial {trial.number}")
            for epoch, logs in enumerate(trial.curve, start=1):
                for name, value in logs.items():
                    tf.summary.scalar(name, value, step=epoch)
            for name, value in _totals(trial).items():
                tf.summary.scalar(name, value, step=len(trial.curve))
    return str(folder)


def _to_mlflow(name: str, trials: list[Trial], uri: str | Path | None) -> str:
    try:
        mlflow = import_module("mlflow")
    except ImportError as error:
        raise SearchError(
            "Expected mlflow to log to it. Received: none. Install it: pip install mlflow-skinny."
        ) from error
    if uri is not None:
        mlflow.set_tracking_uri(str(uri))
    mlflow.set_experiment(name)
    for trial in trials:
        with mlflow.start_run(run_name=f"trial {trial.number}"):
            mlflow.log_params({**trial.values, "seed": trial.seed, "origin": trial.origin})
            for epoch, logs in enumerate(trial.curve, start=1):
                mlflow.log_metrics(dict(logs), step=epoch)
            mlflow.log_metrics(_totals(trial), step=len(trial.curve))
    return str(mlflow.get_tracking_uri())


def _totals(trial: Trial) -> Mapping[str, Any]:
    """Returns a trial's costs, and its score if it has one."""
    return {**trial.costs, **({} if trial.score is None else {"score": trial.score})}
