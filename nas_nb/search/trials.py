"""Trials as users have them: `SearchTrial`, their table, files and logs for other programs."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from nas_nb.errors import (
    NasError,
    SearchError,
    check_flags,
    check_type,
    check_whole,
    nearest,
    printable,
    printable_values,
    reason_of,
    shown,
)
from nas_nb.evaluate.global_state import default_seeds, seeded
from nas_nb.evaluate.trainer import VALIDATION_BATCH_SIZE, fixed_batch_size
from nas_nb.export.formats import build_optimizer
from nas_nb.export.raw_input import (
    class_names,
    in_own_units,
    model_input,
    model_outputs,
    raw_samples,
    with_raw_input,
)
from nas_nb.record.files import given_path, writing
from nas_nb.record.trial import TrialStatus, changed_values
from nas_nb.record.trial_facts import cost_text, origin_text, score_text
from nas_nb.search.retraining import FOLDER, PARTS, Retraining, retrain
from nas_nb.workers.checkpoints import load_checkpoint

if TYPE_CHECKING:
    import keras
    import pandas as pd
    from matplotlib.axes import Axes

    from nas_nb.data.dataset import Data
    from nas_nb.evaluate.fidelity import Fidelity
    from nas_nb.export.formats import SavedFile
    from nas_nb.export.keras_source import TrainingPlan
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial, Value, Values
    from nas_nb.search.settings import Settings
    from nas_nb.space.search_space import Architecture, SearchSpace


class SearchTrial:
    """A trial of a search: `search.best`, `search.trial(12)`, `search.top(5)`.

    It is a snapshot: a search that goes on does not change it.

    Attributes:
        record: What the journal has of it.
    """

    def __init__(
        self,
        record: Trial,
        history: History,
        settings: Settings,
        weights: Path,
        retraining: Retraining | None = None,
    ) -> None:
        self.record = record
        self._asked = retraining  # None for a trial of the search itself
        self._history = history
        self._settings = settings
        self._weights = weights
        self._unkept: keras.Model | None = None  # retrained, where its weights can't be written

    @property
    def number(self) -> int:
        """Its number, from 0, in the order of proposal."""
        return self.record.number

    @property
    def values(self) -> Values:
        """The hyperparameter values that make the architecture."""
        return self.record.values

    @property
    def score(self) -> float:
        """The objective's best value over the trial's epochs; NaN where it has none."""
        return self.record.score if self.record.score is not None else float("nan")

    @property
    def objective(self) -> str:
        """The name of what is compared, as in the logs."""
        return str(self._settings.objective.name)

    @property
    def status(self) -> TrialStatus:
        """Where it stands: "proposed", "running", "completed", "failed" or "stopped"."""
        return self.record.status

    @property
    def reason(self) -> str | None:
        """Why it failed or stopped, as a sentence; None if it did neither."""
        return self.record.reason

    @property
    def curve(self) -> Sequence[Mapping[str, float]]:
        """The learning curve: what was measured after each epoch."""
        return self.record.curve

    @property
    def costs(self) -> Mapping[str, float]:
        """What the model costs, by name: {"params": 1234, "macs": 5678}."""
        return self.record.costs

    @property
    def origin(self) -> str:
        """Who proposed it and how, in words."""
        return origin_text(self.record, self._history)

    @property
    def parent(self) -> SearchTrial | None:
        """The trial that its values were changed from, or that it continues; None if neither."""
        sources = (*self.record.ancestors, self.record.parent)
        if sources[0] is None:
            return None
        source = self._history[sources[0]]
        return SearchTrial(source, self._history, self._settings, self._weights)

    @property
    def changes(self) -> dict[str, tuple[Value | None, Value | None]]:
        """The choices that differ from its parent's: (the parent's, its own) by name."""
        return changed_values(self.parent.values, self.values) if self.parent is not None else {}

    @property
    def space(self) -> SearchSpace:
        """The search space, bound to `data`."""
        return self._settings.space

    @property
    def data(self) -> Data:
        """The data of the search; of its training rows a trial may have got a share."""
        return self._settings.data

    @property
    def _granted(self) -> Fidelity:
        return self._settings.fidelity.granted(self.record.fidelity)

    @property
    def architecture(self) -> Architecture:
        """The point of the search space."""
        return self.space.architecture(self.values)

    def diagram(self, ax: Axes | None = None) -> Axes:
        """Draws the architecture; see `Architecture.diagram`."""
        with self._told("drawn"):
            return self.architecture.diagram(ax)

    @contextmanager
    def _told(self, done: str) -> Iterator[None]:
        """Says in one sentence why the user's build function raised in the block."""
        try:
            yield
        except NasError:
            raise
        except Exception as error:
            raise SearchError(
                f"Trial {self.number} can't be {done}: {reason_of(error)}."
            ) from error

    def model(self, *, raw: bool = False) -> keras.Model:
        """Returns the trained model, with the weights of its best epoch.

        Args:
            raw: Whether it takes samples as the user had them: texts, a table's own columns by
                name, or the numbers of a table before they were standardised (then it predicts
                quantities in their own units, too); see `nas_nb.with_raw_input`. Default:
                the numbers it was trained on.

        Raises:
            SearchError: It did not complete, or its weights were not kept.
        """
        check_flags(SearchError, raw=raw)
        self._check_completed()
        model = self.untrained_model()
        if self._unkept is None:
            load_checkpoint(self._weights, model, self.record)
        else:
            model.set_weights(self._unkept.get_weights())
        build_optimizer(model)
        return with_raw_input(model, self.data) if raw else model

    def untrained_model(self, seed: int | None = None) -> keras.Model:
        """Returns the compiled model as it is before training; default: from the trial's seed."""
        if seed is not None:
            check_whole("", "seed", seed, 0, error=SearchError)
        with seeded((self.record.seed or 0) if seed is None else seed), self._told("built"):
            return self.space.build_values(self.values)

    def code(self, *, raw: bool = False, training: bool = False) -> str:
        """Returns plain Keras source that builds the architecture, and compiles it unless `raw`.

        Args:
            raw: As for `model`.
            training: Whether it is a script that also trains the model as the trial was: from the
                same weights, with the samples in the same order. It reads the data with `nas.load`
                where that knows it, else from a file that it tells how to write.
        """
        from nas_nb.export.keras_source import keras_source, training_script

        check_flags(SearchError, raw=raw, training=training)
        model = self.untrained_model()
        if training:
            source = keras_source(model)
            return training_script(source, self._training_plan(model, source))
        return keras_source(with_raw_input(model, self.data) if raw else model)

    def _training_plan(self, model: keras.Model, source: str) -> TrainingPlan:
        from nas_nb.export.custom_objects import find_custom_objects, run_source
        from nas_nb.export.keras_source import TrainingPlan

        made = run_source(source)
        seeds = default_seeds(model, made["build_model"])
        granted, record = self._granted, self.record
        fraction = f"a {granted.data_fraction:.0%} share of the rows"
        causes = {
            f"was trained on {fraction}": granted.data_fraction < 1,
            "is a mean over several trainings": granted.executions_per_trial > 1,
            f"started from trial {record.parent}'s weights": record.parent is not None,
            "started from the weights of another training": self._asked is not None
            and self._asked.further,
            "has a layer whose first weights only the layer itself can draw": 1 in seeds
            and bool(find_custom_objects(model)),
            "did not complete": self.status is not TrialStatus.COMPLETED,
        }
        recipe = (self._settings.data.recipe or {}).get("load")
        return TrainingPlan(
            seed=record.seed or 0,
            seeds=seeds,
            epochs=len(self.curve) or granted.epochs,
            batch_size=granted.batch_size,
            validation_batch_size=fixed_batch_size(model) or VALIDATION_BATCH_SIZE,
            objective=self.objective,
            mode=str(self._settings.objective.direction),
            score=None if self._asked is not None and not self._asked.validates else self.score,
            recipe=recipe if self.data is self._settings.data else None,
            remarks=tuple(
                f"The trial {cause}: its score differs." for cause, so in causes.items() if so
            ),
        )

    def save(self, path: str | Path, *, raw: bool = False, quantize: bool = False) -> SavedFile:
        """Writes the trained model, loads it again, and compares both on eight samples.

        Args:
            path: "model.keras", "model.tflite" (LiteRT), "model.onnx" (with the extra `export`),
                or a folder for a SavedModel.
            raw: As for `model`; text layers go into ".keras" and a folder alone.
            quantize: Whether a ".tflite" keeps layers of 1,024 weights or more in 8 bits: smaller,
                and less exact.

        Returns:
            What was written: its size, and by how much its outputs differ.

        Raises:
            ExportError: The format can't hold the model, or the outputs differ by more than 1e-5
                of the largest (not where it is quantised).
            SearchError: As for `model`.
        """
        from nas_nb.export.formats import save_model

        check_flags(SearchError, raw=raw, quantize=quantize)
        samples = self.data.x_test[:8]
        samples = raw_samples(samples, self.data) if raw else samples
        return save_model(self.model(raw=raw), path, samples, quantize=quantize)

    def retrain(
        self,
        epochs: int | None = None,
        on: str = "train",
        callbacks: Sequence[keras.callbacks.Callback] = (),
        seed: int | None = None,
        batch_size: int | None = None,
        *,
        further: bool = False,
        verbose: int | str = "auto",
    ) -> SearchTrial:
        """Trains the architecture again, outside of the search's record, and shows the progress.

        With its defaults it repeats what the trial was. Record and weights are kept in the
        project folder, in "retrained".

        Args:
            epochs: Epochs, 1 or more; default: as the search grants in full, and for
                "train+validation" as many as were best on the validation part.
            on: "train": all training rows; the epoch that is best on the validation part is kept.
                "train+validation": these rows, too; nothing is left to score it by, so the last
                epoch is kept, and `evaluate()` on the test part tells what it is worth.
            callbacks: Keras callbacks.
            seed: Decides initial weights and the order of samples; default: the trial's own.
            batch_size: Samples a batch; default: the trial's own.
            further: Whether to go on from the trial's weights in place of new ones; the
                optimizer starts anew.
            verbose: As for `model.fit`: 0 shows nothing, "auto" Keras's bar of each epoch.

        Returns:
            A trial with its own score, curve and weights.

        Raises:
            SearchError: An argument does not fit, the loss is no longer finite, or the project's
                folder can't be written.
        """
        check_flags(SearchError, further=further)
        check_type("on", on, str, f"one of {PARTS}", error=SearchError)
        own, full = self._granted, self._settings.fidelity.epochs
        usual = full if on == PARTS[0] else self._best_epoch or full
        seed = (self.record.seed or 0) if seed is None else seed
        asked = Retraining(
            usual if epochs is None else epochs,
            own.batch_size if batch_size is None else batch_size,
            seed,
            on,
            further,
        )
        model = self.model() if further else self.untrained_model(seed)
        folder = self._weights.parent / FOLDER
        objective = self._settings.objective
        record = retrain(
            model, self.data, self.record, asked, objective, folder, callbacks, verbose
        )
        again = SearchTrial(record, self._history, self._settings, folder, asked)
        again._unkept = model if record.checkpoint is None else None
        return again

    @property
    def _best_epoch(self) -> int:
        """The epoch that made the score, from 1; 0 where there is none."""
        scores = [logs.get(self.objective) for logs in self.curve]
        return scores.index(self.record.score) + 1 if self.record.score in scores else 0

    def evaluate(self) -> dict[str, float]:
        """Returns loss and metrics on the test part, which no search decision has seen.

        Raises:
            SearchError: As for `model`.
        """
        x, y = self.data.part("test")
        measured = self._trained.evaluate(x, y, verbose=0, return_dict=True)
        return {name: float(value) for name, value in measured.items()}

    def predict(self, x: Any, *, classes: bool = True) -> Any:
        """Predicts samples.

        Args:
            x: (samples, ...) arrays as `data.x_test`; or, as the user had them, texts, or a data
                frame with the columns of the data.
            classes: Whether to return classes; else the model's own numbers.

        Returns:
            (samples,) classes as the labels came, names or numbers; a list of tuples of names
            where a sample has several labels; or (samples, ...) quantities, in the data's own
            units for a data frame, and as in `data.y_test` for an array.

        Raises:
            DataError: `x` is not like the samples of the data.
            SearchError: As for `model`.
        """
        check_flags(SearchError, classes=classes)
        model, whole = self._trained, self._settings.data
        numbers = model_input(x, whole)
        outputs = model_outputs(model, numbers)
        if whole.task.has_quantities:
            return in_own_units(outputs, x, whole)
        return class_names(outputs, whole, model) if classes else outputs

    def explain(self, x: Any, method: str | Sequence[str] | None = None) -> Any:
        """Explains predictions: which pixels, columns or words speak for them, by several methods.

        Args:
            x: Up to 16 samples, as for `predict`.
            method: "integrated_gradients", "occlusion", "grad_cam", and with the extra
                `nas_nb[explain]` "shap" and "lime"; or several. Default: all that fit the data and
                need no extra.

        Returns:
            Pictures; `.agreement()` is a table of where the methods disagree.

        Raises:
            SearchError: As for `model`; or a method is unknown, does not fit, or is not installed.
        """
        return _explainers[0](self, x, method)

    @cached_property
    def _trained(self) -> keras.Model:
        return self.model()

    def _check_completed(self) -> None:
        if self.status is TrialStatus.COMPLETED:
            return
        why = f": {self.reason.removesuffix('.')}." if self.reason else "."
        raise SearchError(
            f"Expected a trial that completed. Received: trial {self.number}, which is "
            f"{self.status}{why} It has no trained model; `search.best` has one."
        )

    def __call__(self, *given: Any, **named: Any) -> NoReturn:
        """Says what to write: `search.best()` and `trial(x)` are near to what there is."""
        raise TypeError(
            "Expected a trial without parentheses behind it, as `search.best`. Received: a call. "
            "`.model()` is its trained model, `.predict(x)` predicts."
        )

    def __repr__(self) -> str:
        scored = self.record.score is not None
        score = f"{self.objective} {score_text(self._history, self.record)}"
        told, name = [score if scored else str(self.status)], f"Trial {self.number}"
        if self._asked is not None:
            name, how = f"{name} retrained", self._asked.text
            told = [how, *told] if scored else [how]
        lines = [f"{name}: {', '.join(told)}"]
        lines += [f"  {name} = {value}" for name, value in self.values.items()]
        lines += [f"  {name}: {cost_text(cost)}" for name, cost in self.costs.items()]
        lines += [f"  {self.reason}"] if self.reason else []
        return printable("\n".join(lines))


