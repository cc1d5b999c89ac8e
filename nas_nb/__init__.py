"""Neural architecture search in a notebook cell.

Everything public is here under its name and is imported when it is first asked for, so that
``import nas_nb`` and ``%load_ext nas_nb`` cost milliseconds: TensorFlow is loaded by the first
search, not by the first line of the notebook. KerasTuner's public names are among them, so that a
program for it runs after ``import nas_nb as keras_tuner``.
"""

from __future__ import annotations

import os as _os
import sys as _sys
from typing import TYPE_CHECKING

from nas_nb.environment import is_headless as _is_headless
from nas_nb.environment import warn_on_stdout as _warn_on_stdout
from nas_nb.lazy import lazy as _lazy
from nas_nb.space.graph import register_drawer as _register_drawer

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell
    from keras_tuner import (
        HyperModel,
        HyperParameters,
        Objective,
        Oracle,
        SklearnTuner,
        synchronized,
    )

    from nas_nb import applications, engine, errors, oracles, spaces, tuners
    from nas_nb.course.assignments import seed_for
    from nas_nb.course.benchmark import benchmark
    from nas_nb.course.check import check
    from nas_nb.course.digest import digest
    from nas_nb.data.dataset import Data
    from nas_nb.data.datasets import load, use
    from nas_nb.environment import show_versions
    from nas_nb.errors import NasError
    from nas_nb.export.raw_input import with_raw_input
    from nas_nb.notebook.race import race
    from nas_nb.notebook.replay import replay
    from nas_nb.notebook.search_display import Search, runs
    from nas_nb.notebook.search_display import open_search as open  # noqa: A004 - as in `nas.open`
    from nas_nb.oracles.strategy_oracle import oracle
    from nas_nb.search.session import current_search
    from nas_nb.space.graph import Drawer as _Drawer
    from nas_nb.space.ranges import log_uniform, uniform
    from nas_nb.space.search_space import Architecture, SearchSpace
    from nas_nb.steps import (
        evaluate_performance,
        generate_candidate_structures,
        optimize_structure,
        select_best_structure,
    )
    from nas_nb.strategy.registry import STRATEGIES
    from nas_nb.tuners import (
        BayesianOptimization,
        GridSearch,
        Hyperband,
        RandomSearch,
        StrategyTuner,
        Tuner,
    )

# TensorFlow writes its state of mind in red below the first cell that needs it. Who has set the
# level, or has TensorFlow already, is left alone; where there is a GPU its errors are shown.
if "tensorflow" not in _sys.modules:
    _level = "2" if _os.path.exists("/dev/nvidiactl") else "3"  # noqa: PTH110 - nothing more here
    _os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", _level)

if _is_headless():
    _warn_on_stdout()

__version__ = "0.2.0"

__all__ = [
    "STRATEGIES",
    "Architecture",
    "BayesianOptimization",
    "Data",
    "GridSearch",
    "HyperModel",
    "HyperParameters",
    "Hyperband",
    "NasError",
    "Objective",
    "Oracle",
    "RandomSearch",
    "Search",
    "SearchSpace",
    "SklearnTuner",
    "StrategyTuner",
    "Tuner",
    "applications",
    "benchmark",
    "check",
    "current_search",
    "digest",
    "engine",
    "errors",
    "evaluate_performance",
    "generate_candidate_structures",
    "load",
    "log_uniform",
    "open",
    "optimize_structure",
    "oracle",
    "oracles",
    "race",
    "replay",
    "runs",
    "seed_for",
    "select_best_structure",
    "show_versions",
    "spaces",
    "synchronized",
    "tuners",
    "uniform",
    "use",
    "with_raw_input",
]

_HOMES = {
    "STRATEGIES": "nas_nb.strategy.registry",
    "Architecture": "nas_nb.space.search_space",
    "BayesianOptimization": "nas_nb.tuners",
    "Data": "nas_nb.data",
    "Tuner": "nas_nb.tuners",
    "GridSearch": "nas_nb.tuners",
    "HyperModel": "keras_tuner",
    "HyperParameters": "keras_tuner",
    "Hyperband": "nas_nb.tuners",
    "NasError": "nas_nb.errors",
    "Objective": "keras_tuner",
    "Oracle": "keras_tuner",
    "RandomSearch": "nas_nb.tuners",
    "Search": "nas_nb.notebook.search_display",
    "SearchSpace": "nas_nb.space.search_space",
    "SklearnTuner": "keras_tuner",
    "StrategyTuner": "nas_nb.tuners",
    "applications": "nas_nb.applications",
    "benchmark": "nas_nb.course.benchmark",
    "check": "nas_nb.course.check",
    "current_search": "nas_nb.search.session",
    "digest": "nas_nb.course.digest",
    "engine": "nas_nb.engine",
    "errors": "nas_nb.errors",
    "evaluate_performance": "nas_nb.steps",
    "generate_candidate_structures": "nas_nb.steps",
    "load": "nas_nb.data",
    "log_uniform": "nas_nb.space.ranges",
    "open": "nas_nb.notebook.search_display:open_search",
    "optimize_structure": "nas_nb.steps",
    "oracle": "nas_nb.oracles.strategy_oracle",
    "oracles": "nas_nb.oracles",
    "race": "nas_nb.notebook.race",
    "replay": "nas_nb.notebook.replay",
    "seed_for": "nas_nb.course.assignments",
    "runs": "nas_nb.notebook.search_display",
    "select_best_structure": "nas_nb.steps",
    "show_versions": "nas_nb.environment",
    "spaces": "nas_nb.spaces",
    "synchronized": "keras_tuner",
    "tuners": "nas_nb.tuners",
    "uniform": "nas_nb.space.ranges",
    "with_raw_input": "nas_nb.export.raw_input",
    "use": "nas_nb.data",
}

# `open` is another name where it lives: there it would hide Python's own.
__getattr__, __dir__ = _lazy(globals(), _HOMES, f"module '{__name__}' has no attribute '{{name}}'.")


@_register_drawer
def _load_drawer() -> _Drawer:
    from nas_nb.notebook.plots.diagram import draw_layout

    return draw_layout


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Adds ``%nas`` and ``%%nas`` to the shell: what ``%load_ext nas_nb`` calls."""
    from nas_nb.notebook import magics

    magics.load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Stops a running search and takes the magics away: what ``%unload_ext nas_nb`` calls."""
    from nas_nb.notebook import magics
    from nas_nb.search.session import end_running

    end_running()
    magics.unload(shell)
