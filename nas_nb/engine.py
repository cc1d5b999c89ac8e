"""KerasTuner's `engine`, where a program for it looks: `from nas_nb.engine.tuner import Tuner`."""

from __future__ import annotations

import sys
from types import ModuleType

from keras_tuner.engine import (
    base_tuner,
    hypermodel,
    hyperparameters,
    metrics_tracking,
    oracle,
    trial,
)
from keras_tuner.engine import tuner as _theirs

from nas_nb.tuners import Tuner as _Tuner

__all__ = [
    "base_tuner",
    "hypermodel",
    "hyperparameters",
    "metrics_tracking",
    "oracle",
    "trial",
    "tuner",
]

tuner = ModuleType(f"{__name__}.tuner", _theirs.__doc__)
vars(tuner).update({**vars(_theirs), "__name__": tuner.__name__, "Tuner": _Tuner})
# With these `import nas_nb.engine.oracle` finds KerasTuner's own module, and no copy of it.
sys.modules.update({f"{__name__}.{name}": globals()[name] for name in __all__})