_explainers: list[Callable[[SearchTrial, Any, str | Sequence[str] | None], Any]] = []


def register_explainer(
    explain: Callable[[SearchTrial, Any, str | Sequence[str] | None], Any],
) -> None:
    """Sets what `SearchTrial.explain` calls: it lies above this layer."""
    _explainers[:] = [explain]


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
    trials = [trial for trial in search.history.trials if trial.curve or trial.reason]
    if service == "tensorboard":
        usual = search.directory / "tensorboard"
        folder = usual if directory is None else given_path(directory, SearchError)
        with writing(folder, SearchError, folder=True):
            return _to_tensorboard(trials, folder)
    return _to_mlflow(search, trials, directory)


def _to_tensorboard(trials: list[Trial], folder: Path) -> str:
    import tensorflow as tf

    api = import_module("tensorboard.plugins.hparams.api")
    for trial in trials:
        # A folder a trial: written again, it replaces what an earlier call wrote.
        own = folder / f"trial_{trial.number:06d}"
        for file in own.glob("events.out.tfevents.*"):
            file.unlink()
        with tf.summary.create_file_writer(str(own)).as_default():
            api.hparams(printable_values(trial.values), trial_id=f"trial {trial.number}")
            for epoch, logs in enumerate(trial.curve, start=1):
                for name, value in logs.items():
                    tf.summary.scalar(name, value, step=epoch)
            for name, value in _totals(trial).items():
                tf.summary.scalar(name, value, step=len(trial.curve))
    return str(folder)


