"""How long an epoch of a candidate will take, by those that were trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nas_nb.record.trial import Trial
    from nas_nb.record.values import Values
    from nas_nb.strategy.surrogate.coder import Coder

Vector = np.ndarray[tuple[int], np.dtype[np.float64]]

_LATEST = 200
_RIDGE = 0.3


def log_seconds(coder: Coder, trials: Sequence[Trial], points: Sequence[Values]) -> Vector:
    """Returns the predicted logarithms of the seconds that an epoch of each point takes.

    Linear in the encoded choices, by ridge regression: each choice makes a model dearer by some
    factor, and so does a part of the space whose models have to be compiled first. (Snoek et al.,
    NeurIPS 2012, section 3.2, take a second Gaussian process for it.)

    Args:
        coder: Of the space.
        trials: The latest 200 that tell their time are learned from, but not those that started
            from another: their time is not that of all their epochs.
        points: Of the space, `n` of them.

    Returns:
        Shape (n,); zeros where no trial tells its time.
    """
    telling = (t for t in trials[-_LATEST:] if t.duration_s > 0 and t.epochs and t.parent is None)
    timed = [trial for trial in telling if coder.knows(trial.values)]
    if not timed:
        return np.zeros(len(points))
    seconds = np.log([trial.duration_s / trial.epochs for trial in timed])
    rows, _ = coder.code([trial.values for trial in timed])
    asked, _ = coder.code(points)
    centre = rows.mean(0)
    rows = rows - centre
    gram = rows.T @ rows + _RIDGE * np.eye(rows.shape[1])
    weights = np.linalg.solve(gram, rows.T @ (seconds - seconds.mean()))
    predicted: Vector = seconds.mean() + (asked - centre) @ weights
    return predicted
