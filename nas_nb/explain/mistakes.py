"""What a trained trial gets wrong: confusion, classes, calibration, residuals, worst rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nas_nb.data.preprocessing import Vocabulary
from nas_nb.data.task import Task
from nas_nb.errors import SearchError, nearest
from nas_nb.export.raw_input import model_outputs, raw_samples

if TYPE_CHECKING:
    from nas_nb.data.dataset import Data
    from nas_nb.search.trials import SearchTrial

Array = np.ndarray[Any, np.dtype[Any]]

_WORST = 8
_MOST_COLUMNS = 8
_BINS = 10
_TINY = 1e-7
_PARTS = ("train", "val", "test")


class ClassErrors(NamedTuple):
    """How a class (or label) is predicted: precision, recall and F1, 0 to 1, and its rows."""

    name: str
    precision: float
    recall: float
    f1: float
    rows: int


class Mistake(NamedTuple):
    """One row that is predicted badly."""

    row: int  # its number in the part of the data
    true: str  # what it is
    predicted: str  # what was predicted
    loss: float  # the negative log of the true class's probability; for quantities the distance


class Mistakes(NamedTuple):
    """What a trial gets wrong on a part of the data.

    Attributes:
        part: "train", "val" or "test".
        classes: One for each class or label; empty for quantities.
        confusion: Rows of each class (down) that were predicted as each class (across);
            of shape (0, 0) where a sample has several labels or quantities.
        calibration: (mean confidence, share that was right, rows) of up to 10 bins.
        calibration_error: The mean of |confidence - share right| over rows: Guo et al., On
            Calibration of Modern Neural Networks, ICML 2017, eq. 3.
        residuals: (true, predicted) of each row, flat; empty for classes.
        worst: The rows with the largest losses, worst first.
        samples: The inputs of these rows.
        text: The gist in a sentence or two.
        kind: What samples are: "image", "table", "text" or "series".
        columns: Names of what the worst rows hold: of columns, or "text"; none for pictures.
        rows: The worst rows as the user had them, a text for each of `columns`.
    """

    part: str
    classes: tuple[ClassErrors, ...]
    confusion: Array
    calibration: tuple[tuple[float, float, int], ...]
    calibration_error: float
    residuals: tuple[Array, Array]
    worst: tuple[Mistake, ...]
    samples: Array
    text: str
    kind: str = "table"
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def measure_mistakes(trial: SearchTrial, part: str = "val") -> Mistakes:
    """Predicts a part of the data, and tells what is wrong with it.

    Args:
        trial: One whose weights were kept.
        part: "val", which decided the search, "test", which nothing has seen, or "train".

    Raises:
        SearchError: Its weights are gone, it did not complete, or there is no such part.
    """
    if part not in _PARTS:
        raise SearchError(
            f"Expected a part of the data: {', '.join(_PARTS)}. Received: {part!r}."
            f"{nearest(str(part), _PARTS)}"
        )
    model, data = trial.model(), trial.data
    x, y = (np.asarray(one) for one in data.part(part))
    outputs = model_outputs(model, x).astype(float)
    if data.task.has_quantities:
        found = _of_quantities(part, x, y.astype(float).reshape(outputs.shape), outputs)
    elif data.task == Task.MULTILABEL:
        found = _of_labels(part, x, y, as_shares(outputs, model), data)
    else:
        labels = y.reshape(len(x)).astype(int)
        found = _of_classes(part, x, labels, as_shares(outputs, model), data)
    kind = sample_kind(data)
    cells = _cells(found.samples, data) if kind in ("table", "text") else {}
    rows = tuple(zip(*cells.values(), strict=True))
    return found._replace(kind=kind, columns=tuple(cells), rows=rows)


def sample_kind(data: Data) -> str:
    """Returns what samples are: "image", "table", "text" or "series"."""
    if isinstance(data.raw, Vocabulary):
        return "text"
    return {1: "table", 2: "series", 3: "image"}.get(len(data.spec.input_shape), "series")


def _cells(samples: Array, data: Data) -> dict[str, list[str]]:
    """Returns samples as the user had them: texts by the names of columns."""
    made = raw_samples(samples, data)
    if isinstance(data.raw, Vocabulary):
        return {"text": [text.decode() for text in np.asarray(made).ravel().tolist()]}
    columns = made if isinstance(made, dict) else dict(enumerate(np.asarray(made).T, start=1))
    return {
        name if isinstance(name, str) else f"column {name}": [
            cell.decode() if isinstance(cell, bytes) else f"{cell:.4g}"
            for cell in np.asarray(values).ravel().tolist()
        ]
        for name, values in [*columns.items()][:_MOST_COLUMNS]
    }


def as_shares(outputs: Array, model: Any) -> Array:
    """Returns a classifier's outputs as probabilities, also where its loss takes logits."""
    if not getattr(model.loss, "from_logits", False):
        return outputs
    if outputs.shape[-1] == 1 or "binary" in type(model.loss).__name__.lower():
        shares: Array = 1 / (1 + np.exp(-outputs))
        return shares
    powers: Array = np.exp(outputs - outputs.max(-1, keepdims=True))
    powers /= powers.sum(-1, keepdims=True)
    return powers


