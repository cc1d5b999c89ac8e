"""KerasTuner's Bayesian oracle with a faster process."""

from __future__ import annotations

from typing import Any

import keras_tuner as kt
import numpy as np

from nas_nb.strategy.gaussian import Process
from nas_nb.strategy.threads import one_thread

_STARTS = 50


class BayesianOracle(kt.oracles.BayesianOptimizationOracle):  # type: ignore[misc]
    """Proposes what KerasTuner's oracle proposes, from the same trials and starts."""

    def lowest(self) -> dict[str, Any]:
        """Returns the values where the bound is lowest, as `populate_space` does."""
        x, y = (np.nan_to_num(each, posinf=0, neginf=0) for each in self._vectorize_trials())
        bounds = self._get_hp_bounds()
        shape = (_STARTS, len(bounds))
        starts = self._random_state.uniform(bounds[:, 0], bounds[:, 1], size=shape)
        with one_thread():
            found = Process(x, y, self.alpha).lowest(starts, bounds, self.beta)
        values: dict[str, Any] = self._vector_to_values(found)
        return values
