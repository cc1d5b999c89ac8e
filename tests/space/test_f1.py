from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn.metrics import f1_score

from nas_nb.space.definition import SparseF1


@pytest.mark.parametrize(("classes", "average"), [(2, "binary"), (4, "macro")])
def test_score_is_scikit_learns(classes: int, average: str) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(classes, size=60)
    outputs = rng.random((60, 1 if classes == 2 else classes), dtype="float32")
    weights = rng.random(60, dtype="float32")
    metric = SparseF1(classes)
    for rows in (slice(0, 40), slice(40, 60)):
        metric.update_state(labels[rows], outputs[rows], weights[rows])
    chosen = outputs[:, 0] > 0.5 if classes == 2 else outputs.argmax(axis=1)
    expected = f1_score(labels, chosen, average=average, sample_weight=weights)
    assert float(metric.result()) == pytest.approx(expected, abs=1e-5)


def test_metric_is_made_again_from_its_config() -> None:
    saved = keras.saving.serialize_keras_object(SparseF1(3))
    assert keras.saving.deserialize_keras_object(saved).classes == 3