def _of_classes(part: str, x: Array, y: Array, shares: Array, data: Data) -> Mistakes:
    from sklearn.metrics import confusion_matrix

    if shares.shape[-1] == 1:
        shares = np.concatenate([1 - shares, shares], axis=1)
    names, predicted = data.classes, shares.argmax(1)
    known = range(len(names))
    confusion = confusion_matrix(y, predicted, labels=list(known))
    losses = -np.log(np.maximum(shares[np.arange(len(y)), y], _TINY))
    wrong = np.flatnonzero(predicted != y)
    order = wrong[np.argsort(-losses[wrong], kind="stable")][:_WORST]
    worst = [Mistake(int(r), names[y[r]], names[predicted[r]], float(losses[r])) for r in order]
    confidence, right = shares.max(1), predicted == y
    bins, error = _calibrated(confidence, right)
    classes = _class_errors(y, predicted, names)
    weak = min(classes, key=lambda one: one.f1)
    text = f"{len(wrong)} of {len(y)} rows of the {_named(part)} part are wrong."
    if len(wrong):
        off = np.where(np.eye(len(names), dtype=bool), 0, confusion)
        true, said = np.unravel_index(int(off.argmax()), off.shape)
        times = "once" if off.max() == 1 else f"{off.max()} times"
        text += (
            f" Most often {names[true]} is taken for {names[said]} ({times}); "
            f"{weak.name} has the lowest F1, {weak.f1:.2f}."
        )
    text += _sureness_text(confidence, right)
    none = np.empty(0), np.empty(0)
    return Mistakes(part, classes, confusion, bins, error, none, tuple(worst), x[order], text)


def _sureness_text(confidence: Array, right: Array) -> str:
    """Says whether the mean probability fits the share that is right, within its 95 % error."""
    gap = float(confidence.mean() - right.mean())
    variance = float((confidence * (1 - confidence)).sum())  # of rows that are right as it says
    if abs(gap) < max(0.0005, 1.96 * variance**0.5 / len(right)):
        return " Its probabilities fit: it is as sure as it is right."
    over = "sure of itself than right" if gap > 0 else "right than sure"
    return f" It is more {over} by {abs(gap):.3f} on average."


def _of_labels(part: str, x: Array, y: Array, shares: Array, data: Data) -> Mistakes:
    predicted = (shares > 0.5).astype(int)
    own = np.where(y > 0, shares, 1 - shares)
    losses = -np.log(np.maximum(own, _TINY)).mean(1)
    order = np.argsort(-losses, kind="stable")[:_WORST]

    def told(row: Array) -> str:
        return ", ".join(n for n, on in zip(data.classes, row, strict=True) if on) or "none"

    worst = [Mistake(int(r), told(y[r]), told(predicted[r]), float(losses[r])) for r in order]
    bins, error = _calibrated(np.maximum(shares, 1 - shares).ravel(), (predicted == y).ravel())
    classes = _class_errors(y, predicted, data.classes)
    weak = min(classes, key=lambda one: one.f1)
    whole = int((predicted == y).all(1).sum())
    text = (
        f"{whole} of {len(y)} rows of the {_named(part)} part have all labels right; {weak.name} "
        f"has the lowest F1, {weak.f1:.2f}."
    )
    none = np.empty((0, 0), int), (np.empty(0), np.empty(0))
    return Mistakes(part, classes, none[0], bins, error, none[1], tuple(worst), x[order], text)


def _of_quantities(part: str, x: Array, y: Array, outputs: Array) -> Mistakes:
    gaps = outputs - y
    losses = np.abs(gaps).reshape(len(y), -1).mean(1)
    order = np.argsort(-losses, kind="stable")[:_WORST]

    def told(row: Array) -> str:
        return ", ".join(f"{number:.4g}" for number in np.ravel(row)[:4])

    worst = [Mistake(int(r), told(y[r]), told(outputs[r]), float(losses[r])) for r in order]
    spread = float(((y - y.mean(0)) ** 2).sum())
    explained = 1 - float((gaps**2).sum()) / spread if spread else 0.0
    text = (
        f"On the {_named(part)} part predictions are off by {np.abs(gaps).mean():.4g} on average "
        f"(bias {gaps.mean():+.3g}), and explain {explained:.0%} of the variance."
    )
    flat = y.ravel(), outputs.ravel()
    return Mistakes(part, (), np.empty((0, 0), int), (), 0.0, flat, tuple(worst), x[order], text)


def _class_errors(y: Array, predicted: Array, names: tuple[str, ...]) -> tuple[ClassErrors, ...]:
    from sklearn.metrics import precision_recall_fscore_support

    labels = list(range(len(names)))
    found = precision_recall_fscore_support(y, predicted, labels=labels, zero_division=0)
    rows = zip(names, *(numbers.tolist() for numbers in found), strict=True)
    return tuple(ClassErrors(name, p, r, f, int(count)) for name, p, r, f, count in rows)


def _calibrated(
    confidence: Array, right: Array
) -> tuple[tuple[tuple[float, float, int], ...], float]:
    """Returns the bins of confidence, and the expected calibration error."""
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    found = []
    for number in np.unique(bins):
        mine = bins == number
        found.append((float(confidence[mine].mean()), float(right[mine].mean()), int(mine.sum())))
    error = sum(count * abs(sure - share) for sure, share, count in found) / len(confidence)
    return tuple(found), error


def _named(part: str) -> str:
    return {"val": "validation", "train": "training"}.get(part, part)
