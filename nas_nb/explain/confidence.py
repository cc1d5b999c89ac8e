"""How sure a winner is: what it shares its score with, and what its score is believed to be."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nas_nb.errors import SearchError
from nas_nb.export.raw_input import model_outputs
from nas_nb.record.trial_facts import score_error, within_noise

if TYPE_CHECKING:
    from nas_nb.record.history import History
    from nas_nb.record.trial import Trial
    from nas_nb.search.trials import SearchTrial

Vector = np.ndarray[tuple[int], np.dtype[np.float64]]

_RESAMPLES = 200
_ATOMS, _STEPS, _REACH, _MOST_SCORES = 100, 200, 8, 1000


class NearBest(NamedTuple):
    """The trials that the winner can't be told from.

    Attributes:
        error: The standard error of the winner's score.
        trials: The others, best first.
        smallest: The one with the fewest parameters, the winner included; None if unknown.
    """

    error: float
    trials: tuple[Trial, ...]
    smallest: Trial | None


def near_best(history: History, error: float | None = None) -> NearBest | None:
    """Returns which trials are within `noise` of the best; None if that is unknown.

    Args:
        history: What happened.
        error: The standard error of the winner's score; default: the binomial one of a share.
    """
    best, near = history.incumbent, within_noise(history, error)
    error = score_error(history, best) if error is None and best is not None else error
    if best is None or near is None or error is None:
        return None
    sized = [trial for trial in (best, *near) if "params" in trial.costs]
    smallest = min(sized, key=lambda trial: trial.costs["params"], default=None)
    return NearBest(error, tuple(sorted(near, key=history.rank)), smallest)


def believed_score(history: History, trial: Trial, error: float | None = None) -> float | None:
    """Returns a score less the luck that a search selects for; None if its error is unknown.

    The winner of many noisy measurements is also the luckiest. What a score is believed to be is
    its posterior mean, where the prior is the distribution of true scores under which all scores
    of the search are most likely (Kiefer & Wolfowitz, Annals of Mathematical Statistics 27, 1956;
    Jiang & Zhang, General Maximum Likelihood Empirical Bayes Estimation of Normal Means, Annals of
    Statistics 37, 2009). The more trials crowd below the winner, the further it goes back.

    Args:
        history: What happened: the trials of the same fidelity count.
        trial: A completed one.
        error: The standard error of its score; default: the binomial one of a share.
    """
    error = score_error(history, trial) if error is None else error
    if error is None or trial.score is None:
        return None
    others = [t for t in history.completed if t.fidelity == trial.fidelity]
    scores = np.array([t.score for t in others if t.score is not None], dtype=float)
    scores = scores[np.isfinite(scores)]
    return shrunk(trial.score, scores, error)


def shrunk(score: float, scores: Vector, error: float) -> float:
    """Returns the posterior mean of what a score was measured of; `scores` holds it, too."""
    near = np.sort(scores[np.abs(scores - score) <= _REACH * error])
    if error <= 0 or not len(near):
        return score
    near = near[:: -(-len(near) // _MOST_SCORES)]
    atoms = np.linspace(near[0], near[-1], _ATOMS)
    likelihood = np.exp(-0.5 * ((near[:, None] - atoms) / error) ** 2)
    weights = np.full(_ATOMS, 1 / _ATOMS)
    for _ in range(_STEPS):  # expectation-maximisation
        shares = likelihood * weights
        weights = (shares / shares.sum(1, keepdims=True)).mean(0)
    own = np.exp(-0.5 * ((score - atoms) / error) ** 2) * weights
    return float((own * atoms).sum() / own.sum())


def bootstrap_error(trial: SearchTrial) -> float:
    """Returns the standard error of a trial's score, by resampling its validation rows.

    Args:
        trial: One whose weights were kept, compared by its loss, or by "mae", "mse" or "rmse".

    Raises:
        SearchError: Its weights are gone, or its objective is no mean over rows.
    """
    name = trial.objective.removeprefix("val_")
    model, (x, y) = trial.model(), trial.data.part("val")
    rows = _row_losses(model, name, np.asarray(y), model_outputs(model, np.asarray(x)))
    rng = np.random.default_rng(0)
    picked = rows[rng.integers(len(rows), size=(_RESAMPLES, len(rows)))].mean(1)
    rooted = name in ("rmse", "root_mean_squared_error")
    return float(np.std(np.sqrt(picked) if rooted else picked))


_ROWS: dict[str, Callable[[Any, Any], Any]] = {
    "mae": lambda y, out: np.abs(y - out),
    "mse": lambda y, out: (y - out) ** 2,
}
_SAME = {
    "mean_absolute_error": "mae",
    "mean_squared_error": "mse",
    "rmse": "mse",
    "root_mean_squared_error": "mse",
}


def _row_losses(model: Any, name: str, y: np.ndarray, outputs: np.ndarray) -> Vector:
    """Returns the loss or metric of each row, whose mean is the score."""
    import keras

    if name == "loss":
        loss = keras.losses.get(model.loss)
        call = loss.call if isinstance(loss, keras.losses.Loss) else loss
        labels = y[:, None] if y.ndim < outputs.ndim and outputs.shape[-1] == 1 else y
        measured = keras.ops.convert_to_numpy(call(labels, outputs))
    elif (known := _SAME.get(name, name)) in _ROWS:
        measured = _ROWS[known](y.reshape(outputs.shape), outputs)
    else:
        raise SearchError(
            f"Expected an objective that is a mean over rows: val_loss, val_mae, val_mse or "
            f"val_rmse. Received: 'val_{name}'. Compare with `search.confirm()`, over seeds."
        )
    rows: Vector = np.asarray(measured, dtype=float).reshape(len(y), -1).mean(1)
    return rows


def last_epoch_score(history: History, trial: Trial) -> float | None:
    """Returns the objective after the trial's last epoch: its score is that of its best one."""
    last = trial.curve[-1].get(history.objective) if len(trial.curve) else None
    return last if last is not None and math.isfinite(last) else None
