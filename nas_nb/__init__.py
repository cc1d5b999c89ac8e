"""Neural architecture search in a notebook cell.

Everything public is here under its name and is imported when it is first asked for, so that
``import nas_nb`` and ``%load_ext nas_nb`` cost milliseconds: TensorFlow is loaded by the first
search, not by the first line of the notebook.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from nas_nb import spaces
    from nas_nb.data import Data, load, use
    from nas_nb.errors import NasError
    from nas_nb.notebook.search import Search
    from nas_nb.notebook.search import open_search as open  # noqa: A004 - as in `nas.open`
    from nas_nb.search.drop_in import BayesianOptimization, GridSearch, Hyperband, RandomSearch
    from nas_nb.search.fast_tuner import FastTuner
    from nas_nb.search.session import current_search
    from nas_nb.space.architecture import Architecture
    from nas_nb.space.interval import log_uniform, uniform
    from nas_nb.space.search_space import SearchSpace
    from nas_nb.steps import (
        evaluate_performance,
        generate_candidate_structures,
        optimize_structure,
        select_best_structure,
    )
    from nas_nb.strategy.names import STRATEGIES
    from nas_nb.strategy.oracle import oracle

__version__ = "0.1.0"

__all__ = [
    "STRATEGIES",
    "Architecture",
    "BayesianOptimization",
    "Data",
    "FastTuner",
    "GridSearch",
    "Hyperband",
    "NasError",
    "RandomSearch",
    "Search",
    "SearchSpace",
    "current_search",
    "evaluate_performance",
    "generate_candidate_structures",
    "load",
    "log_uniform",
    "open",
    "optimize_structure",
    "oracle",
    "select_best_structure",
    "spaces",
    "uniform",
    "use",
]

_HOMES = {
    "STRATEGIES": "nas_nb.strategy.names",
    "Architecture": "nas_nb.space.architecture",
    "BayesianOptimization": "nas_nb.search.drop_in",
    "Data": "nas_nb.data",
    "FastTuner": "nas_nb.search.fast_tuner",
    "GridSearch": "nas_nb.search.drop_in",
    "Hyperband": "nas_nb.search.drop_in",
    "NasError": "nas_nb.errors",
    "RandomSearch": "nas_nb.search.drop_in",
    "Search": "nas_nb.notebook.search",
    "SearchSpace": "nas_nb.space.search_space",
    "current_search": "nas_nb.search.session",
    "evaluate_performance": "nas_nb.steps",
    "generate_candidate_structures": "nas_nb.steps",
    "load": "nas_nb.data",
    "log_uniform": "nas_nb.space.interval",
    "open": "nas_nb.notebook.search:open_search",
    "optimize_structure": "nas_nb.steps",
    "oracle": "nas_nb.strategy.oracle",
    "select_best_structure": "nas_nb.steps",
    "spaces": "nas_nb.spaces",
    "uniform": "nas_nb.space.interval",
    "use": "nas_nb.data",
}


def __getattr__(name: str) -> object:
    """Imports a public name from the module that holds it, once."""
    if name not in _HOMES:
        from nas_nb.errors import nearest

        raise AttributeError(f"module 'nas_nb' has no attribute '{name}'.{nearest(name, _HOMES)}")
    # "module:name" where the name is another one there: `open` would hide Python's own.
    path, _, other_name = _HOMES[name].partition(":")
    home = import_module(path)
    value = home if path == f"{__name__}.{name}" else getattr(home, other_name or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Adds ``%nas`` and ``%%nas`` to the shell: what ``%load_ext nas_nb`` calls."""
    from nas_nb.notebook import magics

    magics.load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Takes them away again: what ``%unload_ext nas_nb`` calls."""
    from nas_nb.notebook import magics

    magics.unload(shell)
