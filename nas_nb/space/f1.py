"""The F1 score of class numbers, which Keras has for one-hot labels only."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="nas_nb")
class SparseF1(keras.metrics.Metric):  # type: ignore[misc]
    """The F1 score for labels that are class numbers.

    Of two classes it is the F1 score of class 1; of several the mean over the classes, each on
    its own ("macro"), where a class that neither occurs nor is predicted counts as 0.

    Args:
        classes: How many there are, 2 or more. A model of 2 classes returns 1 probability.
        name: Its name in the logs. Default: "f1_score".
        dtype: Of the counts. Default: Keras's own.
    """

    def __init__(self, classes: int, name: str = "f1_score", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.classes = classes
        self.hits = self._counts("hits")
        self.labelled = self._counts("labelled")
        self.predicted = self._counts("predicted")

    def _counts(self, name: str) -> Any:
        return self.add_variable((self.classes,), initializer="zeros", name=name)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Counts a batch: class numbers (samples,) or (samples, 1), and probabilities."""
        one_output = y_pred.shape[-1] == 1
        chosen = y_pred[..., 0] > 0.5 if one_output else ops.argmax(y_pred, axis=-1)
        labelled = self._one_hot(ops.reshape(y_true, (-1,)))
        predicted = self._one_hot(chosen)
        weight = 1.0
        if sample_weight is not None:
            weight = ops.reshape(ops.cast(sample_weight, self.dtype), (-1, 1))
        self.hits.assign_add(ops.sum(weight * labelled * predicted, axis=0))
        self.labelled.assign_add(ops.sum(weight * labelled, axis=0))
        self.predicted.assign_add(ops.sum(weight * predicted, axis=0))

    def _one_hot(self, numbers: Any) -> Any:
        return ops.one_hot(ops.cast(numbers, "int32"), self.classes, dtype=self.dtype)

    def result(self) -> Any:
        """Returns the score, from 0 to 1."""
        scores = 2 * self.hits / (self.labelled + self.predicted + keras.config.epsilon())
        return scores[1] if self.classes == 2 else ops.mean(scores)

    def get_config(self) -> dict[str, Any]:
        """Returns what it was made with."""
        return {**super().get_config(), "classes": self.classes}
