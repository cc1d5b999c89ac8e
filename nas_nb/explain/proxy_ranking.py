"""What the zero-cost proxies would have been worth in a search: they against its trials' scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nas_nb.errors import SearchError, check_whole
from nas_nb.evaluate.fidelity import nested_order
from nas_nb.evaluate.global_state import seeded
from nas_nb.evaluate.proxy_scores import (
    FEWEST_CANDIDATES,
    ProxyRank,
    ProxyScore,
    rank_proxies,
    score_all,
)

if TYPE_CHECKING:
    from nas_nb.record.trial import Trial
    from nas_nb.search.search import Search

BATCH = 32
"""Samples that the proxies see: enough for all, and few enough to be quick."""

OnCandidate = Callable[[int, int], None]
"""Called with how many candidates were measured, and of how many."""


class ProxyRanks(NamedTuple):
    """How the proxies ordered candidates of a search.

    Attributes:
        search: Its name.
        objective: What the candidates were trained for.
        candidates: How many were measured.
        ranks: The proxies: `params` and `macs`, the baselines, then the others, best first.
    """

    search: str
    objective: str
    candidates: int
    ranks: tuple[ProxyRank, ...]


def measure_proxies(search: Search, most: int, on_candidate: OnCandidate) -> ProxyRanks:
    """Rebuilds trained candidates as they were before training, and measures the proxies."""
    check_whole("", "most", most, FEWEST_CANDIDATES)
    trials = _sample(search, most)
    space, data = search.settings.fidelity_cache.of(search.settings.fidelity)
    # A fair part of every class: arrays of the user's may be sorted by it.
    rows = np.sort(nested_order(data, search.seed)[:BATCH])
    x, y = data.x_train[rows], data.y_train[rows]
    scores: list[dict[str, ProxyScore]] = []
    for trial in trials:
        with seeded(trial.seed or 0):
            model = space.build_values(trial.values)
            if not model.built:
                model(x[:1])
        scores.append(score_all(model, x, y))
        on_candidate(len(scores), len(trials))
    outcomes = [search.history.sign * (trial.score or 0.0) for trial in trials]
    return ProxyRanks(search.name, search.objective, len(trials), rank_proxies(scores, outcomes))


def _sample(search: Search, most: int) -> list[Trial]:
    """Returns trials whose scores compare, drawn from all: the latest would be alike."""
    full = search.settings.fidelity
    trials = [
        trial
        for trial in search.history.completed
        if trial.score is not None and not full.granted(trial.fidelity).is_below(full)
    ]
    if len(trials) < FEWEST_CANDIDATES:
        raise SearchError(
            f"Expected at least {FEWEST_CANDIDATES} completed trials of the full fidelity, to "
            f"compare the proxies with. Received: {len(trials)} in the search '{search.name}', "
            f"which is {search.state}. Let it train more, then ask again."
        )
    if len(trials) <= most:
        return trials
    drawn = np.random.default_rng(search.seed).choice(len(trials), most, replace=False)
    return [trials[place] for place in np.sort(drawn)]