def _to_mlflow(search: Recorded, trials: list[Trial], uri: str | Path | None) -> str:
    try:
        mlflow, entities = import_module("mlflow"), import_module("mlflow.entities")
    except ImportError as error:
        raise SearchError(
            "Expected mlflow to log to it. Received: none. Install it: pip install mlflow-skinny."
        ) from error
    # Not its `start_run`: that ends in an error where the user has a run open.
    client = mlflow.MlflowClient(None if uri is None else str(uri))
    found = client.get_experiment_by_name(search.name)
    experiment = client.create_experiment(search.name) if found is None else found.experiment_id
    project = hashlib.sha256(os.fsencode(search.directory.resolve())).hexdigest()[:16]
    for trial in trials:
        # Written again, it replaces what an earlier call wrote; MLflow can restore that.
        mark = f"{project}.{trial.number}"
        for before in client.search_runs([experiment], f"tags.nas_nb_trial = '{mark}'"):
            client.delete_run(before.info.run_id)
        run = client.create_run(
            experiment, tags={"nas_nb_trial": mark}, run_name=f"trial {trial.number}"
        ).info.run_id
        told = {**trial.values, "seed": trial.seed, "origin": trial.origin}
        params = [entities.Param(_ODD.sub("_", key), str(value)) for key, value in told.items()]
        client.log_batch(run, params=params)
        at = round((trial.ended or trial.started or 0.0) * 1000)
        for epoch, logs in (*enumerate(trial.curve, 1), (len(trial.curve), _totals(trial))):
            named = ((_ODD.sub("_", key), value) for key, value in logs.items())
            client.log_batch(run, [entities.Metric(*pair, at, epoch) for pair in named])
        if trial.reason:
            client.set_tag(run, "reason", trial.reason)
        client.set_terminated(run, _ENDED.get(trial.status, "KILLED"))
    return str(client.tracking_uri)


_ENDED = {TrialStatus.COMPLETED: "FINISHED", TrialStatus.FAILED: "FAILED"}
_ODD = re.compile(r"[^\w\-. :/]", re.ASCII)
"""What MLflow refuses in names."""


def _totals(trial: Trial) -> Mapping[str, Any]:
    """Returns a trial's costs, and its score if it has one."""
    return {**trial.costs, **({} if trial.score is None else {"score": trial.score})}
