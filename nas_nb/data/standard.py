"""Standardised numbers: what they were before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nas_nb.data.statistics import Statistics
    from nas_nb.data.task import Array


@dataclass(frozen=True)
class Standard:
    """How the columns of a table, and the quantities to predict, were standardised.

    `nas_nb.spaces.with_raw_input` does the same in front of a model, and undoes it behind.

    Attributes:
        statistics: Of the training rows as they were; `target_mean` is empty where the labels are
            classes.
    """

    statistics: Statistics

    def numbers(self, rows: Array) -> Array:
        """Returns samples, (samples, features), as a model was trained on them."""
        own = self.statistics
        return np.asarray((rows - np.array(own.mean)) / np.sqrt(own.variance), np.float32)

    def quantities(self, standardised: Array) -> Array:
        """Returns what a model predicts, (samples, quantities), in the units of the data."""
        own = self.statistics
        if not own.target_mean:
            return standardised
        scaled = standardised * np.array(own.target_deviation)
        return np.asarray(scaled + np.array(own.target_mean))
