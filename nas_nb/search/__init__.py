"""RUNNING it: the tuner, and the search with its thread, budget and stop."""

from __future__ import annotations

from nas_nb.search.budget import Budget, Progress
from nas_nb.search.incumbent import Incumbent
from nas_nb.search.search import Search
from nas_nb.search.session import current_search
from nas_nb.search.state import SearchState

__all__ = ["Budget", "Incumbent", "Progress", "Search", "SearchState", "current_search"]
