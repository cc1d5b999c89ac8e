"""The zero-cost proxies by name, and what they would have been worth in a search: Kendall's tau."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.stats import kendalltau

from nas_nb.errors import MeasureError, SearchError, check_whole
from nas_nb.evaluate import costs
from nas_nb.evaluate.fidelity import nested_order
from nas_nb.evaluate.global_state import seeded
from nas_nb.evaluate.proxies import grad_norm, jacob_cov, naswot, snip, synflow, zen

if TYPE_CHECKING:
    import keras

    from nas_nb.record.trial import Trial
    from nas_nb.search.search import Search


Proxy = Callable[[Any, Any, Any], float]
"""``proxy(model, x, y) -> score``, greater for a model that promises more.

The model is built, compiled and untrained; it has the weights and the state afterwards that it had
before. The score is a function of the model's weights and the batch alone.
"""


def macs_proxy(model: keras.Model, x: Any = None, y: Any = None) -> float:
    """Returns the multiply-adds of one sample."""
    single = x is not None and not isinstance(x, dict | list | tuple)
    return float(costs.macs(model, np.shape(x)[1:] if single else None))


def params_proxy(model: keras.Model, x: Any = None, y: Any = None) -> float:
    """Returns how many parameters the model has; the batch is not looked at."""
    return float(costs.params(model))


PROXIES: dict[str, Proxy] = {
    "params": params_proxy,
    "macs": macs_proxy,
    "synflow": synflow,
    "snip": snip,
    "grad_norm": grad_norm,
    "jacob_cov": jacob_cov,
    "naswot": naswot,
    "zen": zen,
}
"""The proxies by name, the two baselines first."""

FEWEST_CANDIDATES = 5
"""With fewer candidates than this an order says nothing."""
BASELINES = ("params", "macs")


class ProxyScore(NamedTuple):
    """What a proxy gives one candidate, and in how many milliseconds."""

    value: float
    ms: float


Scores = Mapping[str, ProxyScore]
"""The scores of one candidate by the proxies that are defined for it."""


class ProxyRank(NamedTuple):
    """How a proxy ordered the candidates."""

    name: str
    tau: float  # Kendall's tau-b, -1 to 1; NaN where it can't be told
    params_tau: float  # that of `params`, on the same candidates
    candidates: int  # for how many it is defined
    ms: float  # a candidate, the median; NaN for none
    ms_most: float  # for the slowest

    @property
    def beats_params(self) -> bool:
        """Whether it ordered the candidates better than `params`, and better than not at all."""
        bar = 0.0 if math.isnan(self.params_tau) else max(0.0, self.params_tau)
        return self.name != "params" and self.tau > bar


def score_all(model: keras.Model, x: Any, y: Any) -> dict[str, ProxyScore]:
    """Scores a model with every proxy that is defined for it."""
    found = {}
    for name, proxy in PROXIES.items():
        began = time.perf_counter()
        try:
            value = proxy(model, x, y)
        except MeasureError:
            continue
        found[name] = ProxyScore(value, (time.perf_counter() - began) * 1e3)
    return found


def rank_proxies(scores: Sequence[Scores], outcomes: Sequence[float]) -> tuple[ProxyRank, ...]:
    """Returns how each proxy ordered the candidates: the baselines, then the others, best first."""
    ranks = [_rank(name, scores, outcomes) for name in PROXIES]
    others = [rank for rank in ranks if rank.name not in BASELINES]
    others.sort(key=lambda rank: (math.isnan(rank.tau), -rank.tau))
    return (*(rank for rank in ranks if rank.name in BASELINES), *others)


def chance_tau(candidates: int) -> float:
    """Returns the tau, of either sign, that 19 of 20 proxies that know nothing stay below.

    By the normal approximation of Kendall, "Rank Correlation Methods", 1948, without ties.
    """
    n = candidates
    return min(1.0, 1.96 * math.sqrt(2 * (2 * n + 5) / (9 * n * (n - 1))))


def _rank(name: str, scores: Sequence[Scores], outcomes: Sequence[float]) -> ProxyRank:
    pairs = [(one, outcome) for one, outcome in zip(scores, outcomes, strict=True) if name in one]
    ms = [one[name].ms for one, _ in pairs] or [math.nan]
    tau, params_tau = _tau(name, pairs), _tau("params", pairs)
    return ProxyRank(name, tau, params_tau, len(pairs), statistics.median(ms), max(ms))


def _tau(name: str, pairs: Sequence[tuple[Scores, float]]) -> float:
    known = [(one[name].value, outcome) for one, outcome in pairs if name in one]
    if len(known) < FEWEST_CANDIDATES:
        return math.nan
    values, outcomes = zip(*known, strict=True)
    return float(kendalltau(values, outcomes)[0])


BATCH = 32
"""Samples that the proxies see: enough for all, and few enough to be quick."""

OnCandidate = Callable[[int, int], None]
"""Called with how many candidates were measured, and of how many."""


class ProxyRanks(NamedTuple):
    """How the proxies ordered candidates of a search."""

    search: str  # its name
    objective: str  # what the candidates were trained for
    candidates: int  # how many were measured
    ranks: tuple[ProxyRank, ...]  # the baselines, then the others, best first


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
