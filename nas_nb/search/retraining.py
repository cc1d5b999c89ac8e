"""Training a trial's architecture again: outside of the search's record, with one of its own."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from nas_nb.errors import NasError, SearchError, check_type, check_whole, reason_of, tell
from nas_nb.evaluate.fit import NoControl
from nas_nb.evaluate.global_state import seeded
from nas_nb.evaluate.trainer import train
from nas_nb.evaluate.training_state import row_error
from nas_nb.record.files import is_plain, leads_out, write_whole
from nas_nb.record.history_state import comparable_score
from nas_nb.record.trial import TrialStatus, freeze, sign_of
from nas_nb.workers.checkpoints import NOT_KEPT, write_weights

if TYPE_CHECKING:
    from pathlib import Path

    import keras_tuner as kt

    from nas_nb.data.dataset import Data
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial

PARTS = ("train", "train+validation")
FOLDER = "retrained"


@dataclass(frozen=True)
class Retraining:
    """What a training outside of the search's record is to be."""

    epochs: int  # epochs, 1 or more
    batch_size: int  # samples a batch
    seed: int  # decides initial weights and the order of samples
    on: str = "train"  # the rows: "train", or "train+validation", which leaves none to measure on
    further: bool = False  # whether it starts from the trial's weights

    def __post_init__(self) -> None:
        for name, low in (("epochs", 1), ("batch_size", 1), ("seed", 0)):
            check_whole("", name, getattr(self, name), low, error=SearchError)
        if self.on not in PARTS:
            raise SearchError(f"Expected `on` to be one of {PARTS}. Received: on={self.on!r}.")

    @property
    def validates(self) -> bool:
        """Whether the validation rows are left to measure on."""
        return self.on == PARTS[0]

    @property
    def text(self) -> str:
        """Says "40 epochs on train+validation, seed 7"."""
        epochs = f"{self.epochs} epoch{'' if self.epochs == 1 else 's'}"
        return f"{epochs}{' more' if self.further else ''} on {self.on}, seed {self.seed}"


class _BestEpoch:
    """The logs of each epoch, and the weights after the best one: without a score, the last."""

    def __init__(self, model: keras.Model, objective: kt.Objective, *, scored: bool) -> None:
        self.curve: list[Mapping[str, float]] = []
        self.score: float | None = None
        self.weights: list[np.ndarray] | None = None
        self._model = model
        self._name = str(objective.name)
        self._sign = sign_of(objective.direction)
        self._scored = scored

    def __call__(self, epoch: int, logs: Mapping[str, float], duration_s: float) -> None:
        """Takes one epoch."""
        self.curve.append(dict(logs))
        if not math.isfinite(logs.get("loss", 0.0)):
            raise SearchError(f"The loss is not finite after epoch {epoch}; nothing was kept.")
        score = comparable_score(logs.get(self._name)) if self._scored else None
        better = score is not None and (
            self.score is None or self._sign * score > self._sign * self.score
        )
        if better or not self._scored:
            self.score, self.weights = score, self._model.get_weights()


def retrain(
    model: keras.Model,
    data: Data,
    trial: Trial,
    asked: Retraining,
    objective: kt.Objective,
    folder: Path,
    callbacks: Sequence[Any] = (),
    verbose: int | str = "auto",
) -> Trial:
    """Trains a model of the trial's architecture; writes its weights and record into the folder.

    The model is left with the weights of its best epoch. Where they can't be written the record
    says so, and has no checkpoint.
    """
    kinds = (list, tuple)
    check_type("callbacks", callbacks, kinds, "a list of Keras callbacks", error=SearchError)
    for each in callbacks:
        check_type("callbacks", each, keras.callbacks.Callback, "Keras's", error=SearchError)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise SearchError(
            f"Expected to keep the training in {folder}. Received: {reason_of(error)}. Nothing was "
            "trained; open a copy of the project's folder where you can write."
        ) from error
    if leads_out(folder, folder.parent):
        raise SearchError(f"{folder} is a link that leads out of the project: nothing was trained.")
    if not asked.validates:
        data = replace(
            data,
            x_train=np.concatenate([data.x_train, data.x_val]),
            y_train=np.concatenate([data.y_train, data.y_val]),
        )
    best, started = _BestEpoch(model, objective, scored=asked.validates), time.time()
    with seeded(asked.seed):
        result = train(
            model,
            data,
            epochs=asked.epochs,
            batch_size=asked.batch_size,
            seed=asked.seed,
            on_epoch=best,
            control=NoControl(),
            validate=asked.validates,
            callbacks=callbacks,
            verbose=verbose,
        )
    if best.weights is None:
        raise SearchError(f"Expected '{objective.name}' in the logs of an epoch. Received: none.")
    model.set_weights(best.weights)
    told = f"trained {'further' if asked.further else 'again'} on {asked.on}"
    about = {
        "trial": trial.number,
        "values": trial.values,
        **vars(asked),
        "score": best.score,
        "standard_error": row_error(model, data, objective.name) if asked.validates else None,
        "curve": best.curve,
        "duration_s": time.time() - started,
        "started": started,
        "note": "; ".join(note for note in (told, result.note) if note),
    }
    return _kept(trial, asked, about, model, folder)


def _kept(
    trial: Trial, asked: Retraining, about: dict[str, Any], model: keras.Model, folder: Path
) -> Trial:
    count = 1
    while (folder / f"trial_{trial.number:06d}_{count}.json").exists():
        count += 1
    name = f"trial_{trial.number:06d}_{count}"
    about["weights"] = f"{name}.weights.h5"
    try:
        write_weights(folder / about["weights"], model, trial.number)
        write_whole(folder / f"{name}.json", [json.dumps(about, indent=1).encode()])
    except OSError as error:
        about["weights"] = None
        about["note"] += f"; {NOT_KEPT}: {reason_of(error)}"
        said = f"Trial {trial.number}, {about['note']}"
        tell(f"{said}. They are in what `retrain` returned alone: save it, `.save(path)`.")
    return _record(trial, asked, about)


def _record(trial: Trial, asked: Retraining, about: Mapping[str, Any]) -> Trial:
    return replace(
        trial,
        status=TrialStatus.COMPLETED,
        reason=None,
        seed=asked.seed,
        epochs_granted=asked.epochs,
        fidelity=freeze({**trial.fidelity, "epochs": asked.epochs, "batch_size": asked.batch_size}),
        curve=freeze([*about["curve"]]),
        score=about["score"],
        standard_error=about.get("standard_error"),
        duration_s=about["duration_s"],
        started=about["started"],
        ended=about["started"] + about["duration_s"],
        note=about["note"],
        checkpoint=about["weights"],
    )


def read_retrained(folder: Path, history: History) -> list[tuple[Trial, Retraining]]:
    """Returns the trainings outside of the record that a folder keeps, oldest first."""
    found = []
    for file in folder.glob("trial_*.json") if not leads_out(folder, folder.parent) else ():
        try:
            if not is_plain(file):
                raise ValueError("no plain file")
            about = json.loads(file.read_text())
            asked = Retraining(**{field.name: about[field.name] for field in fields(Retraining)})
            found.append((_record(history[about["trial"]], asked, about), asked))
        except (OSError, ValueError, TypeError, LookupError, NasError) as error:
            raise SearchError(
                f"Expected the record of a training in {file}. Received: a file that is damaged, "
                f"or of another search ({reason_of(error)}). Move it away."
            ) from error
    return sorted(found, key=lambda pair: pair[0].started or 0.0)
